//! `secgroup explain`.

use secgroup_analysis::{Explained, Explainer, Flow};
use secgroup_daemon::protocol::ExplainRequest;
use secgroup_model::{Inventory, VpcId};
use secgroup_replay::{Examination, SessionSettings, examine};

use super::control::{connect, done};
use crate::args::{Explain, take_policies};
use crate::commands::replay::{changes, settings};
use crate::progress::Progress;
use crate::{Failure, Outcome, policy, render, say};

/// Explains one packet.
pub(crate) fn run(mut args: Explain) -> Result<Outcome, Failure> {
    if args.live {
        return live(&args);
    }
    args.flow = take_policies(args.flow, &mut args.policy.files);
    if !args.captures.is_empty() && !args.flow.is_empty() {
        let flow = args.flow.join(" ");
        return Err(format!("'{flow}' and --capture both name a packet; leave one out").into());
    }
    let Some(mut inventory) = policy::read(&args.policy.files, &args.reading) else {
        return Ok(Outcome::BadInput);
    };
    policy::attach(&mut inventory, &args.attaching)?;
    let explained = match args.packet {
        Some(number) => captured(&args, inventory, number)?,
        None => Some(typed(&args, &inventory)?),
    };
    match explained {
        Some(explained) => show(&explained, args.json).map(|()| Outcome::Done),
        None => Ok(Outcome::BadInput),
    }
}

/// A packet that the running firewall would meet now.
fn live(args: &Explain) -> Result<Outcome, Failure> {
    let flow = args.flow.join(" ");
    // What is no flow is a mistake here, not a failure there.
    let _: Flow = flow.parse()?;
    let request = ExplainRequest {
        flow,
        interface: args.interface.clone(),
        direction: args.direction.map(Into::into),
    };
    let explained = connect(&args.socket)?.explain(request);
    done(explained, |explained| show(&explained, args.json))
}

/// A packet that was typed.
fn typed(args: &Explain, inventory: &Inventory) -> Result<Explained, Failure> {
    let flow: Flow = args.flow.join(" ").parse()?;
    let settings = settings(&args.engine);
    let explainer = Explainer::new(inventory, &settings.engine, &settings.defaults);
    let direction = args.direction.map(Into::into);
    Ok(explainer.explain(args.interface.as_deref(), direction, &flow)?)
}

/// A packet of a capture; `None` where a policy to change to has errors.
fn captured(args: &Explain, policy: Inventory, number: u64) -> Result<Option<Explained>, Failure> {
    let Some(changes) = changes(&args.changes, &args.reading, &args.attaching)? else {
        return Ok(None);
    };
    let progress = Progress::over(&args.captures);
    let examination = Examination {
        captures: args.captures.clone(),
        policy,
        changes,
        settings: SessionSettings {
            vpc: args.vpc.as_deref().map(VpcId::new),
            ..settings(&args.engine)
        },
        number,
    };
    let explained = examine(examination, &mut |position| progress.show(position));
    progress.done();
    Ok(Some(explained?))
}

fn show(explained: &Explained, json: bool) -> Result<(), Failure> {
    if json {
        say::show_json(explained)
    } else {
        say::show(&render::explained(explained))
    }
}
