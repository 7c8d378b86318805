//! `secgroup explain`.

use secgroup_analysis::{Flow, explain};

use crate::args::{Direction, Explain, take_policies};
use crate::commands::replay::settings;
use crate::{Failure, Outcome, policy, render, say};

/// Explains one packet.
pub(crate) fn run(mut args: Explain) -> Result<Outcome, Failure> {
    let words = take_policies(args.flow, &mut args.policy.files);
    let flow: Flow = words.join(" ").parse()?;
    let Some(mut inventory) = policy::read(&args.policy.files, &args.reading) else {
        return Ok(Outcome::BadInput);
    };
    policy::attach(&mut inventory, &args.attaching)?;
    let direction = args.direction.map(|direction| match direction {
        Direction::Ingress => secgroup_packet::Direction::Ingress,
        Direction::Egress => secgroup_packet::Direction::Egress,
    });
    let settings = settings(&args.engine);
    let explanations = explain(
        &inventory,
        args.interface.as_deref(),
        direction,
        &flow,
        (&settings.engine, &settings.defaults),
    )?;
    if args.json {
        say::show_json(&explanations)?;
    } else {
        let texts: Vec<_> = explanations.iter().map(render::explanation).collect();
        say::show(&texts.join("\n"))?;
    }
    Ok(Outcome::Done)
}
