use proptest::prelude::*;

use super::*;

struct Thing(Tags);

impl Filterable for Thing {
    fn values<'a>(&'a self, filter: &str) -> Vec<Cow<'a, str>> {
        match filter {
            "color" => vec!["red".into(), "green".into()],
            _ => Vec::new(),
        }
    }
    fn tags(&self) -> Option<&Tags> {
        Some(&self.0)
    }
}

fn thing() -> Thing {
    Thing(Tags::from([("Name".to_owned(), "web-1".to_owned())]))
}

fn filters(form: &str) -> Result<Filters, ModelError> {
    Filters::read(&Params::parse(form.as_bytes()).unwrap(), &["color", "tag"])
}

#[test]
fn values_are_alternatives_and_filters_hold_together() {
    let both = "Filter.1.Name=color&Filter.1.Value.1=blue&Filter.1.Value.2=red&Filter.2.Name=tag:Name&Filter.2.Value.1=web-*";
    assert!(filters(both).unwrap().matches(&thing()));
    let one =
        "Filter.1.Name=color&Filter.1.Value.1=red&Filter.2.Name=tag:Name&Filter.2.Value.1=db-*";
    assert!(!filters(one).unwrap().matches(&thing()));
}

#[test]
fn an_unknown_filter_is_an_error_and_case_matters() {
    let error = filters("Filter.1.Name=colour&Filter.1.Value.1=red").unwrap_err();
    assert_eq!(error.message, "The filter 'colour' is invalid");
    assert!(
        !filters("Filter.1.Name=color&Filter.1.Value.1=Red")
            .unwrap()
            .matches(&thing())
    );
}

#[test]
fn more_than_200_values_are_too_many() {
    let form: String = (1..=201)
        .map(|n| format!("&Filter.1.Value.{n}=x"))
        .collect();
    let error = filters(&format!("Filter.1.Name=color{form}")).unwrap_err();
    assert_eq!(error.code(), "FilterLimitExceeded");
}

#[test]
fn wildcards() {
    for (pattern, text, expected) in [
        ("*", "", true),
        ("a*c", "abbbc", true),
        ("a*c", "abbb", false),
        ("a?c", "abc", true),
        ("a?c", "ac", false),
        (r"a\*c", "a*c", true),
        (r"a\*c", "abc", false),
        ("*ab*ab", "xabyab", true),
        ("", "x", false),
    ] {
        assert_eq!(
            Pattern::new(pattern).matches(text),
            expected,
            "{pattern} {text}"
        );
    }
}

/// The obvious way, exponential.
fn slowly(pattern: &[Piece], text: &[char]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, rest) => rest.is_none(),
        (Some((Piece::AnyMany, pieces)), rest) => {
            slowly(pieces, text) || rest.is_some_and(|(_, rest)| slowly(pattern, rest))
        }
        (Some(_), None) => false,
        (Some((Piece::AnyOne, pieces)), Some((_, rest))) => slowly(pieces, rest),
        (Some((Piece::One(c), pieces)), Some((d, rest))) => c == d && slowly(pieces, rest),
    }
}

proptest! {
    #[test]
    fn patterns_match_as_the_obvious_way_does(pattern in "[ab*?]{0,8}", text in "[ab]{0,10}") {
        let pattern = Pattern::new(&pattern);
        let chars: Vec<_> = text.chars().collect();
        prop_assert_eq!(pattern.matches(&text), slowly(&pattern.0, &chars));
    }
}
