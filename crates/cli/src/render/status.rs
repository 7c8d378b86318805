//! How the daemon is, for people.

use std::fmt::Write;

use comfy_table::{Cell, Color};
use secgroup_daemon::protocol::{
    InterfaceReport, InterfaceState, PortReport, StatusDocument, VerdictReport, WorkerReport,
};

use crate::render::table::{bytes, counted, grouped, indented, number, table};

/// The whole document.
pub(crate) fn status(status: &StatusDocument) -> String {
    let mut text = String::new();
    // Writing to a string does not fail, here and below.
    let _ = daemon(&mut text, status);
    let _ = policy(&mut text, status);
    for warning in &status.warnings {
        let _ = writeln!(text, "warning: {warning}");
    }
    if !status.interfaces.is_empty() {
        interfaces(&mut text, &status.interfaces);
        verdicts(&mut text, &status.interfaces);
        devices(&mut text, &status.interfaces);
    }
    workers(&mut text, &status.workers);
    flow_logs(&mut text, status);
    text
}

fn flow_logs(text: &mut String, status: &StatusDocument) {
    if status.flow_logs.is_empty() {
        return;
    }
    let mut rows = table(&[
        "flow log",
        "flows",
        "records",
        "files",
        "lost records",
        "lost packets",
    ]);
    for log in &status.flow_logs {
        rows.add_row(vec![
            log.id.as_str().into(),
            number(grouped(log.flows)),
            number(grouped(log.records)),
            number(grouped(log.files)),
            number(grouped(log.records_lost)),
            number(grouped(log.packets_skipped)),
        ]);
    }
    text.push_str("\nFlow logs\n");
    text.push_str(&indented(&rows));
    for log in &status.flow_logs {
        if let Some(failure) = &log.failure {
            text.push_str(&format!("  {}: {failure}\n", log.id));
        }
    }
}

fn daemon(text: &mut String, status: &StatusDocument) -> std::fmt::Result {
    let StatusDocument { version, pid, .. } = status;
    let up = lasting(status.uptime_seconds);
    writeln!(text, "secgroup {version}, pid {pid}, up {up}")?;
    if status.audit {
        writeln!(text, "audit: verdicts are counted, nothing is dropped")?;
    }
    Ok(())
}

fn policy(text: &mut String, status: &StatusDocument) -> std::fmt::Result {
    let policy = &status.policy;
    let now = status.started_at.saturating_add(status.uptime_seconds);
    writeln!(
        text,
        "policy {} of {}: {}, {}, loaded {} ago",
        policy.generation,
        policy.files.join(", "),
        counted(policy.rules, "rule"),
        counted(policy.interfaces, "interface"),
        lasting(now.saturating_sub(policy.loaded_at)),
    )?;
    let reloads = status.reloads;
    if reloads.ok + reloads.refused > 0 {
        let ok = counted(reloads.ok, "reload");
        writeln!(text, "{ok}, {} refused", grouped(reloads.refused))?;
    }
    if let Some(error) = &policy.last_error {
        writeln!(text, "the last reload was refused: {}", error.trim_end())?;
    }
    Ok(())
}

fn interfaces(text: &mut String, interfaces: &[InterfaceReport]) {
    let mut rows = table(&[
        "interface",
        "id",
        "mode",
        "state",
        "workers",
        "connections",
        "allowed",
        "denied",
    ]);
    for interface in interfaces {
        let workers: Vec<_> = interface.workers.iter().map(u16::to_string).collect();
        rows.add_row(vec![
            interface.name.as_str().into(),
            interface.id.as_str().into(),
            mode(interface).into(),
            state(interface),
            workers.join(",").into(),
            number(connections(interface)),
            number(sum(interface, "allow")),
            number(sum(interface, "deny")),
        ]);
    }
    text.push_str("\nInterfaces (packets)\n");
    text.push_str(&indented(&rows));
    for interface in interfaces {
        if let Some(why) = &interface.why {
            text.push_str(&format!("  {} is closed: {why}\n", interface.name));
        }
    }
}

fn mode(interface: &InterfaceReport) -> String {
    let audit = if interface.audit { ", audit" } else { "" };
    format!("{}{audit}", interface.mode)
}

fn state(interface: &InterfaceReport) -> Cell {
    match interface.state {
        InterfaceState::Open => Cell::new("open").fg(Color::Green),
        InterfaceState::Closed => Cell::new("closed").fg(Color::Red),
    }
}

fn connections(interface: &InterfaceReport) -> String {
    let tracked = grouped(interface.connections.into());
    match interface.allowance {
        Some(allowance) => format!("{tracked} of {}", grouped(allowance.into())),
        None => tracked,
    }
}

fn sum(interface: &InterfaceReport, verdict: &str) -> String {
    let of_verdict = |report: &&VerdictReport| report.verdict == verdict;
    let reports = interface.verdicts.iter().filter(of_verdict);
    grouped(reports.map(|report| report.packets).sum())
}

fn verdicts(text: &mut String, interfaces: &[InterfaceReport]) {
    let mut rows = table(&[
        "interface",
        "direction",
        "verdict",
        "reason",
        "packets",
        "bytes",
    ]);
    for interface in interfaces {
        for report in &interface.verdicts {
            rows.add_row(vec![
                interface.name.as_str().into(),
                report.direction.as_str().into(),
                report.verdict.as_str().into(),
                report.reason.as_str().into(),
                number(grouped(report.packets)),
                number(bytes(report.bytes)),
            ]);
        }
        // Not verdicts, but as much the fate of a frame.
        for (verdict, reason, frames) in [
            ("pass", "not-ip", interface.not_ip_passed),
            ("drop", "not-ip", interface.not_ip_dropped),
            ("drop", "larger than the MTU", interface.oversize),
        ] {
            if frames > 0 {
                let name = interface.name.as_str().into();
                let (verdict, reason) = (verdict.into(), reason.into());
                rows.add_row(vec![
                    name,
                    "-".into(),
                    verdict,
                    reason,
                    number(grouped(frames)),
                    number("-"),
                ]);
            }
        }
    }
    if !rows.is_empty() {
        text.push_str("\nVerdicts\n");
        text.push_str(&indented(&rows));
    }
}

fn devices(text: &mut String, interfaces: &[InterfaceReport]) {
    let mut rows = table(&[
        "interface",
        "side",
        "device",
        "backend",
        "received",
        "sent",
        "lost",
    ]);
    for interface in interfaces {
        for port in &interface.ports {
            rows.add_row(vec![
                interface.name.as_str().into(),
                port.side.as_str().into(),
                port.device.as_str().into(),
                port.backend.as_str().into(),
                number(grouped(port.received)),
                number(grouped(port.sent)),
                lost(port).into(),
            ]);
        }
    }
    if !rows.is_empty() {
        text.push_str("\nDevices (frames)\n");
        text.push_str(&indented(&rows));
    }
}

/// What was lost at a device, by cause.
fn lost(port: &PortReport) -> String {
    let causes: Vec<_> = [
        ("ring full", port.ring_drops),
        ("not sent", port.not_sent),
        ("truncated", port.truncated),
        ("VLAN", port.vlan_drops),
        ("offload", port.offload_drops),
    ]
    .into_iter()
    .filter(|(_, frames)| *frames > 0)
    .map(|(cause, frames)| format!("{cause} {}", grouped(frames)))
    .collect();
    if causes.is_empty() {
        "-".to_owned()
    } else {
        causes.join(", ")
    }
}

fn workers(text: &mut String, workers: &[WorkerReport]) {
    let mut rows = table(&[
        "worker",
        "frames",
        "ipv4",
        "ipv6",
        "handed over",
        "lost",
        "turned away",
        "panics",
    ]);
    for worker in workers {
        let room = |used: u32, all: u32| {
            number(format!(
                "{} of {}",
                grouped(used.into()),
                grouped(all.into())
            ))
        };
        rows.add_row(vec![
            number(worker.worker.to_string()),
            number(grouped(worker.frames)),
            room(worker.connections.ipv4, worker.capacity.ipv4),
            room(worker.connections.ipv6, worker.capacity.ipv6),
            number(grouped(worker.handed_over)),
            number(grouped(worker.handoff_full)),
            number(grouped(worker.table_full + worker.crowded)),
            number(grouped(worker.panics)),
        ]);
    }
    if !rows.is_empty() {
        text.push_str("\nWorkers (connections of the room there is)\n");
        text.push_str(&indented(&rows));
    }
}

/// A time in its two largest units: `59 s`, `1 min 5 s`, `2 h 3 min`, `4 d 5 h`.
pub(super) fn lasting(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, _, _) => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_two_units() {
        let shown: Vec<_> = [0, 59, 65, 3599, 7_380, 363_600].map(lasting).into();
        assert_eq!(
            shown,
            [
                "0 s",
                "59 s",
                "1 min 5 s",
                "59 min 59 s",
                "2 h 3 min",
                "4 d 5 h"
            ]
        );
    }
}
