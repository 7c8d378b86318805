//! States as documents.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod world;

use proptest::prelude::*;
use secgroup_ec2::State;
use secgroup_store::{ImportError, export, import};
use serde_json::{Value, json};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn what_is_exported_is_imported(edits in 0..40_u64) {
        let state = world::after(edits);
        let text = export(&state).to_string();
        prop_assert_eq!(import(&serde_json::from_str(&text).unwrap()).unwrap(), state);
    }

    /// Any value put in any place: an error in one line, or a state that is exported as it was imported.
    #[test]
    fn a_document_that_was_edited_is_a_state_or_an_error(
        steps in prop::collection::vec(any::<prop::sample::Index>(), 1..7),
        value in prop_oneof![Just(json!(null)), Just(json!("")), Just(json!(-1)), Just(json!([])), Just(json!({})), Just(json!("10.1.0.0/16"))],
    ) {
        let mut document = export(&world::after(2));
        *inside(&mut document, &steps) = value;
        match import(&document) {
            Ok(state) => prop_assert_eq!(import(&export(&state)).unwrap(), state),
            Err(error) => prop_assert!(!error.to_string().contains('\n')),
        }
    }
}

/// The value that `steps` lead to, each into some member.
fn inside<'a>(mut value: &'a mut Value, steps: &[prop::sample::Index]) -> &'a mut Value {
    for step in steps {
        let count = match &*value {
            Value::Object(members) => members.len(),
            Value::Array(items) => items.len(),
            _ => 0,
        };
        if count == 0 {
            return value;
        }
        let place = step.index(count);
        value = match value {
            Value::Object(members) => members.values_mut().nth(place).unwrap(),
            Value::Array(items) => &mut items[place],
            _ => unreachable!("it has no members"),
        };
    }
    value
}

#[test]
fn an_empty_state_is_a_short_document() {
    let document = json!({"Format": "secgroup-state", "Version": 1, "Tables": {}});
    assert_eq!(export(&State::default()), document);
    assert_eq!(import(&document).unwrap(), State::default());
}

#[test]
fn errors_name_the_place() {
    let group = "sg-00000000000000001";
    let rule = format!("/Tables/groups/{group}/SecurityGroupRules/0");
    let cases = [
        (
            "/Format".to_owned(),
            json!("other"),
            "Format: it is not `secgroup-state`",
        ),
        (
            "/Version".to_owned(),
            json!(0),
            "Version: there is no such version",
        ),
        (
            "/Version".to_owned(),
            json!(2),
            "Version: the document has version 2",
        ),
        (
            "/Tables".to_owned(),
            json!([]),
            "Tables: it is not an object",
        ),
        (
            "/Tables/groups".to_owned(),
            json!(1),
            "Tables.groups: it is not an object",
        ),
        (
            format!("{rule}/FromPort"),
            json!("443"),
            "Tables.groups[\"sg-00000000000000001\"].SecurityGroupRules[0].FromPort: invalid type",
        ),
        (
            format!("{rule}/IpProtocol"),
            json!("tpc"),
            "Tables.groups[\"sg-00000000000000001\"]: sgr-",
        ),
        (
            "/Tables/prefix_lists/pl-0123456789abcdef0/Versions/0/Entries/0/Cidr".to_owned(),
            json!(7),
            "Tables.prefix_lists[\"pl-0123456789abcdef0\"].Versions[0].Entries[0].Cidr: invalid type",
        ),
    ];
    for (pointer, value, expected) in cases {
        let mut document = export(&world::after(2));
        *document.pointer_mut(&pointer).unwrap() = value;
        let text = import(&document).unwrap_err().to_string();
        assert!(text.starts_with(expected), "{text}");
    }
}

#[test]
fn what_is_not_known_is_refused() {
    let mut document = export(&world::after(1));
    document["Tables"]["routers"] = json!({});
    assert_eq!(
        import(&document).unwrap_err().to_string(),
        "Tables.routers: there is no such table"
    );
    let mut document = export(&world::after(1));
    document["Comment"] = json!("mine");
    assert_eq!(
        import(&document).unwrap_err().to_string(),
        "Comment: nothing is called so"
    );
    let mut document = export(&world::after(1));
    document.as_object_mut().unwrap().remove("Tables");
    assert_eq!(
        import(&document).unwrap_err().to_string(),
        "Tables: is missing"
    );
    assert_eq!(
        import(&json!(7)).unwrap_err().to_string(),
        "document: it is not an object"
    );
}

#[test]
fn a_state_that_cannot_be_is_refused() {
    let mut document = export(&world::after(2));
    document["Tables"]
        .as_object_mut()
        .unwrap()
        .remove("prefix_lists");
    match import(&document).unwrap_err() {
        ImportError::Inconsistent(faults) => assert!(faults.len() > 1, "{faults:?}"),
        other => panic!("{other}"),
    }
}
