//! What templates and dumps write alike: tags, addresses, ranges.

use std::net::IpAddr;

use ipnet::IpNet;
use secgroup_model::{Family, ModelError, Tags, parse_cidr};

use crate::diagnostic::Draft;
use crate::reader::{Need, Object, Text};

/// `[{Key, Value}, …]`.
pub(crate) fn tags(object: &Object<'_, '_>, key: &str) -> Tags {
    let mut tags = Tags::new();
    for (at, item) in object.list(key, Need::Shown) {
        let Some(tag) = object.inner(&format!("{key}[{at}]"), item, "tag") else {
            continue;
        };
        let name = tag.required_text("Key", Need::Shown);
        let value = tag.text("Value", Need::Shown);
        if let Some((name, _)) = name {
            tags.insert(
                name.to_string(),
                value.map_or_else(String::new, |(text, _)| text.to_string()),
            );
        }
    }
    tags
}

/// A text as a range of a family, which EC2 stores without host bits (A23).
pub(crate) fn range(object: &Object<'_, '_>, text: Option<Text>, family: Family) -> Option<IpNet> {
    let (text, span) = text?;
    match parse_cidr(&text, family) {
        Ok((net, _)) => Some(net),
        Err(error) => {
            object.fail(model_error(error, span));
            None
        }
    }
}

/// A text as an address.
pub(crate) fn address(object: &Object<'_, '_>, text: Option<Text>) -> Option<IpAddr> {
    let (text, span) = text?;
    let address = text.parse();
    if address.is_err() {
        object.fail(Draft::error(span, format!("`{text}` is not an IP address")));
    }
    address.ok()
}

/// A fault that the model found, at a place.
pub(crate) fn model_error(error: ModelError, span: crate::source::Span) -> Draft {
    let code = error.code.as_str();
    let draft = Draft::error(span, error.message.trim_end_matches('.')).code(code);
    draft.maybe_help(error.help)
}

/// Texts of a list of mappings, each under `field`: `[{Ipv6Address: …}, …]`. Those that are not
/// known are left out.
pub(crate) fn column(object: &Object<'_, '_>, key: &str, field: &str) -> Vec<Text> {
    let items = object.list(key, Need::Shown).into_iter();
    items
        .filter_map(|(at, item)| {
            let inner = object.inner(&format!("{key}[{at}]"), item, object.what.clone())?;
            let text = inner.known_text(field);
            object.inherit(&inner);
            text
        })
        .collect()
}
