//! `secgroup replay`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write, stdout};
use std::path::{Path, PathBuf};
use std::time::Duration;

use secgroup_control::Defaults;
use secgroup_datapath::{AlwaysTrack, Settings, Timeouts};
use secgroup_model::{Inventory, VpcId};
use secgroup_replay::{Change, Plan, Report, SessionSettings};

use crate::args::{EngineArgs, Replay, TcpMode};
use crate::progress::Progress;
use crate::{Failure, Outcome, policy, render};

/// Replays the captures and prints the report.
pub(crate) fn run(args: Replay) -> Result<Outcome, Failure> {
    let verdicts_on_stdout = args.verdicts.as_deref() == Some(Path::new("-"));
    if verdicts_on_stdout && args.json {
        return Err(
            "--verdicts - and --json both want standard output; write one of them to a file".into(),
        );
    }
    if args
        .captures
        .iter()
        .filter(|path| path.as_path() == Path::new("-"))
        .count()
        > 1
    {
        return Err("standard input ('-') can be read only once".into());
    }
    let Some(before) = inventory(&args.policies, &args)? else {
        return Ok(Outcome::BadInput);
    };
    let Some(changes) = changes(&args)? else {
        return Ok(Outcome::BadInput);
    };
    let progress = Progress::over(&args.captures);
    let plan = Plan {
        policy: before,
        changes,
        settings: settings(&args.engine, args.attaching.vpc.as_deref()),
        verdicts: args.verdicts.as_deref().map(create).transpose()?,
        write_allowed: args.write_allowed,
        write_denied: args.write_denied,
        top: args.top,
        captures: args.captures,
    };
    let report = secgroup_replay::run(plan, &mut |position| progress.show(position));
    progress.done();
    let report = report?;
    if args.json {
        let mut out = stdout().lock();
        serde_json::to_writer_pretty(&mut out, &report)?;
        writeln!(out)?;
    } else if verdicts_on_stdout {
        eprint!("{}", render::report(&report));
    } else {
        stdout().write_all(render::report(&report).as_bytes())?;
    }
    Ok(outcome(&report, args.fail_on_deny))
}

/// A capture that ended in an error weighs more than a denied packet: what was not read was not judged.
fn outcome(report: &Report, fail_on_deny: bool) -> Outcome {
    let errors: Vec<_> = report
        .captures
        .iter()
        .filter_map(|c| c.error.as_deref())
        .collect();
    for error in &errors {
        eprintln!("error: {error}");
    }
    if !errors.is_empty() {
        Outcome::BadInput
    } else if fail_on_deny && report.packets.denied.packets > 0 {
        Outcome::CheckFailed
    } else {
        Outcome::Done
    }
}

/// The policy in `files`, with the interfaces that were typed.
fn inventory(files: &[PathBuf], args: &Replay) -> Result<Option<Inventory>, Failure> {
    let Some(mut inventory) = policy::read(files, &args.reading) else {
        return Ok(None);
    };
    policy::attach(&mut inventory, &args.attaching)?;
    Ok(Some(inventory))
}

/// The policies to come, one per moment.
fn changes(args: &Replay) -> Result<Option<Vec<Change>>, Failure> {
    let mut by_moment: BTreeMap<Duration, Vec<PathBuf>> = BTreeMap::new();
    for (after, file) in &args.changes {
        by_moment.entry(*after).or_default().push(file.clone());
    }
    let mut changes = Vec::with_capacity(by_moment.len());
    for (after, files) in by_moment {
        let Some(policy) = inventory(&files, args)? else {
            return Ok(None);
        };
        let files = files
            .iter()
            .map(|file| file.display().to_string())
            .collect();
        changes.push(Change {
            after,
            files,
            policy,
        });
    }
    Ok(Some(changes))
}

/// What was typed about the engine, for the engine.
pub(crate) fn settings(args: &EngineArgs, vpc: Option<&str>) -> SessionSettings {
    let standard = Timeouts::default();
    let timeouts = Timeouts {
        tcp_established: args
            .tcp_established_timeout
            .unwrap_or(standard.tcp_established),
        udp: args.udp_timeout.unwrap_or(standard.udp),
        udp_stream: args.udp_stream_timeout.unwrap_or(standard.udp_stream),
        ..standard
    };
    let engine = Settings {
        tcp: match args.tcp {
            TcpMode::Strict => secgroup_datapath::TcpMode::Strict,
            TcpMode::Loose => secgroup_datapath::TcpMode::Loose,
        },
        start_grace: args.start_grace,
        change_grace: args.change_grace,
        icmp_related: !args.no_icmp_related,
        verify_checksums: args.verify_checksums,
        capacity: args.connections,
        capacity_v6: args.connections,
        seed: std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0),
        ..Settings::default()
    };
    let defaults = Defaults {
        timeouts,
        exemptions: !args.no_exemptions,
        link_local_pps: (args.link_local_pps > 0).then_some(args.link_local_pps),
        always_track: match args.always_track.as_deref() {
            None => AlwaysTrack::Never,
            Some([]) => AlwaysTrack::Always,
            Some(peers) => AlwaysTrack::Peers(peers.to_vec()),
        },
        allowance: args.allowance,
    };
    SessionSettings {
        engine,
        defaults,
        vpc: vpc.map(VpcId::new),
    }
}

/// A file, or standard output for `-`.
fn create(path: &Path) -> Result<Box<dyn Write + Send>, Failure> {
    if path == Path::new("-") {
        return Ok(Box::new(BufWriter::new(stdout())));
    }
    let file = File::create(path)
        .map_err(|error| format!("cannot write verdicts to {}: {error}", path.display()))?;
    Ok(Box::new(file))
}
