//! Step 9: what a packet that a rule admits, on a path that is tracked, opens.

use std::time::Duration;

use secgroup_conntrack::{State, TcpClass};
use secgroup_packet::{Direction, IcmpExchange, L4, Timestamp};

use super::Engine;
use super::untracked::{Untracked, opener, untracked};
use crate::{Crossing, Interface, Snapshot, TcpMode};

/// What a packet that a rule admits opens.
pub(super) enum Opens {
    /// A connection, by its originator, in this state.
    Connection(Direction, State),
    /// Nothing: a message of its own.
    Nothing,
    /// Nothing: the answer of a flow whose opening rule is revoked.
    Useless,
    /// Nothing, and it may not pass.
    Invalid,
}

/// What the policies of a moment ago made of a flow that has to be tracked now.
enum Formerly {
    /// They tracked it, or did not let it pass.
    Tracked,
    /// They did not track it, and it still may be opened.
    Untracked,
    /// They did not track it, and the rule that it was opened by is revoked.
    UntrackedAndRevoked,
}

impl Engine {
    /// Step 9: what the packet opens.
    pub(super) fn opening(
        &self,
        snapshot: &Snapshot,
        crossing: &Crossing<'_>,
        interface: &Interface,
    ) -> Opens {
        let sender = crossing.direction;
        match crossing.packet.l4 {
            L4::Tcp { flags, .. } => match TcpClass::from(flags) {
                TcpClass::Invalid => Opens::Invalid,
                TcpClass::Syn => Opens::Connection(sender, State::SynSent),
                class if self.picks_up() => picked_up(class, sender),
                class => match self.formerly(snapshot, crossing, interface) {
                    Formerly::Tracked => Opens::Invalid,
                    Formerly::Untracked => picked_up(class, sender),
                    Formerly::UntrackedAndRevoked => Opens::Useless,
                },
            },
            L4::Udp { .. } => match self.formerly(snapshot, crossing, interface) {
                Formerly::UntrackedAndRevoked => Opens::Useless,
                _ => Opens::Connection(sender, State::Udp),
            },
            L4::Icmp { kind, code, .. } => {
                match IcmpExchange::of(crossing.packet.protocol, kind, code) {
                    Some(exchange) if !exchange.is_reply() => {
                        Opens::Connection(sender, State::Icmp)
                    }
                    _ => Opens::Nothing,
                }
            }
            L4::Other => Opens::Connection(sender, State::Other),
            L4::LaterFragment => Opens::Nothing,
        }
    }

    /// Whether any TCP segment may open a connection now (D37, D39).
    fn picks_up(&self) -> bool {
        self.settings.tcp == TcpMode::Loose
            || self.is_within(self.started, self.settings.start_grace)
    }

    /// Whether a window that began at `since` is open; one of zero length never is.
    fn is_within(&self, since: Timestamp, window: Duration) -> bool {
        window > Duration::ZERO && self.clock.saturating_since(since) <= window
    }

    /// What the policies of a moment ago made of the packet's flow (D15, D23).
    fn formerly(
        &self,
        snapshot: &Snapshot,
        crossing: &Crossing<'_>,
        interface: &Interface,
    ) -> Formerly {
        let Crossing {
            packet, direction, ..
        } = crossing;
        let mut roles = Untracked::default();
        for (end, former) in &self.former {
            if self.is_within(*end, self.settings.change_grace)
                && let Some(interface) = former.interface(crossing.interface)
            {
                let then = untracked(interface, packet, *direction);
                roles.as_initiator |= then.as_initiator;
                roles.as_responder |= then.as_responder;
            }
        }
        match roles {
            Untracked {
                as_initiator: true, ..
            } => Formerly::Untracked,
            Untracked {
                as_responder: true, ..
            } => {
                let opener = opener(packet, *direction);
                match interface.rules.matches(&opener, &snapshot.directory) {
                    Some(_) => Formerly::Untracked,
                    None => Formerly::UntrackedAndRevoked,
                }
            }
            _ => Formerly::Tracked,
        }
    }
}

/// A connection that is seen for the first time in its middle.
fn picked_up(class: TcpClass, sender: Direction) -> Opens {
    match class {
        TcpClass::Syn => Opens::Connection(sender, State::SynSent),
        TcpClass::Ack => Opens::Connection(sender, State::Established),
        TcpClass::Fin => Opens::Connection(sender, State::FinWaitOriginator),
        TcpClass::Rst => Opens::Connection(sender, State::Close),
        TcpClass::SynAck => Opens::Connection(sender.reverse(), State::SynRecv),
        TcpClass::Invalid => Opens::Invalid,
    }
}
