//! The rules in force, and what passed by them.

use secgroup_packet::Direction;
use serde::{Deserialize, Serialize};

use super::words;

/// Which rules to tell of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RulesRequest {
    /// How many at most, up to [`MAX_PAGE`](super::MAX_PAGE): those that most packets passed by.
    pub limit: u32,
}

impl Default for RulesRequest {
    fn default() -> Self {
        Self {
            limit: super::DEFAULT_PAGE,
        }
    }
}

/// The rules of groups that are attached to an interface here.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RulePage {
    /// The policy's generation.
    pub generation: u64,
    /// How many rules there are.
    pub matched: u64,
    /// Those that the limit lets through, most packets first.
    pub rules: Vec<RuleLine>,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleLine {
    /// Its id.
    pub id: String,
    /// The id of its group.
    pub group: String,
    /// The group's name.
    pub group_name: String,
    /// The direction that it is about.
    #[serde(with = "words::direction")]
    pub direction: Direction,
    /// What it allows: `tcp 443 from 0.0.0.0/0`.
    pub allows: String,
    /// Its description.
    pub description: Option<String>,
    /// Packets that it admitted, and those of connections that it admitted, since the start.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
}
