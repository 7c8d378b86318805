//! Connections, for people.

use std::net::{IpAddr, SocketAddr};

use secgroup_daemon::protocol::{CloseCause, FlowEvent, FlowLine, FlowPage};
use secgroup_packet::Direction;

use crate::render::status::lasting;
use crate::render::table::{bytes, counted, grouped, indented, number, table};

/// A page of connections, and how many there are.
pub(crate) fn flows(page: &FlowPage) -> String {
    let shown = page.flows.len() as u64;
    let all = counted(page.matched, "connection");
    let last = if shown < page.matched {
        let shown = grouped(shown);
        format!("{shown} of {all}; --limit shows more, a filter fewer\n")
    } else {
        format!("{all}\n")
    };
    if page.flows.is_empty() {
        return last;
    }
    let mut rows = table(&[
        "interface",
        "protocol",
        "local",
        "",
        "remote",
        "state",
        "expires in",
        "packets in",
        "bytes in",
        "packets out",
        "bytes out",
        "rule",
    ]);
    for flow in &page.flows {
        rows.add_row(vec![
            flow.interface.as_str().into(),
            protocol(flow).into(),
            end(flow.local, flow.local_port).into(),
            arrow(flow).into(),
            end(flow.remote, flow.remote_port).into(),
            flow.state.as_str().into(),
            number(lasting(flow.expires_in_seconds)),
            number(grouped(flow.ingress_packets)),
            number(bytes(flow.ingress_bytes)),
            number(grouped(flow.egress_packets)),
            number(bytes(flow.egress_bytes)),
            flow.rule.as_deref().unwrap_or("-").into(),
        ]);
    }
    format!("{}\n{last}", indented(&rows))
}

/// A connection that opened or closed, in one line.
pub(crate) fn event(event: &FlowEvent) -> String {
    let flow = event.flow();
    let what = match event {
        FlowEvent::Opened { .. } => "opened",
        FlowEvent::Closed { cause, .. } => match cause {
            CloseCause::RanOut => "ran out",
            CloseCause::Deleted => "deleted",
            CloseCause::Gone => "closed",
        },
    };
    let rule = flow.rule.as_deref().unwrap_or("no rule");
    let volume = match event {
        FlowEvent::Opened { .. } => String::new(),
        FlowEvent::Closed { .. } => format!(
            ", {} in, {} out",
            bytes(flow.ingress_bytes),
            bytes(flow.egress_bytes)
        ),
    };
    format!(
        "{what:8} {} {} {} {} {} {} by {rule}{volume}\n",
        flow.interface,
        protocol(flow),
        end(flow.local, flow.local_port),
        arrow(flow),
        end(flow.remote, flow.remote_port),
        flow.state,
    )
}

/// Who opened it: the arrow points away from him.
const fn arrow(flow: &FlowLine) -> &'static str {
    match flow.opened {
        Direction::Egress => ">",
        Direction::Ingress => "<",
    }
}

fn protocol(flow: &FlowLine) -> String {
    match flow.icmp_id {
        Some(id) => format!("{} id {id}", flow.protocol),
        None => flow.protocol.clone(),
    }
}

fn end(address: IpAddr, port: Option<u16>) -> String {
    match port {
        Some(port) => SocketAddr::new(address, port).to_string(),
        None => address.to_string(),
    }
}
