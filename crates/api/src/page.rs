//! `MaxResults` and `NextToken` (E19, E20).
//!
//! A token says behind which item the next page begins, so nothing is kept between two calls, and what is created or deleted
//! meanwhile neither repeats nor hides anything else. Items are in the order of their keys.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secgroup_model::{ErrorCode, ModelError};

use crate::{Params, Xml};

/// Which part of a list is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// How many items at most; `None` for all.
    limit: Option<usize>,
    /// Only those behind this one.
    behind: Option<String>,
}

/// What every token starts with, so that not every text is one.
const MARK: &str = "secgroup1:";

impl Page {
    /// Reads what is asked for. `range` is how many results may be asked for at once; `ids` is the name of a list
    /// of ids that excludes `MaxResults`, such as `GroupId`.
    ///
    /// # Errors
    /// A number out of range, ids together with `MaxResults`, a token that is none (E20).
    pub fn read(
        params: &Params,
        range: std::ops::RangeInclusive<u32>,
        ids: Option<&str>,
    ) -> Result<Self, ModelError> {
        let limit = match params.integer::<i64>("MaxResults")? {
            None => None,
            Some(asked) => Some(check_limit(asked, &range)?),
        };
        if let Some(ids) = ids.filter(|ids| limit.is_some() && params.has(ids)) {
            return Err(ModelError::new(
                ErrorCode::InvalidParameterCombination,
                format!(
                    "The parameter {} cannot be used with the parameter maxResults",
                    camel(ids)
                ),
            ));
        }
        let behind = params
            .text("NextToken")
            .filter(|token| !token.is_empty())
            .map(read_token)
            .transpose()?;
        Ok(Self { limit, behind })
    }

    /// The items of this page out of all, which `key` must put into ascending order, and the token of the next one.
    pub fn cut<T>(
        &self,
        items: impl IntoIterator<Item = T>,
        key: impl Fn(&T) -> String,
    ) -> (Vec<T>, Option<String>) {
        let behind = self.behind.as_deref();
        let mut rest = items
            .into_iter()
            .filter(|item| behind.is_none_or(|behind| key(item).as_str() > behind));
        let Some(limit) = self.limit else {
            return (rest.collect(), None);
        };
        let page: Vec<_> = rest.by_ref().take(limit).collect();
        let more = rest.next().is_some();
        let token = page.last().filter(|_| more).map(|last| token(&key(last)));
        (page, token)
    }

    /// Writes a list and, where there is more, `nextToken`.
    pub fn write<T>(
        &self,
        xml: &mut Xml,
        tag: &str,
        items: impl IntoIterator<Item = T>,
        key: impl Fn(&T) -> String,
        members: impl FnMut(&mut Xml, T),
    ) {
        let (items, token) = self.cut(items, key);
        xml.list(tag, items, members);
        xml.optional("nextToken", token);
    }
}

fn check_limit(asked: i64, range: &std::ops::RangeInclusive<u32>) -> Result<usize, ModelError> {
    let (least, most) = (*range.start(), *range.end());
    let expecting = if asked < i64::from(least) {
        format!("greater than {least}")
    } else {
        format!("less than {most}")
    };
    u32::try_from(asked)
        .ok()
        .filter(|asked| range.contains(asked))
        .and_then(|asked| usize::try_from(asked).ok())
        .ok_or_else(|| {
            ModelError::value(format!(
                "Value ( {asked} ) for parameter maxResults is invalid. Expecting a value {expecting}."
            ))
        })
}

fn token(key: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{MARK}{key}"))
}

fn read_token(token: &str) -> Result<String, ModelError> {
    let key = || {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        text.strip_prefix(MARK).map(str::to_owned)
    };
    key().ok_or_else(|| {
        ModelError::new(
            ErrorCode::InvalidNextToken,
            "The specified value for NextToken is invalid",
        )
    })
}

/// `GroupId` as messages spell a list of it: `groupIds`.
fn camel(name: &str) -> String {
    let mut chars = name.chars();
    let first = chars.next().map(|c| c.to_ascii_lowercase());
    first.into_iter().chain(chars).chain(['s']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(form: &str) -> Result<Page, ModelError> {
        Page::read(
            &Params::parse(form.as_bytes()).unwrap(),
            5..=1000,
            Some("GroupId"),
        )
    }

    #[test]
    fn pages_together_are_the_list() {
        let all: Vec<String> = (0..23).map(|n| format!("sg-{n:02}")).collect();
        let mut seen = Vec::new();
        let mut form = "MaxResults=5".to_owned();
        loop {
            let (items, token) = page(&form).unwrap().cut(all.clone(), Clone::clone);
            assert!(items.len() <= 5);
            seen.extend(items);
            match token {
                Some(token) => form = format!("MaxResults=5&NextToken={token}"),
                None => break,
            }
        }
        assert_eq!(seen, all);
    }

    #[test]
    fn what_is_out_of_range_or_excluded_is_said_as_ec2_says_it() {
        let few = page("MaxResults=1").unwrap_err();
        assert_eq!(
            few.message,
            "Value ( 1 ) for parameter maxResults is invalid. Expecting a value greater than 5."
        );
        let both = page("MaxResults=5&GroupId.1=sg-1").unwrap_err();
        assert_eq!(both.code(), "InvalidParameterCombination");
        assert_eq!(
            both.message,
            "The parameter groupIds cannot be used with the parameter maxResults"
        );
        assert_eq!(page("NextToken=x").unwrap_err().code(), "InvalidNextToken");
    }
}
