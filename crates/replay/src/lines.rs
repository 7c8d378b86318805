//! Verdict lines: JSON Lines, one object per packet and interface crossed.
//!
//! | field | |
//! |---|---|
//! | `packet` | 1-based number in the order read, over all captures |
//! | `capture` | the file; absent where there is only one |
//! | `time` | seconds since the epoch, with the digits of the capture |
//! | `interface`, `direction` | where the verdict was given; `null` where the packet crosses nothing known |
//! | `src`, `dst` | addresses; `null` where it is not IP or they could not be read |
//! | `protocol` | `tcp`, `udp`, `icmp`, `icmpv6` or the decimal number, as text; `null` likewise |
//! | `sport`, `dport` | of TCP and UDP; absent otherwise, and in later fragments |
//! | `icmp_type`, `icmp_code` | of ICMP and ICMPv6; absent otherwise |
//! | `length` | bytes on the wire |
//! | `verdict` | `allow`, `deny`, or `none` where nothing judges it |
//! | `reason` | see the reasons of the datapath; of `none`: `no-interface`, `not-ip` |
//! | `rule`, `group` | the rule that admits the packet, or admitted its connection; `null` where there is none |
//! | `detail` | what is wrong with a malformed frame, or what a frame is that is not IP; absent otherwise |

use std::fmt::Write;

use secgroup_control::Registry;
use secgroup_io::Record;
use secgroup_packet::{L4, Packet};

use crate::decided::{Decided, Fate, Judged};
use crate::look::Kind;

/// Writes verdict lines into a buffer.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    text: String,
    /// The field that says which capture lines are of; empty where there is only one.
    capture: String,
}

impl Lines {
    /// The lines to come are of this capture, one of several.
    pub(crate) fn of_capture(&mut self, name: &str) {
        self.capture = format!(",\"capture\":{}", serde_json::Value::from(name));
    }

    /// The lines to come are of the only capture.
    pub(crate) fn of_one_capture(&mut self) {
        self.capture.clear();
    }

    /// Exchanges what was written for `empty`.
    pub(crate) fn swap(&mut self, empty: &mut String) {
        std::mem::swap(&mut self.text, empty);
    }

    /// Appends lines that were written elsewhere.
    pub(crate) fn append(&mut self, lines: &str) {
        self.text.push_str(lines);
    }

    /// What was written since the last time.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.text).into_bytes()
    }

    /// How many bytes wait to be taken.
    pub(crate) const fn len(&self) -> usize {
        self.text.len()
    }

    /// The lines of a packet: one for each verdict, or one that says why there is none.
    pub(crate) fn packet(&mut self, number: u64, packet: &Decided<'_>, registry: &Registry) {
        match packet.fate() {
            Fate::NotIp => self.unjudged(number, packet, "not-ip"),
            Fate::NoInterface => self.unjudged(number, packet, "no-interface"),
            Fate::Judged(_) => {
                for judged in packet.judged() {
                    self.judged(number, packet, &judged, registry);
                }
            }
        }
    }

    fn unjudged(&mut self, number: u64, packet: &Decided<'_>, reason: &str) {
        self.head(number, &packet.record, None);
        self.addresses(packet);
        self.put(format_args!(
            ",\"verdict\":\"none\",\"reason\":\"{reason}\""
        ));
        self.tail(None, packet);
    }

    fn judged(&mut self, number: u64, packet: &Decided<'_>, judged: &Judged, registry: &Registry) {
        self.head(number, &packet.record, Some((judged, registry)));
        self.addresses(packet);
        let verdict = judged.verdict;
        self.put(format_args!(
            ",\"verdict\":\"{}\",\"reason\":\"{}\"",
            verdict.action(),
            verdict.reason
        ));
        self.tail(verdict.rule.and_then(|rule| registry.rule(rule)), packet);
    }

    fn head(&mut self, number: u64, record: &Record<'_>, at: Option<(&Judged, &Registry)>) {
        self.put(format_args!("{{\"packet\":{number}"));
        self.text.push_str(&self.capture);
        self.put(format_args!(",\"time\":{}", time(record)));
        let interface = at.and_then(|(judged, registry)| registry.interface(judged.interface?));
        self.field(
            "interface",
            interface.map(secgroup_model::NetworkInterfaceId::as_str),
        );
        let direction = at.and_then(|(judged, _)| judged.direction);
        self.field(
            "direction",
            direction.map(secgroup_packet::Direction::as_str),
        );
    }

    fn addresses(&mut self, decided: &Decided<'_>) {
        let addresses = match decided.kind {
            Kind::Ip(packet) => Some(packet.addresses),
            Kind::Malformed(error) => error.addresses(),
            Kind::NotIp(_) | Kind::UnsupportedLink(_) => None,
        };
        match addresses {
            Some(pair) => {
                self.put(format_args!(
                    ",\"src\":\"{}\",\"dst\":\"{}\"",
                    pair.src(),
                    pair.dst()
                ));
            }
            None => self.text.push_str(",\"src\":null,\"dst\":null"),
        }
        match decided.kind {
            Kind::Ip(packet) => self.upper_layer(packet),
            _ => self.text.push_str(",\"protocol\":null"),
        }
        self.put(format_args!(",\"length\":{}", decided.record.wire_len));
    }

    fn upper_layer(&mut self, packet: &Packet) {
        self.put(format_args!(",\"protocol\":\"{}\"", packet.protocol));
        match packet.l4 {
            L4::Tcp { sport, dport, .. } | L4::Udp { sport, dport } => {
                self.put(format_args!(",\"sport\":{sport},\"dport\":{dport}"));
            }
            L4::Icmp { kind, code, .. } => {
                self.put(format_args!(",\"icmp_type\":{kind},\"icmp_code\":{code}"));
            }
            L4::Other | L4::LaterFragment => {}
        }
    }

    fn tail(&mut self, rule: Option<&secgroup_control::RegisteredRule>, decided: &Decided<'_>) {
        self.field("rule", rule.map(|rule| rule.rule.id.as_str()));
        self.field("group", rule.map(|rule| rule.group.as_str()));
        match decided.kind {
            Kind::Malformed(error) => self.field("detail", Some(&error.to_string())),
            Kind::NotIp(0x0806) => self.field("detail", Some("ARP")),
            Kind::NotIp(ethertype) => {
                self.field("detail", Some(&format!("EtherType {ethertype:#06x}")));
            }
            Kind::UnsupportedLink(number) => {
                self.field("detail", Some(&format!("link type {number}")));
            }
            Kind::Ip(_) => {}
        }
        self.text.push_str("}\n");
    }

    /// `,"name":"text"` or `,"name":null`, escaped.
    fn field(&mut self, name: &str, text: Option<&str>) {
        let quoted = serde_json::Value::from(text);
        self.put(format_args!(",\"{name}\":{quoted}"));
    }

    fn put(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a string does not fail.
        let _ = self.text.write_fmt(text);
    }
}

/// Seconds, with as many digits as the capture has.
pub(crate) fn time(record: &Record<'_>) -> impl std::fmt::Display + use<> {
    let nanos = record.time.as_nanos();
    let (seconds, fraction) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
    if record.time_digits > 6 {
        format!("{seconds}.{fraction:09}")
    } else {
        format!("{seconds}.{:06}", fraction / 1000)
    }
}
