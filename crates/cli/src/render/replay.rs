//! The report of a replay, for people.

use std::fmt::Write;

use secgroup_replay::{DeniedFlowReport, Report, RuleReport, VerdictReport, Volume};

use crate::render::captures;
use crate::render::table::{bytes, counted, grouped, indented, number, rounded, table};

/// The whole report.
pub(crate) fn report(report: &Report) -> String {
    let mut text = String::new();
    // Writing to a string does not fail, here and below.
    let _ = begin(&mut text, report);
    if report.total.packets == 0 {
        // Tables without a packet would only bury what was said above.
        return text;
    }
    let _ = fates(&mut text, report);
    if !report.verdicts.is_empty() {
        let _ = verdicts(&mut text, report);
        let _ = interfaces(&mut text, report);
    }
    let _ = rules(&mut text, report);
    let _ = denied(&mut text, report);
    let _ = end(&mut text, report);
    text
}

fn begin(text: &mut String, report: &Report) -> std::fmt::Result {
    captures::read(text, &report.captures)?;
    for change in &report.changes {
        let (after, files) = (change.after_seconds, change.files.join(", "));
        match change.first_packet {
            Some(packet) => {
                writeln!(
                    text,
                    "policy changed to {files} after {after} s, at packet {packet}"
                )?;
            }
            None => writeln!(
                text,
                "policy {files} was due after {after} s, when no packet came"
            )?,
        }
    }
    captures::warnings(text, &report.warnings)
}

fn fates(text: &mut String, report: &Report) -> std::fmt::Result {
    let fates = &report.packets;
    let mut rows = table(&["packets", "count", "bytes", "share"]);
    for (name, volume) in [
        ("allowed", fates.allowed),
        ("denied", fates.denied),
        ("no known interface", fates.no_interface),
        ("not IP", fates.not_ip),
    ] {
        if volume.packets > 0 {
            let share = share(volume.packets, report.total.packets);
            rows.add_row(vec![
                name.into(),
                count(volume),
                size(volume),
                number(share),
            ]);
        }
    }
    writeln!(text, "\n{}", indented(&rows).trim_end())?;
    let judged = fates.allowed.packets + fates.denied.packets;
    if judged == 0 && fates.no_interface.packets > 0 {
        writeln!(text, "\n{}", nothing_judged(report))?;
    }
    Ok(())
}

/// What to do where no packet crosses an interface of the policy: the commonest way to see nothing
/// at all.
fn nothing_judged(report: &Report) -> String {
    let mut known: Vec<_> = report
        .interfaces
        .iter()
        .filter_map(|interface| interface.interface.as_deref())
        .collect();
    known.dedup();
    let why = if known.is_empty() {
        "The policy has no network interfaces, so nothing was judged.".to_owned()
    } else {
        let known = known.join(", ");
        format!("No packet is from or to an address of the policy's interfaces ({known}).")
    };
    format!("{why}\nSay which address has which groups: --attach GROUP=ADDRESS")
}

fn verdicts(text: &mut String, report: &Report) -> std::fmt::Result {
    let mut rows = table(&["verdict", "reason", "packets", "bytes"]);
    for VerdictReport {
        verdict,
        reason,
        volume,
    } in &report.verdicts
    {
        rows.add_row(vec![
            (*verdict).into(),
            (*reason).into(),
            count(*volume),
            size(*volume),
        ]);
    }
    writeln!(
        text,
        "\nVerdicts (a packet between two known interfaces has one at each)"
    )?;
    text.push_str(&indented(&rows));
    Ok(())
}

fn interfaces(text: &mut String, report: &Report) -> std::fmt::Result {
    let mut rows = table(&["interface", "direction", "allowed", "denied", "by reason"]);
    for interface in &report.interfaces {
        if interface.verdicts.is_empty() {
            continue;
        }
        let reasons: Vec<_> = interface
            .verdicts
            .iter()
            .map(|verdict| format!("{} {}", verdict.reason, grouped(verdict.volume.packets)))
            .collect();
        rows.add_row(vec![
            interface
                .interface
                .as_deref()
                .unwrap_or("(none known)")
                .into(),
            interface.direction.unwrap_or("-").into(),
            count(interface.allowed),
            count(interface.denied),
            reasons.join(", ").into(),
        ]);
    }
    writeln!(text, "\nInterfaces")?;
    text.push_str(&indented(&rows));
    Ok(())
}

fn rules(text: &mut String, report: &Report) -> std::fmt::Result {
    if !report.rules.is_empty() {
        let mut rows = table(&["packets", "bytes", "rule", "allows", "description"]);
        for rule in &report.rules {
            let mut row = vec![count(rule.volume), size(rule.volume)];
            row.extend(words(rule).map(Into::into));
            rows.add_row(row);
        }
        writeln!(
            text,
            "\nRules by packets (of the connections they admitted, too)"
        )?;
        text.push_str(&indented(&rows));
    }
    if !report.unused_rules.is_empty() {
        let mut rows = table(&["rule", "allows", "description"]);
        for rule in &report.unused_rules {
            rows.add_row(words(rule));
        }
        writeln!(text, "\nRules that admitted nothing")?;
        text.push_str(&indented(&rows));
    }
    Ok(())
}

fn words(rule: &RuleReport) -> [String; 3] {
    let description = rule.description.clone().unwrap_or_default();
    [
        rule.rule.clone(),
        format!("{} {}", rule.direction, rule.allows),
        description,
    ]
}

fn denied(text: &mut String, report: &Report) -> std::fmt::Result {
    if report.denied_flows.is_empty() {
        return Ok(());
    }
    let mut rows = table(&["packets", "at", "flow", "reason", "why"]);
    for flow in &report.denied_flows {
        rows.add_row(vec![
            count(flow.volume),
            format!("{} {}", flow.interface, flow.direction).into(),
            denied_tuple(flow).into(),
            flow.reason.into(),
            flow.why.as_str().into(),
        ]);
    }
    let (shown, all) = (report.denied_flows.len(), report.denied_flow_count);
    writeln!(text, "\nDenied flows ({shown} of {})", grouped(all))?;
    text.push_str(&indented(&rows));
    Ok(())
}

/// What tells a flow from others, as text.
pub(crate) struct FiveTuple<'a> {
    pub(crate) protocol: &'a str,
    pub(crate) src: &'a str,
    pub(crate) dst: &'a str,
    /// Source and destination port.
    pub(crate) ports: Option<(u16, u16)>,
    /// Type and code.
    pub(crate) icmp: Option<(u8, u8)>,
}

/// `tcp 192.0.2.1:40000 > 10.0.1.10:22`, `icmp 8/0 192.0.2.1 > 10.0.1.10`.
pub(crate) fn five_tuple(flow: &FiveTuple<'_>) -> String {
    let end = |address: &str, port: Option<u16>| match port {
        Some(port) if address.contains(':') => format!("[{address}]:{port}"),
        Some(port) => format!("{address}:{port}"),
        None => address.to_owned(),
    };
    let message = match flow.icmp {
        Some((kind, code)) => format!(" {kind}/{code}"),
        None => String::new(),
    };
    let (sport, dport) = flow.ports.unzip();
    let (src, dst) = (end(flow.src, sport), end(flow.dst, dport));
    format!("{}{message} {src} > {dst}", flow.protocol)
}

pub(crate) fn denied_tuple(flow: &DeniedFlowReport) -> String {
    five_tuple(&FiveTuple {
        protocol: &flow.protocol,
        src: &flow.src,
        dst: &flow.dst,
        ports: flow.sport.zip(flow.dport),
        icmp: flow.icmp_type.zip(flow.icmp_code),
    })
}

fn end(text: &mut String, report: &Report) -> std::fmt::Result {
    writeln!(
        text,
        "\n{}, {}, {:.3} s of traffic in {:.3} s: {} packets/s; {} tracked at the end",
        counted(report.total.packets, "packet"),
        bytes(report.total.bytes),
        report.capture_seconds,
        report.elapsed_seconds,
        rounded(report.packets_per_second),
        counted(report.tracked_connections, "connection"),
    )?;
    match &report.one_worker_because {
        Some(reason) => writeln!(text, "by 1 worker: {reason}"),
        None if report.workers > 1 => writeln!(text, "by {} workers", report.workers),
        None => Ok(()),
    }?;
    let Some(log) = &report.flow_log else {
        return Ok(());
    };
    let (records, files) = (counted(log.records, "record"), counted(log.files, "file"));
    let skipped = match log.packets_skipped {
        0 => String::new(),
        packets => format!(
            "; {} have none, because there were too many flows at once: SKIPDATA records stand for them, and a shorter \
             --flow-log-interval helps",
            counted(packets, "packet")
        ),
    };
    writeln!(text, "flow log: {records} in {files}{skipped}")
}

fn share(part: u64, of: u64) -> String {
    let of = of.max(1);
    let tenths = (part.saturating_mul(1000) + of / 2) / of;
    format!("{}.{} %", tenths / 10, tenths % 10)
}

fn count(volume: Volume) -> comfy_table::Cell {
    number(grouped(volume.packets))
}

fn size(volume: Volume) -> comfy_table::Cell {
    number(bytes(volume.bytes))
}
