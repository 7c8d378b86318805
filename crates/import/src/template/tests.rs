//! Templates as wholes: JSON twins, and whatever a careless editor makes of them.

use proptest::prelude::*;
use secgroup_model::Inventory;

use crate::diagnostic::Sink;
use crate::node::{self, Kind, Node};
use crate::source::Sources;
use crate::{Import, Options, load_texts};

/// One of everything that a policy is made of.
const EVERYTHING: &str = include_str!("tests/everything.yaml");

/// A tree as JSON, short forms of functions as long ones.
fn to_json(node: &Node) -> serde_json::Value {
    let plain = match &node.kind {
        Kind::Null => serde_json::Value::Null,
        Kind::Scalar(scalar) => scalar.text.to_string().into(),
        Kind::Sequence(items) => items.iter().map(to_json).collect(),
        Kind::Mapping(entries) => {
            let entries = entries
                .iter()
                .map(|entry| (entry.key.to_string(), to_json(&entry.value)));
            entries.collect::<serde_json::Map<_, _>>().into()
        }
    };
    match node.tag.as_deref() {
        None => plain,
        Some(tag @ ("Ref" | "Condition")) => serde_json::json!({ tag: plain }),
        Some(tag) => serde_json::json!({ format!("Fn::{tag}"): plain }),
    }
}

/// The JSON twin of a YAML template.
fn twin(text: &str) -> Option<String> {
    let mut sources = Sources::default();
    let id = sources.add("x", text);
    let sink = Sink::new(&sources);
    let root = node::parse(id, &sink)?;
    Some(serde_json::to_string_pretty(&to_json(&root)).unwrap())
}

fn without_places(mut inventory: Inventory) -> Inventory {
    for group in inventory.groups.values_mut() {
        group.origin = None;
        group.rules.iter_mut().for_each(|rule| rule.origin = None);
    }
    inventory
        .interfaces
        .values_mut()
        .for_each(|interface| interface.origin = None);
    inventory
        .prefix_lists
        .values_mut()
        .for_each(|list| list.origin = None);
    inventory
        .vpcs
        .values_mut()
        .for_each(|vpc| vpc.origin = None);
    inventory
        .subnets
        .values_mut()
        .for_each(|subnet| subnet.origin = None);
    inventory
}

fn messages(import: &Import) -> Vec<String> {
    let mut messages: Vec<_> = import
        .diagnostics
        .iter()
        .map(|d| d.message.clone())
        .collect();
    messages.sort();
    messages
}

#[track_caller]
fn assert_twins(name: &str, text: &str) {
    let json = twin(text).unwrap();
    let options = Options {
        stack_name: Some("twin".into()),
        ..Options::default()
    };
    let [yaml, json] = [text, json.as_str()].map(|text| load_texts(&[("t", text)], &options));
    assert_eq!(messages(&yaml), messages(&json), "{name}");
    assert_eq!(
        without_places(yaml.inventory),
        without_places(json.inventory),
        "{name}"
    );
}

#[test]
fn everything_has_an_equal_json_twin() {
    let import = load_texts(&[("everything.yaml", EVERYTHING)], &Options::default());
    assert_eq!(import.diagnostics, []);
    assert!(import.inventory.groups.len() >= 4);
    assert_twins("everything", EVERYTHING);
}

#[test]
fn templates_of_others_have_equal_json_twins() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/policies");
    if !folder.is_dir() {
        println!("note: the folder of templates is not here; nothing was tested");
        return;
    }
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.display().to_string();
        // A type that another tool expands has no long form.
        if name.ends_with(".md") || name.contains("VSCodeServer") || name.contains("GitLabServer") {
            continue;
        }
        assert_twins(&name, &std::fs::read_to_string(&path).unwrap());
        count += 1;
    }
    assert_eq!(count, 68);
}

/// Changes of a text as an editor, a bad merge or an attacker makes them.
#[derive(Debug, Clone)]
enum Edit {
    Delete(usize, usize),
    Insert(usize, String),
    Copy(usize, usize, usize),
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let place = 0..EVERYTHING.len();
    let edit = prop_oneof![
        (place.clone(), 1..40_usize).prop_map(|(at, length)| Edit::Delete(at, length)),
        (
            place.clone(),
            "(?s)[-\\[\\]{}:,!&*#'\" \\n\\t0-9a-z${}.~<\u{e9}]{1,6}"
        )
            .prop_map(|(at, text)| Edit::Insert(at, text)),
        (place.clone(), place, 1..60_usize)
            .prop_map(|(from, to, length)| Edit::Copy(from, to, length)),
    ];
    prop::collection::vec(edit, 1..6)
}

/// The text after the edits; places are moved to the character they fall into.
fn apply(text: &str, edits: &[Edit]) -> String {
    let mut text = text.to_owned();
    for edit in edits {
        let floor = |text: &str, at: usize| {
            (0..=at.min(text.len()))
                .rev()
                .find(|&at| text.is_char_boundary(at))
                .unwrap()
        };
        match edit {
            Edit::Delete(at, length) => {
                let range = floor(&text, *at)..floor(&text, at + length);
                text.replace_range(range, "");
            }
            Edit::Insert(at, what) => text.insert_str(floor(&text, *at), what),
            Edit::Copy(from, to, length) => {
                let piece = text[floor(&text, *from)..floor(&text, from + length)].to_owned();
                text.insert_str(floor(&text, *to), &piece);
            }
        }
    }
    text
}

/// Places in a tree, by counting.
fn count(value: &serde_json::Value) -> usize {
    1 + match value {
        serde_json::Value::Array(items) => items.iter().map(count).sum(),
        serde_json::Value::Object(map) => map.values().map(count).sum(),
        _ => 0,
    }
}

/// The value at a place.
fn at(value: &mut serde_json::Value, mut place: usize) -> &mut serde_json::Value {
    if place == 0 {
        return value;
    }
    place -= 1;
    let inner: Vec<&mut serde_json::Value> = match value {
        serde_json::Value::Array(items) => items.iter_mut().collect(),
        serde_json::Value::Object(map) => map.values_mut().collect(),
        _ => unreachable!("a leaf counts for one"),
    };
    for one in inner {
        let size = count(one);
        if place < size {
            return at(one, place);
        }
        place -= size;
    }
    unreachable!("places are counted")
}

/// Something to put in a place: leaves that mean something, calls that do not.
fn transplant() -> impl Strategy<Value = serde_json::Value> {
    let calls = [
        "Join",
        "Sub",
        "If",
        "Select",
        "Split",
        "FindInMap",
        "Cidr",
        "GetAtt",
        "Equals",
    ];
    prop_oneof![
        Just(serde_json::Value::Null),
        any::<i64>().prop_map(Into::into),
        "[a-zA-Z0-9:/.${}!-]{0,12}".prop_map(Into::into),
        prop::sample::select(vec![
            "Web",
            "Vpc",
            "AWS::NoValue",
            "Offices",
            "Listed",
            "Interface"
        ])
        .prop_map(|name| serde_json::json!({ "Ref": name })),
        prop::sample::select(calls.to_vec())
            .prop_map(|name| serde_json::json!({ format!("Fn::{name}"): ["Web", "GroupId"] })),
    ]
}

proptest! {
    /// Nothing that becomes of a template makes the importer panic; every place lies in the text,
    /// and what is said can be shown.
    #[test]
    fn edited_templates_never_panic(edits in edits(), json in any::<bool>()) {
        let text = if json { twin(EVERYTHING).unwrap() } else { EVERYTHING.to_owned() };
        let text = apply(&text, &edits);
        let import = load_texts(&[("t", &text)], &Options::default());
        for diagnostic in &import.diagnostics {
            if let Some(location) = &diagnostic.location {
                prop_assert!(location.start <= location.end && location.end <= text.len());
            }
            prop_assert!(!diagnostic.message.is_empty());
        }
        let shown = crate::render(&import.diagnostics, &import.sources, false);
        prop_assert_eq!(shown.is_empty(), import.diagnostics.is_empty());
    }

    /// The same for templates whose form is right and whose content is not: parts put in the place
    /// of other parts.
    #[test]
    fn transplanted_templates_never_panic(
        moves in prop::collection::vec((any::<usize>(), any::<usize>()), 0..4),
        graft in prop::collection::vec((any::<usize>(), transplant()), 0..4),
    ) {
        let mut tree: serde_json::Value = serde_json::from_str(&twin(EVERYTHING).unwrap()).unwrap();
        for (from, to) in moves {
            let size = count(&tree);
            let part = at(&mut tree, from % size).clone();
            // The root stays a template.
            prop_assume!(count(&part) < size / 2);
            *at(&mut tree, 1 + to % (size - 1)) = part;
        }
        for (to, part) in graft {
            let size = count(&tree);
            prop_assume!(size > 1);
            *at(&mut tree, 1 + to % (size - 1)) = part;
        }
        let text = tree.to_string();
        let import = load_texts(&[("t.json", &text)], &Options::default());
        for rule in import.inventory.groups.values().flat_map(|group| &group.rules) {
            prop_assert!(!rule.id.as_str().is_empty());
        }
        let shown = crate::render(&import.diagnostics, &import.sources, false);
        prop_assert_eq!(shown.is_empty(), import.diagnostics.is_empty());
    }
}
