//! `secgroup explain`.

use std::io::{Write, stdout};

use secgroup_analysis::{Flow, explain};

use crate::args::{Direction, Explain};
use crate::commands::replay::settings;
use crate::{Failure, Outcome, policy, render};

/// Explains one packet.
pub(crate) fn run(args: &Explain) -> Result<Outcome, Failure> {
    let flow: Flow = args.flow.parse()?;
    let Some(mut inventory) = policy::read(&args.policies, &args.reading) else {
        return Ok(Outcome::BadInput);
    };
    policy::attach(&mut inventory, &args.attaching)?;
    let direction = args.direction.map(|direction| match direction {
        Direction::Ingress => secgroup_packet::Direction::Ingress,
        Direction::Egress => secgroup_packet::Direction::Egress,
    });
    let settings = settings(&args.engine, None);
    let explanations = explain(
        &inventory,
        args.interface.as_deref(),
        direction,
        &flow,
        (&settings.engine, &settings.defaults),
    )?;
    let mut out = stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &explanations)?;
        writeln!(out)?;
    } else {
        for explanation in &explanations {
            out.write_all(render::explanation(explanation).as_bytes())?;
        }
    }
    Ok(Outcome::Done)
}
