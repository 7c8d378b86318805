//! Whether a file has the shape that the schema describes: keys, types, ranges, words.
//!
//! serde would stop at the first fault, and say it in words of Rust. This walks the parsed file along the
//! JSON Schema instead, and reports every fault at its place. It knows the part of JSON Schema that schemars makes of
//! our types, no more; whatever else may be wrong is still found when serde reads the file at the end.

use std::ops::Range;

use secgroup_import::nearest;
use serde::Deserialize;
use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::file::File;
use super::problems::Problems;
use super::schema::schema;

/// The file of a text, and the tree that tells where everything stands; `None` if there are problems.
pub(crate) fn read<'t>(
    text: &'t str,
    problems: &mut Problems<'_>,
) -> Option<(File, Spanned<DeTable<'t>>)> {
    let (document, faults) = DeTable::parse_recoverable(text);
    // Only the first: behind a bracket that is not closed every line looks wrong.
    if let Some(fault) = faults.first() {
        report(fault, problems);
    }
    if problems.failed() {
        return None;
    }
    let mut shape = Shape {
        root: schema(),
        problems,
    };
    let whole = Section {
        name: "the file".to_owned(),
        span: 0..0,
    };
    shape.table(schema(), document.get_ref(), &whole);
    if problems.failed() {
        return None;
    }
    match File::deserialize(toml::Deserializer::from(document.clone())) {
        Ok(file) => Some((file, document)),
        Err(fault) => {
            report(&fault, problems);
            None
        }
    }
}

/// A fault that the TOML library found.
fn report(fault: &toml::de::Error, problems: &mut Problems<'_>) {
    let message = fault.message().trim().replace('\n', "; ");
    let problem = problems.error(fault.span().unwrap_or(0..0), message);
    problem
        .help("the file is TOML: `key = value` lines under `[section]` lines; see https://toml.io");
}

/// A table of the file, as people call it.
struct Section {
    name: String,
    span: Range<usize>,
}

struct Shape<'p, 's> {
    root: &'static Value,
    problems: &'p mut Problems<'s>,
}

impl Shape<'_, '_> {
    /// A table whose keys the schema lists, or lets be anything.
    fn table(&mut self, schema: &'static Value, table: &DeTable<'_>, section: &Section) {
        for (name, value) in table {
            let (name, at) = (name.get_ref().as_ref(), name.span());
            if let Some(schema) = schema["properties"].get(name) {
                self.value(schema, value, name, section);
            } else if schema["additionalProperties"].is_object() {
                self.value(&schema["additionalProperties"], value, name, section);
            } else {
                self.unknown(schema, name, at, section);
            }
        }
        for name in schema["required"].as_array().into_iter().flatten() {
            let name = name.as_str().unwrap_or_default();
            if !table.contains_key(name) {
                let message = format!("{} has no `{name}`", section.name);
                let problem = self.problems.error(section.span.clone(), message);
                problem.maybe_help(suggestion(&schema["properties"][name], name));
            }
        }
    }

    fn unknown(&mut self, schema: &Value, name: &str, at: Range<usize>, section: &Section) {
        let keys: Vec<&str> = keys(schema).collect();
        let help = match (
            nearest(name, keys.iter().copied()),
            self.home(name, section),
        ) {
            (Some(known), _) => format!("did you mean `{known}`?"),
            (None, Some(home)) => home,
            (None, None) => format!("the keys here are {}", keys.join(", ")),
        };
        let message = format!("unknown key `{name}` in {}", section.name);
        self.problems.error(at, message).help(help);
    }

    /// Where a key belongs that is not where it belongs.
    fn home(&self, name: &str, section: &Section) -> Option<String> {
        let has = |schema: &Value| schema["properties"].get(name).is_some();
        if has(self.root) {
            return Some(format!(
                "`{name}` belongs at the top of the file, above the first `[section]`"
            ));
        }
        let sections = self.root["properties"].as_object()?;
        let mut homes = sections.iter().filter_map(|(key, schema)| {
            let schema = self.resolve(schema);
            if schema["type"] == "array" {
                has(self.resolve(&schema["items"])).then(|| heading(key, true))
            } else {
                has(schema).then(|| heading(key, false))
            }
        });
        let home = homes.find(|home| *home != section.name)?;
        Some(format!("`{name}` belongs in {home}"))
    }

    fn value(
        &mut self,
        schema: &'static Value,
        value: &Spanned<DeValue<'_>>,
        name: &str,
        section: &Section,
    ) {
        let mut alternatives = Vec::new();
        self.alternatives(schema, &mut alternatives);
        let of_type: Vec<_> = alternatives
            .iter()
            .copied()
            .filter(|schema| schema["type"] == json_type(value.get_ref()))
            .collect();
        let Some(&first) = of_type.first() else {
            self.wrong_type(schema, &alternatives, value, name);
            return;
        };
        match value.get_ref() {
            DeValue::String(text) => self.text(schema, &alternatives, text, value.span(), name),
            DeValue::Integer(_) => self.integer(schema, first, value, name),
            DeValue::Array(list) => {
                self.length(schema, first, list.len(), value.span(), name);
                let is_section = list.iter().all(|item| item.get_ref().is_table());
                for (index, item) in list.iter().enumerate() {
                    let (name, around) = if is_section {
                        (name.to_owned(), heading(name, true))
                    } else {
                        (format!("{name}[{index}]"), section.name.clone())
                    };
                    let section = Section {
                        name: around,
                        span: item.span(),
                    };
                    self.value(&first["items"], item, &name, &section);
                }
            }
            DeValue::Table(table) => {
                let section = Section {
                    name: self.name_of_table(name, section),
                    span: value.span(),
                };
                self.table(first, table, &section);
            }
            _ => {}
        }
    }

    /// `[log]`, `[log.denied]`, `[[interface]]`, `inside`.
    fn name_of_table(&self, name: &str, around: &Section) -> String {
        let is_section = self.root["properties"].get(name).is_some();
        match around.name.strip_suffix(']') {
            _ if around.name == heading(name, true) => around.name.clone(),
            None if is_section => heading(name, false),
            Some(outer) if !outer.ends_with(']') => format!("{outer}.{name}]"),
            _ => format!("`{name}`"),
        }
    }

    /// Follows references, and takes apart what may be one thing or another.
    fn alternatives(&self, schema: &'static Value, found: &mut Vec<&'static Value>) {
        let schema = self.resolve(schema);
        let several = schema.get("anyOf").or_else(|| schema.get("oneOf"));
        match several.and_then(Value::as_array) {
            Some(several) => several
                .iter()
                .for_each(|schema| self.alternatives(schema, found)),
            None => found.push(schema),
        }
    }

    fn resolve<'v>(&self, schema: &'v Value) -> &'v Value
    where
        'static: 'v,
    {
        let reference = schema["$ref"]
            .as_str()
            .and_then(|name| name.strip_prefix('#'));
        reference
            .and_then(|pointer| self.root.pointer(pointer))
            .unwrap_or(schema)
    }

    fn text(
        &mut self,
        schema: &Value,
        alternatives: &[&Value],
        text: &str,
        at: Range<usize>,
        name: &str,
    ) {
        let texts = || {
            alternatives
                .iter()
                .filter(|schema| schema["type"] == "string")
        };
        if let Some(free) = texts().find(|schema| schema.get("const").is_none()) {
            return self.length(schema, free, text.chars().count(), at, name);
        }
        let words: Vec<&str> = texts()
            .filter_map(|schema| schema["const"].as_str())
            .collect();
        if !words.contains(&text) {
            let quoted: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
            let message = match quoted.as_slice() {
                [only] => format!("`{name}` cannot be {text:?}; the only word here is {only}"),
                _ => format!(
                    "`{name}` cannot be {text:?}; it is one of {}",
                    quoted.join(", ")
                ),
            };
            let help = match nearest(text, words.iter().copied()) {
                Some(word) => Some(format!("did you mean {word:?}?")),
                None if is_literal(text, alternatives) => Some(unquoted(name, text)),
                None => suggestion(schema, name),
            };
            self.problems.error(at, message).maybe_help(help);
        }
    }

    fn integer(&mut self, schema: &Value, kind: &Value, value: &Spanned<DeValue<'_>>, name: &str) {
        let DeValue::Integer(integer) = value.get_ref() else {
            return;
        };
        let number = i128::from_str_radix(integer.as_str(), integer.radix()).unwrap_or(i128::MAX);
        let bound = |key: &str| kind[key].as_i64().map(i128::from);
        let least = bound("minimum").unwrap_or(0);
        let most = bound("maximum").unwrap_or_else(|| u32::MAX.into());
        if !(least..=most).contains(&number) {
            let message = format!("`{name}` is {integer}, which is not from {least} to {most}");
            let problem = self.problems.error(value.span(), message);
            problem.maybe_help(suggestion(schema, name));
        }
    }

    /// The length of a list or a text.
    fn length(
        &mut self,
        schema: &Value,
        kind: &Value,
        length: usize,
        at: Range<usize>,
        name: &str,
    ) {
        let bound = |list: &str, text: &str| kind.get(list).or_else(|| kind.get(text))?.as_u64();
        let length = length as u64;
        let least = bound("minItems", "minLength").unwrap_or(0);
        let most = bound("maxItems", "maxLength").unwrap_or(u64::MAX);
        if length < least {
            let problem = self.problems.error(at, format!("`{name}` is empty"));
            problem.maybe_help(suggestion(schema, name));
        } else if length > most {
            let parts = if kind["type"] == "array" {
                "values"
            } else {
                "characters"
            };
            let message = format!("`{name}` has {length} {parts}");
            self.problems
                .error(at, message)
                .help(format!("at most {most} are allowed"));
        }
    }

    fn wrong_type(
        &mut self,
        schema: &Value,
        alternatives: &[&Value],
        value: &Spanned<DeValue<'_>>,
        name: &str,
    ) {
        let mut wanted: Vec<String> = Vec::new();
        for alternative in alternatives {
            let word = match alternative["const"].as_str() {
                Some(word) => format!("{word:?}"),
                None => type_name(&alternative["type"]).to_owned(),
            };
            if !wanted.contains(&word) {
                wanted.push(word);
            }
        }
        let found = match value.get_ref() {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a number with a point",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        let help = match value.get_ref() {
            DeValue::String(text) if is_literal(text, alternatives) => Some(unquoted(name, text)),
            _ => suggestion(schema, name),
        };
        let message = format!("`{name}` is {found}; it has to be {}", wanted.join(" or "));
        self.problems.error(value.span(), message).maybe_help(help);
    }
}

/// Whether a text would be right if it had no quotes.
fn is_literal(text: &str, alternatives: &[&Value]) -> bool {
    alternatives
        .iter()
        .any(|schema| match schema["type"].as_str() {
            Some("integer") => text.parse::<u32>().is_ok(),
            Some("boolean") => text.parse::<bool>().is_ok(),
            _ => false,
        })
}

fn unquoted(name: &str, text: &str) -> String {
    format!("without quotes: `{name} = {text}`")
}

/// The section of a key of the top level.
fn heading(key: &str, is_list: bool) -> String {
    if is_list {
        format!("[[{key}]]")
    } else {
        format!("[{key}]")
    }
}

fn keys(schema: &Value) -> impl Iterator<Item = &str> {
    schema["properties"]
        .as_object()
        .into_iter()
        .flat_map(|keys| keys.keys().map(String::as_str))
}

/// What to write: an example, or the default; where there is neither, what the key is for.
fn suggestion(schema: &Value, name: &str) -> Option<String> {
    match schema["examples"].get(0).or_else(|| schema.get("default")) {
        Some(value) if !value.is_object() => Some(format!("for example: `{name} = {value}`")),
        _ => {
            let text = schema["description"].as_str()?;
            Some(format!("`{name}`: {}", text.replace('\n', " ")))
        }
    }
}

const fn json_type(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "string",
        DeValue::Integer(_) => "integer",
        DeValue::Float(_) => "number",
        DeValue::Boolean(_) => "boolean",
        DeValue::Datetime(_) => "date",
        DeValue::Array(_) => "array",
        DeValue::Table(_) => "object",
    }
}

fn type_name(json_type: &Value) -> &'static str {
    match json_type.as_str() {
        Some("string") => "a text",
        Some("integer") => "a whole number",
        Some("boolean") => "true or false",
        Some("array") => "a list",
        _ => "a table",
    }
}
