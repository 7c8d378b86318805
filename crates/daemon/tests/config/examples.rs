//! What ships beside the code: examples, the schema, the reference. They are right, and stay so.

use std::fs;
use std::path::{Path, PathBuf};

use secgroup_daemon::config::{Config, schema};
use secgroup_daemon::policy;
use serde_json::Value;

use crate::{CPUS, files, golden};

/// What stands before and after the reference in README.md.
const MARK: &str = "<!-- reference -->";

fn configs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs")
}

#[test]
fn every_example_loads_and_so_does_its_policy() {
    let examples = files(&configs(), "toml");
    assert!(examples.len() >= 4, "{examples:?}");
    for path in examples {
        let shown = path.display();
        let text = fs::read_to_string(&path).unwrap();
        assert!(
            text.starts_with("#:schema ./secgroup.schema.json\n"),
            "{shown} says its schema"
        );
        let loaded = Config::parse(&text, &path, CPUS);
        assert_eq!(loaded.render(false), "", "{shown}");
        let config = loaded.value.unwrap();
        let policy = policy::load(&config);
        let said = policy.render(false);
        let inventory = policy.value.unwrap_or_else(|| panic!("{shown}: {said}"));
        for interface in &config.interfaces {
            // With an endpoint, interfaces come by calls.
            assert!(
                config.api.is_some() || inventory.interfaces.contains_key(interface.name.as_str()),
                "{shown}"
            );
        }
    }
}

#[test]
fn the_schema_that_ships_is_the_one_that_is_in_force() {
    let text = serde_json::to_string_pretty(schema()).unwrap() + "\n";
    golden(&configs().join("secgroup.schema.json"), &text);
}

#[test]
fn every_key_has_a_description_and_a_default_or_an_example() {
    for (section, key, schema) in keys() {
        assert!(schema["description"].is_string(), "{section} {key}");
        let shows = ["default", "examples"]
            .iter()
            .any(|word| schema.get(word).is_some());
        let is_optional_text = key == "stack_name";
        assert!(
            shows || is_optional_text,
            "{section} {key} has neither default nor example"
        );
    }
}

#[test]
fn the_reference_has_a_row_for_every_key_and_none_besides() {
    let readme =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let parts: Vec<_> = readme.split(MARK).collect();
    let [before, reference, after] = parts.as_slice() else {
        panic!("README.md has one reference, between two marks");
    };
    let mut expected = String::from("\n");
    let mut last = String::new();
    for (section, key, schema) in keys() {
        if section != last {
            expected += &format!(
                "\n### {section}\n\n| key | what it is | values | default |\n|---|---|---|---|\n"
            );
            last = section;
        }
        let text = schema["description"]
            .as_str()
            .unwrap()
            .replace('\n', " ")
            .replace('|', "\\|");
        let default = match schema.get("default") {
            Some(Value::Object(_)) | None => String::new(),
            Some(default) => format!("`{default}`"),
        };
        expected += &format!("| `{key}` | {text} | {} | {default} |\n", values(schema));
    }
    expected += "\n";
    if std::env::var_os("SECGROUP_BLESS").is_some() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
        fs::write(path, [before, &*expected, after].join(MARK)).unwrap();
        return;
    }
    assert_eq!(*reference, expected, "see the head of this test");
}

#[test]
fn the_configurations_of_the_readme_are_right() {
    let readme =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let mut count = 0;
    for block in readme.split("```toml\n").skip(1) {
        let text = block.split("```").next().unwrap();
        let loaded = Config::parse(text, Path::new("README.md"), CPUS);
        assert_eq!(loaded.render(false), "", "{text}");
        count += 1;
    }
    assert!(count > 0);
}

/// Every section and key, with its schema, in the order of the file.
fn keys() -> Vec<(String, String, &'static Value)> {
    let mut found = Vec::new();
    collect("top of the file", schema(), &mut found);
    found
}

fn collect(section: &str, of: &'static Value, found: &mut Vec<(String, String, &'static Value)>) {
    let mut inner: Vec<(String, &Value)> = Vec::new();
    for (key, schema) in of["properties"].as_object().unwrap() {
        found.push((section.to_owned(), key.clone(), schema));
        let is_list = schema["type"] == "array";
        let Some(table) = table(schema) else {
            continue;
        };
        let outer = section.trim_matches(['[', ']', '`']);
        inner.push(match section {
            "top of the file" if is_list => (format!("`[[{key}]]`"), table),
            "top of the file" => (format!("`[{key}]`"), table),
            "`[[interface]]`" => ("`inside`, `outside`, `device` as a table".to_owned(), table),
            _ => (format!("`[{outer}.{key}]`"), table),
        });
    }
    for (section, schema) in inner {
        if !found.iter().any(|(known, ..)| *known == section) {
            collect(&section, schema, found);
        }
    }
}

fn resolve(schema: &'static Value) -> &'static Value {
    let pointer = schema["$ref"]
        .as_str()
        .and_then(|name| name.strip_prefix('#'));
    pointer.map_or(schema, |pointer| {
        crate::examples::schema().pointer(pointer).unwrap()
    })
}

/// The table with keys of its own that a key may have.
fn table(schema: &'static Value) -> Option<&'static Value> {
    let schema = resolve(schema);
    if schema.get("properties").is_some() {
        return Some(schema);
    }
    if schema["type"] == "array" {
        return table(&schema["items"]);
    }
    schema["anyOf"].as_array()?.iter().find_map(table)
}

/// What may be written, in short.
fn values(schema: &'static Value) -> String {
    let schema = resolve(schema);
    for word in ["anyOf", "oneOf"] {
        if let Some(several) = schema[word].as_array() {
            let several: Vec<_> = several.iter().map(values).collect();
            return several.join(", ");
        }
    }
    if let Some(word) = schema["const"].as_str() {
        return format!("`\"{word}\"`");
    }
    let range = match (schema["minimum"].as_u64(), schema["maximum"].as_u64()) {
        (Some(least), Some(most)) => format!(" {least} to {most}"),
        (None | Some(0), None) => String::new(),
        (Some(least), None) => format!(" from {least}"),
        (None, Some(most)) => format!(" up to {most}"),
    };
    match schema["type"].as_str() {
        Some("integer") => format!("number{range}"),
        Some("boolean") => "`true`, `false`".to_owned(),
        Some("array") => "list".to_owned(),
        Some("object") => "table".to_owned(),
        _ => "text".to_owned(),
    }
}
