use proptest::prelude::*;

use super::*;
use crate::diagnostic::Diagnostic;
use crate::source::Sources;

/// A text as a tree, or what is wrong with it.
fn read(name: &str, text: &str) -> (Option<Node>, Vec<Diagnostic>) {
    let mut sources = Sources::default();
    let id = sources.add(name, text);
    let sink = Sink::new(&sources);
    let node = parse(id, &sink);
    (node, sink.finish())
}

fn yaml(text: &str) -> Node {
    let (node, diagnostics) = read("x.yaml", text);
    assert!(diagnostics.is_empty(), "{text}: {diagnostics:?}");
    node.unwrap()
}

/// The only fault of a text: line, column and message.
fn fault(name: &str, text: &str) -> (u32, u32, String) {
    let (node, diagnostics) = read(name, text);
    assert_eq!(node, None, "{text}");
    let [only] = &diagnostics[..] else {
        panic!("{text}: {diagnostics:?}")
    };
    let location = only.location.as_ref().unwrap();
    (location.line, location.column, only.message.clone())
}

/// What a tree says, without places and styles.
fn plain(node: &Node) -> serde_json::Value {
    match &node.kind {
        Kind::Null => serde_json::Value::Null,
        Kind::Scalar(scalar) => scalar.text.to_string().into(),
        Kind::Sequence(items) => items.iter().map(plain).collect(),
        Kind::Mapping(entries) => entries
            .iter()
            .map(|entry| (entry.key.to_string(), plain(&entry.value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
    }
}

/// The same of what an independent reader of JSON made of it.
fn plain_json(value: &serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Array(items) => items.iter().map(plain_json).collect(),
        serde_json::Value::Object(map) => {
            let entries = map
                .iter()
                .map(|(key, value)| (key.clone(), plain_json(value)));
            entries.collect::<serde_json::Map<_, _>>().into()
        }
        serde_json::Value::Number(number) => number.to_string().into(),
        serde_json::Value::Bool(truth) => truth.to_string().into(),
        serde_json::Value::String(_) | serde_json::Value::Null => value.clone(),
    }
}

#[test]
fn scalars_stay_text() {
    let node = yaml("{a: 010, b: yes, c: '22', d: 22, e: 000123456789, f: 12:30, g: -1, h: 1e3}");
    let texts: Vec<_> = node
        .entries()
        .iter()
        .map(|e| e.value.text().unwrap())
        .collect();
    assert_eq!(
        texts,
        [
            "010",
            "yes",
            "22",
            "22",
            "000123456789",
            "12:30",
            "-1",
            "1e3"
        ]
    );
}

#[test]
fn null_is_plain_and_empty() {
    let node = yaml("a:\nb: ~\nc: null\nd: ''\ne: \"null\"\nf: !!str\n");
    let null: Vec<_> = node
        .entries()
        .iter()
        .map(|e| e.value.kind == Kind::Null)
        .collect();
    assert_eq!(null, [true, true, true, false, false, false]);
}

#[test]
fn tags_stand_on_scalars_lists_and_mappings() {
    let node = yaml("a: !Ref X\nb: !Join [',', []]\nc: !Fn {x: y}\nd: !!str 1\ne: ! x\n");
    let tags: Vec<_> = node
        .entries()
        .iter()
        .map(|e| e.value.tag.as_deref())
        .collect();
    assert_eq!(tags, [Some("Ref"), Some("Join"), Some("Fn"), None, None]);
}

#[test]
fn spans_cover_what_was_written() {
    let text = "key:\n  - !Ref Name\n  - \"two\\n\"\n  - {a: b}\n";
    let node = yaml(text);
    let Kind::Sequence(items) = &node.get("key").unwrap().kind else {
        panic!()
    };
    let written: Vec<_> = items.iter().map(|item| &text[item.span.range()]).collect();
    assert_eq!(written, ["!Ref Name", "\"two\\n\"", "{a: b}"]);
    let entry = node.entry("key").unwrap();
    assert_eq!(&text[entry.key_span.range()], "key");
}

#[test]
fn spans_count_bytes_behind_a_byte_order_mark() {
    for text in ["\u{feff}a: bc\n", "\u{feff}{\"a\": \"bc\"}"] {
        let node = yaml(text);
        let value = &node.get("a").unwrap().span;
        assert_eq!(text[value.range()].trim_matches('"'), "bc");
    }
}

#[test]
fn duplicate_keys_are_all_reported() {
    let (node, diagnostics) = read("x.yaml", "a: 1\nb: 2\na: 3\nc: {d: 1, d: 2}\n");
    assert_eq!(node, None);
    let messages: Vec<_> = diagnostics
        .iter()
        .map(|d| (&*d.message, d.labels.len()))
        .collect();
    assert_eq!(
        messages,
        [("duplicate key `a`", 1), ("duplicate key `d`", 1)]
    );
}

#[test]
fn duplicate_keys_are_found_among_many() {
    let keys: String = (0..100).map(|n| format!("k{n}: {n}\n")).collect();
    assert_eq!(yaml(&keys).entries().len(), 100);
    for again in ["k0", "k15", "k16", "k17", "k99"] {
        let (_, _, message) = fault("x.yaml", &format!("{keys}{again}: x\n"));
        assert_eq!(message, format!("duplicate key `{again}`"));
    }
}

#[test]
fn aliases_stand_for_their_anchors() {
    let node = yaml("a: &x [1, &y 2]\nb: *x\nc: *y\n");
    assert_eq!(node.get("a").unwrap().kind, node.get("b").unwrap().kind);
    assert_eq!(node.get("c").unwrap().text(), Some("2"));
}

#[test]
fn a_billion_laughs_are_refused() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let below = level - 1;
        let aliases = vec![format!("*a{below}"); 10].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    let (_, _, message) = fault("x.yaml", &text);
    assert!(message.starts_with("the file has more than"), "{message}");
}

#[test]
fn an_alias_inside_of_its_anchor_is_refused() {
    let (line, column, message) = fault("x.yaml", "a: &x\n  b: *x\n");
    assert_eq!((line, column), (2, 6));
    assert_eq!(message, "an alias cannot stand inside its own anchor");
}

#[test]
fn depth_is_bounded_through_aliases_too() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(read("x.yaml", &nested(DEPTH_MAX)).1, []);
    for name in ["x.yaml", "x.json"] {
        let (_, column, message) = fault(name, &nested(DEPTH_MAX + 1));
        assert_eq!(column, 129);
        assert_eq!(message, "values nest more than 128 deep");
    }
    let text = format!(
        "a: &a {}\nb: &b [[[[*a]]]]\nc: [*b, *b]\n",
        nested(DEPTH_MAX - 8)
    );
    assert_eq!(read("x.yaml", &text).1, []);
    let text = format!(
        "a: &a {}\nb: &b [[[[[[[[*a]]]]]]]]\n",
        nested(DEPTH_MAX - 8)
    );
    assert_eq!(fault("x.yaml", &text).2, "values nest more than 128 deep");
}

#[test]
fn one_document_only() {
    assert_eq!(yaml("---\na: 1\n...\n").get("a").unwrap().text(), Some("1"));
    let (line, _, message) = fault("x.yaml", "a: 1\n---\nb: 2\n");
    assert_eq!(
        (line, &*message),
        (2, "the file holds more than one YAML document")
    );
}

#[test]
fn what_yaml_has_and_cloudformation_has_not() {
    let merge = fault("x.yaml", "a: &a {b: c}\nd:\n  <<: *a\n");
    assert_eq!((merge.0, merge.1), (3, 3));
    assert!(merge.2.contains("does not merge"), "{}", merge.2);
    assert!(
        fault("x.yaml", "? [a]\n: b\n")
            .2
            .contains("a key must be a string")
    );
    assert!(fault("x.yaml", "a: !!set {b, c}\n").2.contains("`!!set`"));
}

#[test]
fn faults_of_yaml_have_their_place() {
    let (line, column, message) = fault("x.yaml", "a: 1\nb: [1, 2\nc: 3\n");
    assert_eq!(line, 3, "{column} {message}");
    assert!(message.starts_with("not YAML: "), "{message}");
    let (line, _, _) = fault("x.yaml", "a:\n\tb: 1\n");
    assert_eq!(line, 2);
}

#[test]
fn json_escapes() {
    let node = yaml(r#"{"a": "\ud83d\ude00 \u00e9 \/ \t \"", "tab": "	"}"#);
    assert_eq!(
        node.get("a").unwrap().text(),
        Some("\u{1f600} \u{e9} / \t \"")
    );
    assert_eq!(node.get("tab").unwrap().text(), Some("\t"));
}

#[test]
fn json_is_strict() {
    for (text, line, column, message) in [
        (
            "{\n  \"a\": 1,\n}",
            3,
            1,
            "a key in double quotes expected, found `}`",
        ),
        ("[1, 2,]", 1, 7, "a value expected, found `]`"),
        ("{\"a\" 1}", 1, 6, "`:` expected, found `1`"),
        (
            "{\"a\": 1 \"b\": 2}",
            1,
            9,
            "`,` or `}` expected, found a string",
        ),
        (
            "{a: 1}",
            1,
            2,
            "a key in double quotes or `}` expected, found `a`",
        ),
        ("[1}", 1, 3, "`,` or `]` expected, found `}`"),
        ("[1] x", 1, 5, "the end of the file expected, found `x`"),
        ("{\"a\": tru}", 1, 7, "unexpected token"),
        ("[ // c\n]", 1, 3, "a value expected, found a comment"),
        ("{\"a\": [1, 2}", 1, 12, "`,` or `]` expected, found `}`"),
        (
            "{\"a\": [1, 2",
            1,
            12,
            "the file ends before this list is closed",
        ),
        ("{\"a\": 01}", 1, 8, "`,` or `}` expected, found `1`"),
        ("{\"a\": \"x", 1, 7, "unterminated string literal"),
        ("{\"a\": 1, \"a\": 2}", 1, 10, "duplicate key `a`"),
    ] {
        let (at_line, at_column, found) = fault("x.json", text);
        assert_eq!((at_line, at_column), (line, column), "{text}: {found}");
        assert!(found.starts_with(message), "{text}: {found}");
    }
}

#[test]
fn flow_style_yaml_is_no_broken_json() {
    let node = yaml("{a: !Ref B, c: [d,]}");
    assert_eq!(node.get("a").unwrap().tag.as_deref(), Some("Ref"));
    // But a file that says it is JSON must be.
    assert_eq!(fault("x.json", "{a: b}").1, 2);
}

#[test]
fn empty_files() {
    for text in ["", "  \n", "# only a comment\n", "---\n"] {
        let (node, diagnostics) = read("x.yaml", text);
        match node {
            // An explicit document without content is null.
            Some(node) => assert_eq!(node.kind, Kind::Null, "{text:?}"),
            None => assert_eq!(diagnostics[0].message, "the file is empty", "{text:?}"),
        }
    }
}

/// Any JSON value, small.
fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        "\\PC{0,12}".prop_map(Into::into),
        "[\u{0}-\u{10ffff}]{0,4}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            prop::collection::btree_map("\\PC{0,6}", inner, 0..6)
                .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

/// Characters that mean something to YAML or JSON, and a few that do not.
const HOSTILE: &str = "(?s)[-\\[\\]{}:,?!&*#|>'\"%@` \\t\\r\\na0~<\\\\.\u{e9}\u{feff}]{0,80}";

proptest! {
    /// Whatever an independent writer of JSON writes is read as the same value.
    #[test]
    fn json_reads_as_it_was_written(value in any_json(), pretty in any::<bool>()) {
        // A file holds a list or an object.
        let value = serde_json::json!([value]);
        let text = if pretty {
            serde_json::to_string_pretty(&value).unwrap()
        } else {
            value.to_string()
        };
        let (node, diagnostics) = read("x.json", &text);
        prop_assert!(diagnostics.is_empty(), "{:?}", diagnostics);
        prop_assert_eq!(plain(&node.unwrap()), plain_json(&value));
    }

    /// What serde_json refuses is refused, but for control characters in strings.
    #[test]
    fn json_that_others_refuse_is_refused(text in "[\\[{][\\[\\]{},:\"a1 \\\\u.etrufalsn-]{0,16}") {
        let ours = read("x.json", &text).0.is_some();
        let theirs = serde_json::from_str::<serde_json::Value>(&text).is_ok();
        // Duplicate keys are fine with serde_json and not with us.
        prop_assert!(theirs || !ours, "{text}");
    }

    /// Nothing that can be typed makes the readers panic, and what is read stays within bounds.
    #[test]
    fn hostile_text_never_panics(text in HOSTILE) {
        let (node, diagnostics) = read("x.yaml", &text);
        prop_assert!(node.is_some() || !diagnostics.is_empty());
        for diagnostic in diagnostics {
            let location = diagnostic.location.unwrap();
            prop_assert!(location.end <= text.len());
            prop_assert!(text.is_char_boundary(location.start));
        }
    }
}
