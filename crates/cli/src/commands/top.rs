//! `secgroup top`.

use std::env;
use std::thread;
use std::time::Duration;

use secgroup_daemon::protocol::TrafficOrder;
use secgroup_top::{Ended, Sampler, Settings};

use super::control::{connect, done};
use crate::args::Top;
use crate::{Failure, Outcome, say};

/// Shows what passes until somebody quits; or prints it once.
pub(crate) fn run(args: &Top) -> Result<Outcome, Failure> {
    let sampler = Sampler {
        interval: args.interval,
        by: TrafficOrder::Bytes,
    };
    if args.json {
        return once(args, sampler);
    }
    let settings = Settings {
        socket: args.socket.path(),
        sampler,
        has_colours: env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
    };
    match secgroup_top::run(settings)? {
        Ended::Quit => Ok(Outcome::Done),
        Ended::Signal(signal) => {
            // As if nobody had listened to it, so that whoever sent it sees that it did its work.
            signal_hook::low_level::emulate_default_handler(signal)?;
            Ok(Outcome::Done)
        }
    }
}

/// Flows are watched from the first look on, and told at the second.
fn once(args: &Top, sampler: Sampler) -> Result<Outcome, Failure> {
    let mut client = connect(&args.socket)?;
    let first = done(sampler.sample(&mut client, Duration::ZERO), |_| Ok(()))?;
    if first != Outcome::Done {
        return Ok(first);
    }
    thread::sleep(args.interval);
    done(sampler.sample(&mut client, args.interval), |sample| {
        say::show_json(&sample)
    })
}
