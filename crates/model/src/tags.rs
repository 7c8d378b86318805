//! Tags: what may be one (semantics A38, E58).

use std::collections::BTreeMap;

use crate::{ErrorCode, ModelError, Part};

/// The tags of a resource, by key.
pub type Tags = BTreeMap<String, String>;

/// A resource has at most this many tags (A38).
const MAX_TAGS: usize = 50;
/// A key has 1 to this many characters (E58).
const MAX_KEY_CHARS: usize = 127;
/// A value has at most this many characters (E58).
const MAX_VALUE_CHARS: usize = 256;
/// Keys that start with this are EC2's own (E58).
const RESERVED_PREFIX: &str = "aws:";

/// Checks tags that a user gives. Those of a dump may hold EC2's own, which this refuses.
///
/// # Errors
/// Every fault: too many, a key or value too long, an empty or reserved key.
pub fn check_tags(tags: &Tags) -> Result<(), Vec<ModelError>> {
    let mut errors = Vec::new();
    if tags.len() > MAX_TAGS {
        errors.push(
            ModelError::new(
                ErrorCode::TagLimitExceeded,
                "The maximum number of Tags for a resource has been reached.",
            )
            .with_help(format!("give at most {MAX_TAGS} tags")),
        );
    }
    for (key, value) in tags {
        if key.is_empty() {
            errors.push(ModelError::value("Tag keys may not be empty"));
        }
        if key.chars().count() > MAX_KEY_CHARS {
            errors.push(ModelError::value(format!(
                "Tag key exceeds the maximum length of {MAX_KEY_CHARS} characters"
            )));
        }
        if value.chars().count() > MAX_VALUE_CHARS {
            errors.push(ModelError::value(format!(
                "Tag value exceeds the maximum length of {MAX_VALUE_CHARS} characters"
            )));
        }
        if key.starts_with(RESERVED_PREFIX) {
            errors.push(ModelError::value(
                "Tag keys starting with 'aws:' are reserved for internal use",
            ));
        }
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(errors
            .into_iter()
            .map(|error| error.at(Part::Tags))
            .collect())
    }
}
