//! The live page, as it is asked for.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[page]`
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Page {
    /// Address and port of the page. Beyond loopback an access key is asked for: one of `keys`, or of `[api]`.
    pub(crate) listen: String,
    /// The file of access keys of those who may look; made, with a key that is read-only, where it is not there. By default those of `[api]`, and on loopback none: every user of
    /// this host may look.
    #[schemars(example = &"/var/lib/secgroup/page-keys.toml")]
    pub(crate) keys: Option<String>,
}

impl Default for Page {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:9274".to_owned(),
            keys: None,
        }
    }
}
