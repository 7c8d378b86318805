//! The engine's words in JSON, both ways: an explanation is told over the control socket, and read at its other end.

/// `ingress`, `egress`.
pub(crate) mod direction {
    use secgroup_packet::Direction;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
    pub(crate) fn serialize<S: Serializer>(way: &Direction, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(way.as_str())
    }

    pub(crate) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<Direction, D::Error> {
        let text = String::deserialize(from)?;
        let named = |way: &Direction| way.as_str() == text;
        let known = Direction::BOTH.into_iter().find(named);
        known.ok_or_else(|| D::Error::custom(format!("'{text}' is no direction")))
    }
}

/// `no-rule` and its like.
pub(crate) mod reason {
    use secgroup_datapath::Reason;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
    pub(crate) fn serialize<S: Serializer>(reason: &Reason, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(reason.as_str())
    }

    pub(crate) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<Reason, D::Error> {
        let text = String::deserialize(from)?;
        let named = |reason: &Reason| reason.as_str() == text;
        let known = Reason::ALL.into_iter().find(named);
        known.ok_or_else(|| D::Error::custom(format!("'{text}' is no reason")))
    }
}
