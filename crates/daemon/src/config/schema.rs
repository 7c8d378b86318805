//! The JSON Schema of the configuration file, made of the types in [`file`](super::file).

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::file::File;

/// The schema: what editors complete and check configuration files by, and what secgroup itself
/// checks their shape by.
#[must_use]
pub fn schema() -> &'static Value {
    static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
        let settings = SchemaSettings::draft2020_12();
        let mut schema = settings
            .into_generator()
            .into_root_schema_for::<File>()
            .to_value();
        forget_null(&mut schema);
        schema
    });
    &SCHEMA
}

/// Removes what a schema says about `null`: TOML has none, a key is there or it is not.
fn forget_null(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            object.retain(|key, value| key != "default" || !value.is_null());
            if let Some(Value::Array(types)) = object.get_mut("type") {
                types.retain(|name| name != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    object.insert("type".to_owned(), only);
                }
            }
            if let Some(Value::Array(alternatives)) = object.get_mut("anyOf") {
                alternatives.retain(|alternative| alternative["type"] != "null");
                if let [Value::Object(only)] = alternatives.as_slice() {
                    let only = only.clone();
                    object.remove("anyOf");
                    for (key, value) in only {
                        object.entry(key).or_insert(value);
                    }
                }
            }
            object.values_mut().for_each(forget_null);
        }
        Value::Array(list) => list.iter_mut().for_each(forget_null),
        _ => {}
    }
}
