//! Words of the packet path as JSON has them.

use secgroup_packet::Protocol;

/// A protocol that is neither a known name nor a number from 0 to 255.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no protocol: tcp, udp, icmp, icmpv6 or a number from 0 to 255")]
pub struct UnknownProtocol(String);

/// A protocol by name (`tcp`, `udp`, `icmp`, `icmpv6`) or number.
///
/// # Errors
/// [`UnknownProtocol`].
pub fn parse_protocol(text: &str) -> Result<Protocol, UnknownProtocol> {
    const NAMED: [Protocol; 4] = [
        Protocol::TCP,
        Protocol::UDP,
        Protocol::ICMP,
        Protocol::ICMPV6,
    ];
    NAMED
        .into_iter()
        .find(|protocol| protocol.to_string().eq_ignore_ascii_case(text))
        .or_else(|| text.parse().ok().map(Protocol))
        .ok_or_else(|| UnknownProtocol(text.to_owned()))
}

/// `"ingress"` and `"egress"`.
pub(super) mod direction {
    use secgroup_packet::Direction;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(in crate::protocol) fn serialize<S: Serializer>(
        direction: &Direction,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.serialize_str(direction.as_str())
    }

    pub(in crate::protocol) fn deserialize<'a, D: Deserializer<'a>>(
        from: D,
    ) -> Result<Direction, D::Error> {
        let text = String::deserialize(from)?;
        Direction::BOTH
            .into_iter()
            .find(|direction| direction.as_str() == text)
            .ok_or_else(|| de::Error::custom(format!("'{text}' is neither ingress nor egress")))
    }
}

/// The same, where it may be left out.
pub(super) mod optional_direction {
    use secgroup_packet::Direction;
    use serde::{Deserializer, Serializer};

    pub(in crate::protocol) fn serialize<S: Serializer>(
        direction: &Option<Direction>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match direction {
            Some(direction) => to.serialize_str(direction.as_str()),
            None => to.serialize_none(),
        }
    }

    pub(in crate::protocol) fn deserialize<'a, D: Deserializer<'a>>(
        from: D,
    ) -> Result<Option<Direction>, D::Error> {
        super::direction::deserialize(from).map(Some)
    }
}

/// `"tcp"`, `"47"`; numbers are understood without quotes, too.
pub(super) mod protocol {
    use secgroup_packet::Protocol;
    use serde::{Deserialize, Deserializer, Serializer, de};

    use super::parse_protocol;

    /// A name or a number.
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a protocol is a name or a number from 0 to 255")]
    enum Word {
        Number(u8),
        Name(String),
    }

    pub(in crate::protocol) fn serialize<S: Serializer>(
        protocol: &Option<Protocol>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match protocol {
            Some(protocol) => to.collect_str(protocol),
            None => to.serialize_none(),
        }
    }

    pub(in crate::protocol) fn deserialize<'a, D: Deserializer<'a>>(
        from: D,
    ) -> Result<Option<Protocol>, D::Error> {
        match Option::deserialize(from)? {
            None => Ok(None),
            Some(Word::Number(number)) => Ok(Some(Protocol(number))),
            Some(Word::Name(name)) => parse_protocol(&name).map(Some).map_err(de::Error::custom),
        }
    }
}
