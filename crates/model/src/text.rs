//! Names and descriptions: lengths, and which characters (semantics A32, B3, B5, B6).

use crate::{ErrorCode, ModelError, Part};

/// Names and descriptions have at most this many characters (A32, B3, B6).
pub(crate) const MAX_CHARS: usize = 255;

/// The characters that are no letters or digits (A32). `&` is among them although some pages leave
/// it out.
const MARKS: &str = " ._-:/()#,@[]+=&;{}!$*";

/// The name of the group that every VPC comes with (B8).
pub(crate) const DEFAULT_NAME: &str = "default";

/// The set as EC2's messages print it.
macro_rules! set {
    () => {
        "a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*"
    };
}

/// The description of a rule; an empty one is none (A32, E55).
///
/// # Errors
/// A32: too long, or a character outside of the set.
pub fn parse_rule_description(text: Option<String>) -> Result<Option<String>, ModelError> {
    match text {
        Some(text) if !is_plain(&text) => Err(ModelError::value(concat!(
            "Invalid rule description. Valid descriptions are strings less than 256 characters \
             from the following set: ",
            set!()
        ))
        .with_help(offence(&text))),
        other => Ok(other.filter(|text| !text.is_empty())),
    }
}

/// The name of a group: trailing spaces are trimmed (B3).
///
/// # Errors
/// B3 to B5: nothing, too long, a character outside of the set, like an id, or `default`.
pub fn parse_group_name(name: &str) -> Result<String, ModelError> {
    let trimmed = name.trim_end_matches(' ');
    let error = if trimmed.is_empty() {
        ModelError::new(
            ErrorCode::MissingParameter,
            "The request must contain the parameter GroupName",
        )
    } else if !trimmed.is_ascii() {
        beyond_ascii(name, "GroupName")
    } else if !is_plain(trimmed) {
        ModelError::value(concat!(
            "Invalid security group name. Valid names are non-empty strings less than 256 \
             characters from the following set:  ",
            set!()
        ))
        .with_help(offence(trimmed))
    } else if trimmed.starts_with("sg-") {
        ModelError::value(format!(
            "Value ({name}) for parameter GroupName is invalid. Group names may not be in the \
             format sg-*."
        ))
    } else if trimmed.eq_ignore_ascii_case(DEFAULT_NAME) {
        ModelError::value("Cannot use reserved security group name: default")
    } else {
        return Ok(trimmed.to_owned());
    };
    Err(error.at(Part::Name))
}

/// The description of a group, which must have one (B6).
///
/// # Errors
/// B6: nothing, too long, or a character outside of the set.
pub fn parse_group_description(text: &str) -> Result<String, ModelError> {
    let error = if text.is_empty() {
        ModelError::new(
            ErrorCode::MissingParameter,
            "The request must contain the parameter GroupDescription",
        )
    } else if !text.is_ascii() {
        beyond_ascii(text, "GroupDescription")
    } else if !is_plain(text) {
        ModelError::value(concat!(
            "Invalid security group description. Valid descriptions are strings less than 256 \
             characters from the following set:  ",
            set!()
        ))
        .with_help(offence(text))
    } else {
        return Ok(text.to_owned());
    };
    Err(error.at(Part::Description))
}

fn is_plain(text: &str) -> bool {
    text.len() <= MAX_CHARS && text.chars().all(is_allowed)
}

fn is_allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || MARKS.contains(c)
}

fn beyond_ascii(text: &str, parameter: &str) -> ModelError {
    ModelError::value(format!(
        "Value ({text}) for parameter {parameter} is invalid. Character sets beyond ASCII are not \
         supported."
    ))
}

/// Which character, or that it is too long.
fn offence(text: &str) -> String {
    text.chars().find(|&c| !is_allowed(c)).map_or_else(
        || {
            format!(
                "it has {} characters; {MAX_CHARS} are allowed",
                text.chars().count()
            )
        },
        |c| format!("{c:?} is not allowed"),
    )
}
