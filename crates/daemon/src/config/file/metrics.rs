//! Metrics, as they are asked for.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[metrics]`
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Metrics {
    /// Address and port of `/metrics`. Beyond loopback it needs `beyond_loopback`.
    pub(crate) listen: String,
    /// Everybody who can reach `listen` may read it: no key is asked for, and names of interfaces, groups and rules are in it.
    pub(crate) beyond_loopback: bool,
    /// Rules that have counters of their own: the first so many that anything passed by. The others are added up.
    #[schemars(range(max = 100_000))]
    pub(crate) rules: u32,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:9273".to_owned(),
            beyond_loopback: false,
            rules: 1000,
        }
    }
}
