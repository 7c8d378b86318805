//! The parameters of a request as a tree, and what was read of it.
//!
//! EC2 flattens structures and lists into names with dots: `IpPermissions.1.IpRanges.2.CidrIp` (E3). Lists may have gaps and come in
//! any order. A parameter that no action asked for is an error of the request (E5), so the tree remembers what was read.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::str::FromStr;

use secgroup_ec2::tokens::ClientToken;
use secgroup_model::{ErrorCode, ModelError, Tags, check_tags};

/// A request has at most this many parameters. The greatest one that quotas allow (1000 entries of a prefix list with descriptions) has 2,000.
const PAIRS_MAX: usize = 20_000;
/// Names are at most this many levels deep: `IpPermissions.1.IpRanges.1.CidrIp` is five.
const DEPTH_MAX: usize = 8;
/// A value is at most this many bytes long: what names no limit of its own may be kept, and is said again with every listing. No limit of EC2's that is kept
/// here is greater (descriptions: 255 characters).
const VALUE_MAX: usize = 4096;
/// User data may be longer, 16 KiB in base64; nothing is kept of it.
const USER_DATA: &str = "UserData";
/// How long those are.
const USER_DATA_MAX: usize = 22 << 10;
/// What every request has, whatever the action.
const COMMON: [&str; 3] = ["Action", "Version", "DryRun"];
/// What makes a repeated call harmless.
const TOKEN: &str = "ClientToken";

/// Why there is no tree.
pub type ParamsError = ModelError;

/// The parameters of a request, or of one structure in it.
#[derive(Debug, Clone, Default)]
pub struct Params {
    /// What it is called in full, for errors; empty for the request.
    path: String,
    value: Option<String>,
    members: BTreeMap<String, Self>,
    read: Cell<bool>,
}

impl Params {
    /// Makes a tree of decoded pairs. Of a name that comes twice the last value holds.
    ///
    /// # Errors
    /// Too many parameters, names too deep, values too long, and characters that XML cannot carry back.
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Self, ParamsError> {
        let mut root = Self::default();
        for (count, (name, value)) in pairs.into_iter().enumerate() {
            if count >= PAIRS_MAX {
                return Err(ModelError::value(format!(
                    "The request has more than {PAIRS_MAX} parameters"
                )));
            }
            if name.split('.').count() > DEPTH_MAX {
                return Err(unknown(&name));
            }
            check_length(&name, &value)?;
            if let Some(bad) = name.chars().chain(value.chars()).find(|&c| !is_text(c)) {
                return Err(ModelError::value(format!(
                    "Parameter {} holds the character U+{:04X}, which is no text",
                    shown(&name),
                    u32::from(bad)
                )));
            }
            root.put(&name, value);
        }
        Ok(root)
    }

    /// Makes a tree of a query string or a form.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn parse(form: &[u8]) -> Result<Self, ParamsError> {
        Self::new(form_urlencoded::parse(form).into_owned())
    }

    fn put(&mut self, name: &str, value: String) {
        let mut node = self;
        for part in name.split('.') {
            let path = match node.path.as_str() {
                "" => part.to_owned(),
                path => format!("{path}.{part}"),
            };
            node = node.members.entry(part.to_owned()).or_default();
            node.path = path;
        }
        node.value = Some(value);
    }

    /// What it is called in full; empty for the whole request.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// A text. One that is there and empty is `Some("")`.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        let member = self.members.get(name)?;
        let value = member.value.as_deref()?;
        member.read.set(true);
        Some(value)
    }

    /// A text that must be there, and not be empty.
    ///
    /// # Errors
    /// `MissingParameter`.
    pub fn required(&self, name: &str) -> Result<&str, ModelError> {
        self.text(name)
            .filter(|text| !text.is_empty())
            .ok_or_else(|| self.missing(name))
    }

    /// The error for a parameter that must be there.
    #[must_use]
    pub fn missing(&self, name: &str) -> ModelError {
        ModelError::new(
            ErrorCode::MissingParameter,
            format!("The request must contain the parameter {}", self.full(name)),
        )
    }

    /// A whole number.
    ///
    /// # Errors
    /// `InvalidParameterValue`.
    pub fn integer<N: FromStr>(&self, name: &str) -> Result<Option<N>, ModelError> {
        self.read_as(name, "integer")
    }

    /// `true` or `false`.
    ///
    /// # Errors
    /// `InvalidParameterValue`.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, ModelError> {
        match self.text(name) {
            None => Ok(None),
            Some(text) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(text) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(text) => Err(self.invalid(name, text, "boolean")),
        }
    }

    fn read_as<N: FromStr>(&self, name: &str, kind: &str) -> Result<Option<N>, ModelError> {
        self.text(name)
            .map(|text| text.parse().map_err(|_| self.invalid(name, text, kind)))
            .transpose()
    }

    fn invalid(&self, name: &str, text: &str, kind: &str) -> ModelError {
        ModelError::value(format!(
            "Invalid value '{text}' for parameter {}: it is no {kind}",
            self.full(name)
        ))
    }

    /// The texts of a list, in the order of their numbers: `GroupId.1`, `GroupId.2`.
    pub fn texts(&self, name: &str) -> Vec<&str> {
        self.items(name)
            .filter_map(|item| {
                let value = item.value.as_deref()?;
                item.read.set(true);
                Some(value)
            })
            .collect()
    }

    /// The structures of a list, in the order of their numbers: `IpPermissions.1.…`. What is no number is not of the list, and stays unread.
    pub fn items(&self, name: &str) -> impl Iterator<Item = &Self> {
        let mut items: Vec<_> = self
            .members
            .get(name)
            .into_iter()
            .flat_map(|list| &list.members)
            .filter_map(|(number, item)| Some((list_number(number)?, item)))
            .collect();
        items.sort_unstable_by_key(|(number, _)| *number);
        items.into_iter().map(|(_, item)| item)
    }

    /// A structure: `Attachment.…`.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Self> {
        self.members.get(name)
    }

    /// Takes parameters that the action has and that change nothing here: they count as read, whatever is in them.
    pub fn ignore(&self, names: &[&str]) {
        for member in names.iter().filter_map(|name| self.members.get(*name)) {
            member.read_all();
        }
    }

    fn read_all(&self) {
        self.read.set(true);
        self.members.values().for_each(Self::read_all);
    }

    /// Refuses parameters that EC2 has and this endpoint has not, rather than to promise what is not done.
    ///
    /// # Errors
    /// `UnsupportedOperation` for the first that is there and is not `false`.
    pub fn refuse(&self, names: &[&str]) -> Result<(), ModelError> {
        for name in names {
            if self.has(name) && self.text(name) != Some("false") {
                return Err(ModelError::new(
                    ErrorCode::UnsupportedOperation,
                    format!("The parameter {} is not supported here.", self.full(name)),
                ));
            }
        }
        Ok(())
    }

    /// Whether anything of this name is there: a text, a list or a structure.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    /// An id that must be there: `params.id("GroupId", GroupId::parse)`.
    ///
    /// # Errors
    /// `MissingParameter`, or the `Malformed` code of the id.
    pub fn id<T>(
        &self,
        name: &str,
        parse: impl Fn(&str) -> Result<T, ModelError>,
    ) -> Result<T, ModelError> {
        match self.text(name) {
            None => Err(self.missing(name)),
            Some(text) => parse(text),
        }
    }

    /// A list of ids.
    ///
    /// # Errors
    /// The `Malformed` code of the ids.
    pub fn ids<T>(
        &self,
        name: &str,
        parse: impl Fn(&str) -> Result<T, ModelError>,
    ) -> Result<Vec<T>, ModelError> {
        self.texts(name).into_iter().map(parse).collect()
    }

    /// `ClientToken`, of a call of `action`; an empty one is none.
    ///
    /// # Errors
    /// One that is too long or not of printable ASCII.
    pub fn client_token(&self, action: &'static str) -> Result<Option<ClientToken>, ModelError> {
        self.text(TOKEN)
            .filter(|token| !token.is_empty())
            .map(|token| ClientToken::new(action, token, self.digest()))
            .transpose()
    }

    /// A number that calls with the same parameters share, whatever their tokens. Tokens are kept, so it must never
    /// change: FNV-1a.
    fn digest(&self) -> u64 {
        let mut digest = 0xcbf2_9ce4_8422_2325;
        let members = self.members.iter();
        let members =
            members.filter(|(name, _)| !COMMON.contains(&name.as_str()) && name.as_str() != TOKEN);
        for (_, member) in members {
            member.add_to(&mut digest);
        }
        digest
    }

    fn add_to(&self, digest: &mut u64) {
        if let Some(value) = &self.value {
            // No text that comes in holds these marks, so no two lists of pairs look alike.
            for byte in format!("{}\u{1}{value}\u{2}", self.path).bytes() {
                *digest = (*digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
        for member in self.members.values() {
            member.add_to(digest);
        }
    }

    /// The tags for what is created: `TagSpecification.N`, each of which must be for `resource` (E58).
    ///
    /// # Errors
    /// Another type of resource, or tags that cannot be.
    pub fn tag_specifications(&self, resource: &str) -> Result<Tags, ModelError> {
        self.tag_specifications_for(&[resource])
            .map(|mut tags| tags.remove(resource).unwrap_or_default())
    }

    /// The tags for each type of `resources` that the call creates.
    ///
    /// # Errors
    /// As [`tag_specifications`](Self::tag_specifications).
    pub fn tag_specifications_for<'a>(
        &self,
        resources: &[&'a str],
    ) -> Result<BTreeMap<&'a str, Tags>, ModelError> {
        let mut tags: BTreeMap<&str, Tags> = BTreeMap::new();
        for specification in self.items("TagSpecification") {
            let kind = specification.required("ResourceType")?;
            let Some(&known) = resources.iter().find(|known| **known == kind) else {
                return Err(ModelError::value(format!(
                    "'{kind}' is not a valid taggable resource type for this operation."
                )));
            };
            tags.entry(known).or_default().extend(specification.tags()?);
        }
        for tags in tags.values() {
            check_tags(tags).map_err(ModelError::first)?;
        }
        Ok(tags)
    }

    /// `Tag.N.Key` and `Tag.N.Value`; a value that is not there is empty.
    ///
    /// # Errors
    /// A tag without a key, and a key twice.
    pub fn tags(&self) -> Result<Tags, ModelError> {
        let mut tags = Tags::new();
        for tag in self.items("Tag") {
            let key = tag.text("Key").ok_or_else(|| tag.missing("Key"))?;
            let value = tag.text("Value").unwrap_or_default();
            if tags.insert(key.to_owned(), value.to_owned()).is_some() {
                return Err(ModelError::value(format!(
                    "Duplicate tag key '{key}' specified."
                )));
            }
        }
        Ok(tags)
    }

    /// Checks that everything was read (E5). For the request as a whole, after the action.
    ///
    /// # Errors
    /// `UnknownParameter` for the first that was not.
    pub fn check_all_read(&self) -> Result<(), ModelError> {
        for (name, member) in &self.members {
            let is_common = self.path.is_empty() && COMMON.contains(&name.as_str());
            if member.value.is_some() && !member.read.get() && !is_common {
                return Err(unknown(&member.path));
            }
            member.check_all_read()?;
        }
        Ok(())
    }

    fn full(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }
}

/// A number of a list as clients write it: `+1` and `01` would be further items beside `1`.
fn list_number(text: &str) -> Option<u64> {
    let is_canonical = text == "0" || text.starts_with(|first| matches!(first, '1'..='9'));
    text.parse().ok().filter(|_| is_canonical)
}

fn check_length(name: &str, value: &str) -> Result<(), ModelError> {
    let max = if name.split('.').any(|part| part == USER_DATA) {
        USER_DATA_MAX
    } else {
        VALUE_MAX
    };
    if value.len() <= max {
        return Ok(());
    }
    Err(ModelError::value(format!(
        "The value of the parameter {} is too long: {} bytes, of at most {max}",
        shown(name),
        value.len()
    )))
}

fn unknown(name: &str) -> ModelError {
    ModelError::new(
        ErrorCode::UnknownParameter,
        format!("The parameter {} is not recognized", shown(name)),
    )
}

/// As much of a name as is of use in a message.
fn shown(name: &str) -> String {
    name.escape_debug().take(255).collect()
}

/// What XML 1.0 can carry (XML 2.2).
const fn is_text(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests;
