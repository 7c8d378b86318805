//! Tags as EC2 lists them: `[{"Key": "Name", "Value": "web"}]`. For fields: `#[serde(with = "secgroup_model::stored::tag_list")]`.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Tags;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Tag {
    key: String,
    value: String,
}

/// Writes tags in the order of their keys.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer>(tags: &Tags, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(tags.iter().map(|(key, value)| Tag {
        key: key.clone(),
        value: value.clone(),
    }))
}

/// Reads tags in any order.
///
/// # Errors
/// A key that is there twice, and those of the deserializer.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Tags, D::Error> {
    let mut tags = Tags::new();
    for Tag { key, value } in Vec::deserialize(deserializer)? {
        if tags.contains_key(&key) {
            return Err(D::Error::custom(format!("the tag `{key}` is there twice")));
        }
        tags.insert(key, value);
    }
    Ok(tags)
}
