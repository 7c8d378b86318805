//! `secgroup replay`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use secgroup_control::Defaults;
use secgroup_datapath::{AlwaysTrack, Settings, Timeouts};
use secgroup_model::{Inventory, VpcId};
use secgroup_replay::{Change, Plan, Report, SessionSettings, Sharing};

use crate::args::{AttachArgs, EngineArgs, PolicyArgs, Replay, TcpMode, take_policies};
use crate::commands::page::PageFile;
use crate::commands::{flow_log, outputs};
use crate::progress::Progress;
use crate::render::Made;
use crate::{Failure, Outcome, policy, render, say};

/// Replays the captures and prints the report.
pub(crate) fn run(mut args: Replay) -> Result<Outcome, Failure> {
    args.captures = take_policies(args.captures, &mut args.policy.files);
    check_usage(&args)?;
    let files = &args.policy.files;
    let Some(before) = inventory(files, &args.reading, &args.attaching)? else {
        return Ok(Outcome::BadInput);
    };
    let vpc = args.vpc.as_deref().map(VpcId::new);
    if let Some(vpc) = &vpc {
        check_vpc(&before, vpc)?;
    }
    let Some(changes) = changes(&args.changes, &args.reading, &args.attaching)? else {
        return Ok(Outcome::BadInput);
    };
    let page = args.report.as_deref().map(PageFile::create).transpose()?;
    let made = Made::now(policies(&args));
    let progress = Progress::over(&args.captures);
    let plan = Plan {
        policy: before,
        changes,
        settings: SessionSettings {
            vpc,
            ..settings(&args.engine)
        },
        verdicts: args
            .verdicts
            .as_deref()
            .map(outputs::verdicts)
            .transpose()?,
        write_allowed: args.write_allowed,
        write_denied: args.write_denied,
        annotate: args.annotate,
        survey: args.report.is_some(),
        flow_log: flow_log::plan(&args.flow_log, &policy::options(&args.reading))?,
        top: args.top,
        sharing: Sharing {
            workers: args.workers,
            ..Sharing::default()
        },
        captures: args.captures,
    };
    let report = secgroup_replay::run(plan, &mut |position| progress.show(position));
    progress.done();
    let report = report?;
    if let (Some(page), Some(survey)) = (page, &report.survey) {
        page.write(&render::replay_page(&report, survey, &made))?;
    }
    if args.json {
        say::show_json(&report)?;
    } else if args.verdicts.as_deref().is_some_and(outputs::is_standard) {
        say::tell(&render::report(&report));
    } else {
        say::show(&render::report(&report))?;
    }
    Ok(outcome(&report, args.fail_on_deny))
}

/// The policies of a replay with their files, for the page.
fn policies(args: &Replay) -> Vec<(String, Vec<String>)> {
    let names = |files: &[PathBuf]| {
        files
            .iter()
            .map(|file| file.display().to_string())
            .collect()
    };
    let mut policies = vec![("Policy".to_owned(), names(&args.policy.files))];
    let changes = args.changes.iter();
    policies.extend(changes.map(|(after, file)| {
        let after = format!("Policy after {} s", after.as_secs_f64());
        (after, names(std::slice::from_ref(file)))
    }));
    policies
}

/// What the arguments say for themselves, before anything is read or written.
fn check_usage(args: &Replay) -> Result<(), Failure> {
    if args.captures.is_empty() {
        let known = "files named .json, .yaml, .yml or .template are policies";
        return Err(format!("there is no capture to replay ({known}); name one, or '-'").into());
    }
    let from_stdin = |path: &&PathBuf| outputs::is_standard(path);
    if args.captures.iter().filter(from_stdin).count() > 1 {
        return Err("standard input ('-') can be read only once".into());
    }
    if args.json && args.verdicts.as_deref().is_some_and(outputs::is_standard) {
        let both = "--verdicts - and --json both want standard output";
        return Err(format!("{both}; write the verdicts to a file").into());
    }
    outputs::check(args)
}

/// Without an interface in the VPC nothing would be judged.
pub(crate) fn check_vpc(inventory: &Inventory, vpc: &VpcId) -> Result<(), Failure> {
    let known: BTreeSet<&VpcId> = inventory
        .interfaces
        .values()
        .filter_map(|interface| inventory.vpc_of(interface))
        .collect();
    if known.contains(vpc) {
        return Ok(());
    }
    let known: Vec<_> = known.iter().map(|vpc| vpc.as_str()).collect();
    let known = if known.is_empty() {
        "no interface says its VPC".to_owned()
    } else {
        format!("interfaces are in: {}", known.join(", "))
    };
    Err(format!("--vpc: no interface is in '{vpc}'; {known}").into())
}

/// A capture that ended in an error weighs more than a denied packet: what was not read was not
/// judged.
fn outcome(report: &Report, fail_on_deny: bool) -> Outcome {
    let errors: Vec<_> = report
        .captures
        .iter()
        .filter_map(|c| c.error.as_deref())
        .collect();
    for error in &errors {
        say::tell_error(error);
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
fn inventory(
    files: &[PathBuf],
    reading: &PolicyArgs,
    attaching: &AttachArgs,
) -> Result<Option<Inventory>, Failure> {
    let Some(mut inventory) = policy::read(files, reading) else {
        return Ok(None);
    };
    policy::attach(&mut inventory, attaching)?;
    Ok(Some(inventory))
}

/// The policies to come, one per moment; `None` where one of them has errors.
pub(super) fn changes(
    typed: &[(Duration, PathBuf)],
    reading: &PolicyArgs,
    attaching: &AttachArgs,
) -> Result<Option<Vec<Change>>, Failure> {
    let mut by_moment: BTreeMap<Duration, Vec<PathBuf>> = BTreeMap::new();
    for (after, file) in typed {
        by_moment.entry(*after).or_default().push(file.clone());
    }
    let mut changes = Vec::with_capacity(by_moment.len());
    for (after, files) in by_moment {
        let Some(policy) = inventory(&files, reading, attaching)? else {
            return Ok(None);
        };
        let files = files
            .iter()
            .map(|file| file.display().to_string())
            .collect();
        changes.push(Change {
            after,
            files,
            policy: policy.into(),
        });
    }
    Ok(Some(changes))
}

/// What was typed about the engine, for the engine.
pub(crate) fn settings(args: &EngineArgs) -> SessionSettings {
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
        vpc: None,
    }
}
