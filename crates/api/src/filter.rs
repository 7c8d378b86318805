//! `Filter.N.Name` and `Filter.N.Value.M` (E21): values of one filter are alternatives, filters hold together.

use std::borrow::Cow;

use secgroup_model::{ErrorCode, ModelError, Tags};

use crate::Params;

/// Values of all filters of a request together (E21).
const VALUES_MAX: usize = 200;

/// The filters of a request.
#[derive(Debug, Clone, Default)]
pub struct Filters {
    filters: Vec<Filter>,
}

#[derive(Debug, Clone)]
struct Filter {
    name: String,
    patterns: Vec<Pattern>,
}

/// What filters are asked of.
pub trait Filterable {
    /// The values that a filter of this name is compared with; several where any of them will do. Tags are asked for by
    /// [`tags`](Self::tags).
    fn values<'a>(&'a self, filter: &str) -> Vec<Cow<'a, str>>;

    /// Its tags, for `tag:KEY` and `tag-key`.
    fn tags(&self) -> Option<&Tags> {
        None
    }
}

impl Filters {
    /// Reads the filters; each must be one of `known`. `tag:KEY` and `tag-key` are known where `known` has `tag`.
    ///
    /// # Errors
    /// An unknown name, a filter without values, too many values (E21).
    pub fn read(params: &Params, known: &[&str]) -> Result<Self, ModelError> {
        let mut filters = Vec::new();
        let mut count = 0;
        for item in params.items("Filter") {
            let name = item.required("Name")?;
            let is_known = match name {
                "tag-key" | "tag-value" => known.contains(&"tag"),
                name if name.starts_with("tag:") => known.contains(&"tag"),
                name => name != "tag" && known.contains(&name),
            };
            if !is_known {
                return Err(ModelError::value(format!("The filter '{name}' is invalid")));
            }
            let patterns: Vec<_> = item.texts("Value").into_iter().map(Pattern::new).collect();
            if patterns.is_empty() {
                return Err(ModelError::value(format!(
                    "The filter '{name}' must have at least one value"
                )));
            }
            count += patterns.len();
            if count > VALUES_MAX {
                return Err(ModelError::new(
                    ErrorCode::FilterLimitExceeded,
                    format!("The maximum number of filter values ({VALUES_MAX}) was exceeded"),
                ));
            }
            filters.push(Filter {
                name: name.to_owned(),
                patterns,
            });
        }
        Ok(Self { filters })
    }

    /// Whether all filters match.
    pub fn matches(&self, thing: &impl Filterable) -> bool {
        self.filters.iter().all(|filter| filter.matches(thing))
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.filters.is_empty()
    }
}

impl Filter {
    fn matches(&self, thing: &impl Filterable) -> bool {
        let any = |text: &str| self.patterns.iter().any(|pattern| pattern.matches(text));
        let tags = || thing.tags().into_iter().flatten();
        match self.name.as_str() {
            "tag-key" => tags().any(|(key, _)| any(key)),
            "tag-value" => tags().any(|(_, value)| any(value)),
            name => match name.strip_prefix("tag:") {
                Some(wanted) => tags().any(|(key, value)| key == wanted && any(value)),
                None => thing.values(name).iter().any(|value| any(value)),
            },
        }
    }
}

/// A value with `*` for any characters, `?` for one, and `\` to mean them literally (E21).
#[derive(Debug, Clone)]
struct Pattern(Vec<Piece>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    One(char),
    AnyOne,
    AnyMany,
}

impl Pattern {
    fn new(text: &str) -> Self {
        let mut pieces = Vec::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            pieces.push(match c {
                '*' if pieces.last() == Some(&Piece::AnyMany) => continue,
                '*' => Piece::AnyMany,
                '?' => Piece::AnyOne,
                '\\' => Piece::One(chars.next().unwrap_or('\\')),
                c => Piece::One(c),
            });
        }
        Self(pieces)
    }

    /// Goes back to the last `*` only: time is the product of both lengths at most.
    fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        let (mut piece, mut at) = (0, 0);
        let mut back: Option<(usize, usize)> = None;
        while at < text.len() {
            match self.0.get(piece) {
                Some(Piece::AnyMany) => {
                    back = Some((piece + 1, at));
                    piece += 1;
                }
                Some(Piece::AnyOne) => (piece, at) = (piece + 1, at + 1),
                Some(Piece::One(c)) if *c == text[at] => (piece, at) = (piece + 1, at + 1),
                _ => match &mut back {
                    Some((after, from)) => {
                        *from += 1;
                        (piece, at) = (*after, *from);
                    }
                    None => return false,
                },
            }
        }
        self.0[piece..].iter().all(|piece| *piece == Piece::AnyMany)
    }
}

#[cfg(test)]
mod tests;
