//! The live page, as it is asked for.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[page]`
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Page {
    /// Address and port of the page; an address of loopback, since no key is asked for: every user of this host may look.
    pub(crate) listen: String,
}

impl Default for Page {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:9274".to_owned(),
        }
    }
}
