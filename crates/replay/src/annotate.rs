//! The captures once more, with what was decided about each packet, for Wireshark and its kin.
//!
//! One interface is described for each network interface and link type, and each packet lies on the one where it was judged first (egress comes
//! before ingress, C1); what crosses nothing known lies on an interface called `none`. Each verdict is a comment of its packet, in words of the
//! form `name=value`, so that a filter finds it:
//!
//! ```text
//! verdict=deny reason=no-rule interface=eni-web direction=ingress
//! verdict=allow reason=established interface=eni-db direction=egress rule=sgr-1 group=sg-db state=established packets=3/2
//! ```
//!
//! The state is the connection's behind the packet, and the packets are those that it has had inward and outward; so packets are
//! judged one by one where they are annotated.

use std::collections::HashMap;
use std::fmt::Write;
use std::path::Path;

use secgroup_control::Registry;
use secgroup_datapath::Connection;
use secgroup_io::{AnnotatedWriter, Record, WriteError};
use secgroup_model::NetworkInterfaceId;
use secgroup_packet::InterfaceIndex;

use crate::decided::{Decided, Fate, Judged};
use crate::session::{Burst, Session};

/// An annotated capture being written.
#[derive(Debug)]
pub(crate) struct Annotator {
    writer: AnnotatedWriter,
    /// By link type and network interface.
    interfaces: HashMap<(u16, Option<InterfaceIndex>), u32>,
}

impl Annotator {
    pub(crate) fn create(path: &Path) -> Result<Self, WriteError> {
        Ok(Self {
            writer: AnnotatedWriter::create(path)?,
            interfaces: HashMap::new(),
        })
    }

    /// Writes the packets of a burst of one.
    pub(crate) fn take(&mut self, session: &Session, burst: &Burst<'_>) -> Result<(), WriteError> {
        for seen in burst.seen() {
            let decided = burst.with_verdicts(seen);
            let connections = burst.crossings_of(seen);
            let connections = connections.map(|it| session.datapath().connection(it));
            self.packet(&decided, connections, session.registry())?;
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<u64, WriteError> {
        self.writer.finish()
    }

    fn packet(
        &mut self,
        decided: &Decided<'_>,
        connections: impl Iterator<Item = Option<Connection>>,
        registry: &Registry,
    ) -> Result<(), WriteError> {
        let mut connections = connections;
        let mut comments: Vec<_> = decided
            .judged()
            .map(|judged| comment(&judged, connections.next().flatten(), registry))
            .collect();
        match decided.fate() {
            Fate::NotIp => comments.push("verdict=none reason=not-ip".to_owned()),
            Fate::NoInterface => comments.push("verdict=none reason=no-interface".to_owned()),
            Fate::Judged(_) => {}
        }
        let first = decided.judged().next();
        let at = first.and_then(|judged| judged.interface);
        let interface = self.interface(&decided.record, at, registry)?;
        let comments = comments.iter().map(String::as_str);
        self.writer.packet(interface, &decided.record, comments)
    }

    /// The number of the interface that a packet lies on, which is described before its first packet.
    fn interface(
        &mut self,
        record: &Record<'_>,
        at: Option<InterfaceIndex>,
        registry: &Registry,
    ) -> Result<u32, WriteError> {
        let key = (record.link.number(), at);
        if let Some(&known) = self.interfaces.get(&key) {
            return Ok(known);
        }
        let id = at.and_then(|index| registry.interface(index));
        let name = id.map_or("none", NetworkInterfaceId::as_str);
        let description = if id.is_some() {
            "network interface of the policy"
        } else {
            "packets that cross no interface of the policy"
        };
        let number = self.writer.interface(record.link, name, description)?;
        self.interfaces.insert(key, number);
        Ok(number)
    }
}

/// What is said of one verdict.
fn comment(judged: &Judged, connection: Option<Connection>, registry: &Registry) -> String {
    let verdict = judged.verdict;
    let mut text = format!("verdict={} reason={}", verdict.action(), verdict.reason);
    let mut say = |name: &str, value: &dyn std::fmt::Display| {
        // Writing to a string cannot fail.
        let _ = write!(text, " {name}={value}");
    };
    if let Some(id) = judged.interface.and_then(|it| registry.interface(it)) {
        say("interface", id);
    }
    if let Some(direction) = judged.direction {
        say("direction", &direction);
    }
    if let Some(rule) = verdict.rule.and_then(|rule| registry.rule(rule)) {
        say("rule", &rule.rule.id);
        say("group", &rule.group);
    }
    if let Some(connection) = connection {
        say("state", &connection.state);
        let [inward, outward] = connection.packets;
        say("packets", &format_args!("{inward}/{outward}"));
    }
    text
}
