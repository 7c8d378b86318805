//! The families of what carries traffic: interfaces, their devices, and workers.

use std::fmt;

use prometheus_client::registry::Unit;
use secgroup_runtime::WorkerStatus;

use super::Measured;
use super::families::share;
use super::sheet::{Labels, Sheet, ratio};
use crate::protocol::{InterfaceReport, InterfaceState, PortReport, VerdictReport, WorkerReport};

pub(super) fn interfaces(sheet: &mut Sheet<'_>, all: &[InterfaceReport]) -> fmt::Result {
    verdicts(sheet, all)?;
    let of = |count: fn(&InterfaceReport) -> u64| {
        all.iter()
            .map(move |interface| (interface_label(interface), count(interface)))
    };
    sheet.gauges(
        "interface_up",
        None,
        "1 while its devices are open.",
        of(|i| u64::from(i.state == InterfaceState::Open)),
    )?;
    sheet.gauges(
        "interface_audit",
        None,
        "1 while verdicts are only counted.",
        of(|i| u64::from(i.audit)),
    )?;
    sheet.gauges(
        "connections",
        None,
        "Connections tracked.",
        of(|i| u64::from(i.connections)),
    )?;
    let allowed = || {
        all.iter()
            .filter_map(|interface| Some((interface, interface.allowance?)))
    };
    let allowances = allowed().map(|(i, allowance)| (interface_label(i), allowance));
    sheet.gauges(
        "connections_allowance",
        None,
        "Connections that an interface may have.",
        allowances,
    )?;
    let used =
        allowed().map(|(i, allowance)| (interface_label(i), share(i.connections, allowance)));
    sheet.gauges(
        "connections_allowance_used",
        Some(&ratio()),
        "The share of its allowance that an interface has used up.",
        used,
    )?;
    let not_ip = all.iter().flat_map(|i| {
        let outcomes = [("passed", i.not_ip_passed), ("dropped", i.not_ip_dropped)];
        outcomes.map(|(outcome, count)| {
            let [interface] = interface_label(i);
            ([interface, ("outcome", outcome)], count)
        })
    });
    sheet.counters(
        "not_ip_frames",
        None,
        "Frames that are not IP, ARP among them.",
        not_ip,
    )?;
    sheet.counters(
        "oversize_frames",
        None,
        "Frames dropped because they were larger than the MTU on the other side.",
        of(|i| i.oversize),
    )?;
    devices(sheet, all)
}

fn verdicts(sheet: &mut Sheet<'_>, all: &[InterfaceReport]) -> fmt::Result {
    let of = |count: fn(&VerdictReport) -> u64| {
        all.iter().flat_map(move |interface| {
            interface.verdicts.iter().map(move |verdict| {
                let [interface] = interface_label(interface);
                let labels = [
                    interface,
                    ("direction", verdict.direction.as_str()),
                    ("verdict", verdict.verdict.as_str()),
                    ("reason", verdict.reason.as_str()),
                ];
                (labels, count(verdict))
            })
        })
    };
    sheet.counters("packets", None, "Packets judged, those of malformed frames among them; under audit, by what would have become of them.", of(|v| v.packets))?;
    sheet.counters(
        "packet",
        Some(&Unit::Bytes),
        "Bytes of IP packets judged; of malformed frames, bytes on the wire.",
        of(|v| v.bytes),
    )
}

fn devices(sheet: &mut Sheet<'_>, all: &[InterfaceReport]) -> fmt::Result {
    let of = |count: fn(&PortReport) -> u64| {
        all.iter().flat_map(move |interface| {
            let labels = move |port| device_labels(interface, port);
            interface
                .ports
                .iter()
                .map(move |port| (labels(port), count(port)))
        })
    };
    sheet.counters(
        "device_received_frames",
        None,
        "Frames received from a device.",
        of(|port| port.received),
    )?;
    sheet.counters(
        "device_sent_frames",
        None,
        "Frames sent to a device.",
        of(|port| port.sent),
    )?;
    let drops = all.iter().flat_map(|interface| {
        interface.ports.iter().flat_map(move |port| {
            let causes = [
                ("ring-full", port.ring_drops),
                ("truncated", port.truncated),
                ("vlan", port.vlan_drops),
                ("offload", port.offload_drops),
                ("not-sent", port.not_sent),
            ];
            causes.map(|(cause, count)| {
                let [interface, side, device] = device_labels(interface, port);
                ([interface, side, device, ("cause", cause)], count)
            })
        })
    });
    sheet.counters(
        "device_dropped_frames",
        None,
        "Frames lost at a device, whatever their verdict.",
        drops,
    )
}

fn interface_label(interface: &InterfaceReport) -> Labels<'_, 1> {
    [("interface", interface.name.as_str())]
}

fn device_labels<'a>(interface: &'a InterfaceReport, port: &'a PortReport) -> Labels<'a, 3> {
    let [interface] = interface_label(interface);
    [interface, ("side", &port.side), ("device", &port.device)]
}

pub(super) fn workers(sheet: &mut Sheet<'_>, measured: &Measured) -> fmt::Result {
    let numbers: Vec<_> = measured
        .document
        .workers
        .iter()
        .map(|worker| worker.worker.to_string())
        .collect();
    let all: Vec<_> = numbers
        .iter()
        .zip(&measured.document.workers)
        .zip(&measured.workers)
        .collect();
    let restarts = all
        .iter()
        .map(|((number, worker), _)| ([("worker", number.as_str())], worker.panics));
    sheet.counters(
        "worker_restarts",
        None,
        "Panics of a worker, which is started again, and counts anew.",
        restarts,
    )?;
    let stuck = all
        .iter()
        .map(|((number, _), status)| ([("worker", number.as_str())], u64::from(status.stuck)));
    sheet.gauges(
        "worker_stuck",
        None,
        "1 while a worker does not answer; then there are no sums over workers.",
        stuck,
    )?;
    let answering: Vec<_> = all
        .into_iter()
        .filter(|(_, status)| !status.stuck)
        .collect();
    let of = |count: fn(&WorkerReport, &WorkerStatus) -> u64| {
        answering.iter().map(move |((number, worker), status)| {
            ([("worker", number.as_str())], count(worker, status))
        })
    };
    sheet.counters(
        "worker_frames",
        None,
        "Frames received, those handed over by other workers among them.",
        of(|w, _| w.frames),
    )?;
    sheet.counters(
        "worker_busy_turns",
        None,
        "Turns that found something to do.",
        of(|w, _| w.busy_turns),
    )?;
    sheet.counters(
        "worker_handed_over_frames",
        None,
        "Frames handed over to another worker.",
        of(|w, _| w.handed_over),
    )?;
    sheet.counters(
        "worker_lost_events",
        None,
        "Lines for the log and for followers that nobody took in time.",
        of(|_, s| s.events_lost),
    )?;
    sheet.counters(
        "connections_gave_way",
        None,
        "Half-open connections that gave way to new ones.",
        of(|w, _| w.gave_way),
    )?;
    let dropped = answering.iter().flat_map(|((number, worker), status)| {
        let causes = [
            ("channel-full", worker.handoff_full),
            ("too-late", status.handoff_late),
        ];
        causes.map(|(cause, count)| ([("worker", number.as_str()), ("cause", cause)], count))
    });
    sheet.counters(
        "worker_dropped_frames",
        None,
        "Frames lost on their way from one worker to another.",
        dropped,
    )?;
    let refused = answering.iter().flat_map(|((number, worker), _)| {
        let causes = [("full", worker.table_full), ("crowded", worker.crowded)];
        causes.map(|(cause, count)| ([("worker", number.as_str()), ("cause", cause)], count))
    });
    sheet.counters("connections_refused", None, "New connections turned away: the table or an allowance was full, or the places of their hash were.", refused)?;
    let tables_of: Vec<_> = answering
        .iter()
        .map(|((number, worker), _)| (number.as_str(), *worker))
        .collect();
    tables(sheet, &tables_of)
}

fn tables(sheet: &mut Sheet<'_>, workers: &[(&str, &WorkerReport)]) -> fmt::Result {
    let of = |count: fn(u32, u32) -> f64| {
        workers.iter().flat_map(move |&(number, worker)| {
            let (held, room) = (worker.connections, worker.capacity);
            let families = [
                ("ipv4", count(held.ipv4, room.ipv4)),
                ("ipv6", count(held.ipv6, room.ipv6)),
            ];
            families.map(|(family, value)| ([("worker", number), ("family", family)], value))
        })
    };
    sheet.gauges(
        "table_connections",
        None,
        "Connections in a worker's table.",
        of(|held, _| f64::from(held)),
    )?;
    sheet.gauges(
        "table_capacity",
        None,
        "Connections that it has room for.",
        of(|_, room| f64::from(room)),
    )?;
    sheet.gauges(
        "table_load",
        Some(&ratio()),
        "The share of its room that is taken.",
        of(share),
    )
}
