//! `secgroup flows`.

use secgroup_daemon::control::{Client, ClientError};
use secgroup_daemon::protocol::{DeleteRequest, FlowsRequest};
use serde::Serialize;

use super::control::{connect, done};
use crate::args::Flows;
use crate::render::counted;
use crate::{Failure, Outcome, render, say};

/// A number in the shape in which `--json` prints it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Number {
    Matched(u64),
    Deleted(u64),
}

/// Lists connections, or does to them what was asked for.
pub(crate) fn run(args: &Flows) -> Result<Outcome, Failure> {
    let mut client = connect(&args.socket)?;
    if args.follow {
        follow(args, client)
    } else if args.delete || args.delete_all {
        delete(args, &mut client)
    } else {
        list(args, &mut client)
    }
}

fn list(args: &Flows, client: &mut Client) -> Result<Outcome, Failure> {
    let request = FlowsRequest {
        filter: args.filter(),
        limit: args.limit,
        count_only: args.count,
    };
    done(client.flows(request), |page| {
        match (args.count, args.json) {
            (true, true) => say::show_json(&Number::Matched(page.matched)),
            (true, false) => say::show(&format!("{}\n", page.matched)),
            (false, true) => say::show_json(&page),
            (false, false) => say::show(&render::flows(&page)),
        }
    })
}

fn follow(args: &Flows, client: Client) -> Result<Outcome, Failure> {
    let events = match client.follow(args.filter()) {
        Ok(events) => events,
        Err(error) => return done(Err(error), |()| Ok(())),
    };
    for event in events {
        let outcome = done(event, |event| {
            if args.json {
                say::show(&format!("{}\n", serde_json::to_string(&event)?))
            } else {
                say::show(&render::flow_event(&event))
            }
        })?;
        if outcome != Outcome::Done {
            return Ok(outcome);
        }
    }
    // The daemon ended, and following with it.
    Err(ClientError::Closed.into())
}

fn delete(args: &Flows, client: &mut Client) -> Result<Outcome, Failure> {
    let request = DeleteRequest {
        filter: args.filter(),
        all: args.delete_all,
    };
    done(client.delete(request), |count| {
        if args.json {
            say::show_json(&Number::Deleted(count))
        } else {
            say::show(&format!("{} deleted\n", counted(count, "connection")))
        }
    })
}
