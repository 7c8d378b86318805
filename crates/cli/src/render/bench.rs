//! What a machine can do, for people.

use std::fmt::Write;

use comfy_table::Table;
use secgroup_bench::workload::flows::short;
use secgroup_bench::{Figure, FlowsSweep, MembersPoint, Report, RulesPoint, Size};

use super::table::{bytes, grouped, indented, number, rounded, table};

/// The whole report.
pub(crate) fn bench(report: &Report) -> String {
    let mut text = String::new();
    // Writing to a string does not fail, here and below.
    let _ = head(&mut text, report);
    text.push_str(&indented(&packets(report)));
    text.push('\n');
    text.push_str(&indented(&changes(report)));
    let _ = memory(&mut text, report);
    if let Some(sweep) = &report.sweeps.flows {
        let _ = flows(&mut text, sweep);
    }
    if let Some(points) = &report.sweeps.rules {
        text.push_str("\nBy rules, best round:\n");
        text.push_str(&indented(&rules(points)));
    }
    if let Some(points) = &report.sweeps.members {
        text.push_str("\nBy members of a group, best round:\n");
        text.push_str(&indented(&members(points)));
    }
    text
}

fn head(text: &mut String, report: &Report) -> std::fmt::Result {
    let machine = &report.machine;
    let workload = &report.workload;
    let cpu = machine.cpu.as_deref().unwrap_or("unknown CPU");
    let pinned = match machine.pinned_to {
        Some(cpu) => format!("pinned to CPU {cpu} of {}", machine.cpus),
        None => "not pinned: the system does not let it".to_owned(),
    };
    let clock = machine.clock_hz / 1e9;
    writeln!(
        text,
        "secgroup {} on {cpu}, {clock:.2} GHz as measured, {pinned}",
        report.version
    )?;
    let size = match workload.size {
        Size::Bytes(bytes) => format!("{bytes} bytes"),
        Size::Imix => "IMIX sizes".to_owned(),
    };
    let draw = match workload.zipf {
        Some(exponent) => format!("by Zipf {exponent}"),
        None => "evenly".to_owned(),
    };
    let flows = short(workload.flows as usize);
    write!(
        text,
        "{flows} flows drawn {draw}, {} rules",
        grouped(u64::from(workload.rules))
    )?;
    if workload.members > 0 {
        write!(text, ", {} members", grouped(u64::from(workload.members)))?;
    }
    writeln!(
        text,
        ", frames of {size}, bursts of {}, seed {:#x}",
        workload.burst, workload.seed
    )?;
    if machine.cpu_share < 0.9 {
        let percent = machine.cpu_share * 100.0;
        writeln!(
            text,
            "note: others ran on the CPU for {:.0} % of the time; what they did to its caches is in the figures",
            100.0 - percent
        )?;
    }
    let verdicts = grouped(report.verified.verdicts);
    writeln!(
        text,
        "{verdicts} verdicts compared with the reference evaluator: all equal\n"
    )
}

/// Packets, and the stages of those of open connections.
fn packets(report: &Report) -> Table {
    let clock = report.machine.clock_hz;
    let mut rows = table(&[
        "packet",
        "best ns",
        "median ns",
        "cycles",
        "a second (median)",
    ]);
    let mut add = |name: &str, figure: &Figure, is_whole: bool| {
        let rate = if is_whole {
            rounded(figure.per_second())
        } else {
            String::new()
        };
        rows.add_row([
            name.into(),
            number(ns(figure.best)),
            number(ns(figure.median)),
            number(format!("{:.0}", figure.cycles(clock))),
            number(rate),
        ]);
    };
    let found = &report.connections;
    add("of an open connection", &found.established, true);
    add("  parse", &found.stages.parse, false);
    add("  hash, prefetch", &found.stages.hash_prefetch, false);
    add("  look up, decide, sweep", &found.stages.decide, false);
    add("  count", &found.stages.counters, false);
    add("opens a connection", &found.new, true);
    add("denied", &found.denied, true);
    add("rule match alone", &report.rules.matching, true);
    rows
}

/// Changes of the policy.
fn changes(report: &Report) -> Table {
    let mut rows = table(&["policy", "best", "median", "a second (median)"]);
    for (name, figure) in [
        ("a rule changes, until in force", &report.rules.update),
        ("compile alone", &report.rules.compile),
    ] {
        rows.add_row([
            name.into(),
            number(time(figure.best)),
            number(time(figure.median)),
            number(rounded(figure.per_second())),
        ]);
    }
    rows
}

fn memory(text: &mut String, report: &Report) -> std::fmt::Result {
    writeln!(text)?;
    let each = report.connections.bytes_each;
    let flows = short(report.workload.flows as usize);
    writeln!(
        text,
        "memory: {each:.1} B a connection with a full table of {flows}"
    )?;
    writeln!(
        text,
        "memory: {:.1} B a compiled rule",
        report.rules.bytes_each
    )?;
    if let Some(workers) = &report.workers {
        let (one, all) = (
            rounded(workers.one_per_second),
            rounded(workers.all_per_second),
        );
        writeln!(
            text,
            "workers: {} at once {all} packets/s, one alone {one}: {:.2} times as many",
            workers.workers, workers.ratio
        )?;
    }
    Ok(())
}

fn flows(text: &mut String, sweep: &FlowsSweep) -> std::fmt::Result {
    writeln!(
        text,
        "\nBy open connections, ns a packet in the best round:"
    )?;
    let zipf = format!("by Zipf {}", sweep.zipf);
    let mut rows = table(&["flows", "evenly", &zipf]);
    for point in &sweep.points {
        let flows = number(short(point.flows as usize));
        rows.add_row([
            flows,
            number(ns(point.uniform.best)),
            number(ns(point.zipf.best)),
        ]);
    }
    text.push_str(&indented(&rows));
    for size in &sweep.left_out {
        let (needed, available) = (bytes(size.needed_bytes), bytes(size.available_bytes));
        let flows = short(size.size as usize);
        writeln!(
            text,
            "  {flows} left out: takes {needed}, and {available} are available"
        )?;
    }
    Ok(())
}

fn rules(points: &[RulesPoint]) -> Table {
    let mut rows = table(&[
        "rules",
        "match ns",
        "denied ns",
        "opens ns",
        "compile",
        "change",
        "B a rule",
    ]);
    for point in points {
        rows.add_row([
            number(short(point.rules as usize)),
            number(ns(point.matching.best)),
            number(ns(point.denied.best)),
            number(ns(point.new.best)),
            number(time(point.compile.best)),
            number(time(point.update.best)),
            number(format!("{:.1}", point.bytes_each)),
        ]);
    }
    rows
}

fn members(points: &[MembersPoint]) -> Table {
    let mut rows = table(&[
        "members",
        "match ns",
        "denied ns",
        "opens ns",
        "join or leave",
    ]);
    for point in points {
        rows.add_row([
            number(short(point.members as usize)),
            number(ns(point.matching.best)),
            number(ns(point.denied.best)),
            number(ns(point.new.best)),
            number(time(point.change.best)),
        ]);
    }
    rows
}

/// Nanoseconds, of which tenths matter.
fn ns(nanoseconds: f64) -> String {
    format!("{nanoseconds:.1}")
}

/// Nanoseconds in the largest unit.
fn time(nanoseconds: f64) -> String {
    if nanoseconds >= 1e9 {
        format!("{:.2} s", nanoseconds / 1e9)
    } else if nanoseconds >= 1e6 {
        format!("{:.2} ms", nanoseconds / 1e6)
    } else {
        format!("{:.1} us", nanoseconds / 1e3)
    }
}
