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

/// Whether a key is one that only EC2 and its kin give, such as those that CloudFormation marks its resources with (E58).
#[must_use]
pub fn is_reserved_tag(key: &str) -> bool {
    key.starts_with(RESERVED_PREFIX)
}

/// What is wrong with a call that gives, or takes away, a tag whose key is reserved.
#[must_use]
pub fn reserved_tag() -> ModelError {
    ModelError::value("Tag keys starting with 'aws:' are reserved for internal use")
}

/// Checks tags that a user gives. Those of a dump may hold EC2's own, which this refuses.
///
/// # Errors
/// Every fault: too many, a key or value too long, an empty or reserved key.
pub fn check_tags(tags: &Tags) -> Result<(), Vec<ModelError>> {
    let mut errors = Vec::new();
    // EC2's own do not count.
    if tags.keys().filter(|key| !is_reserved_tag(key)).count() > MAX_TAGS {
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
        if is_reserved_tag(key) {
            errors.push(reserved_tag());
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
