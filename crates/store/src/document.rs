//! A state as one JSON document, for people, for other versions, and for version control.
//!
//! ```json
//! {"Format": "secgroup-state", "Version": 1, "Tables": {"vpcs": {"vpc-0…": {"VpcId": "vpc-0…", …}, …}, …}}
//! ```
//!
//! Tables without records are left out, and nothing else is: what is exported and imported again is the same state. Who edits it is told
//! where a mistake is.

use secgroup_ec2::{Record, State, Visitor, invariants, visit_tables};
use serde_json::{Map, Value, json};

use crate::error::told;

/// What the document says it is.
const FORMAT: &str = "secgroup-state";
/// The version that is written, and the only one there is.
const VERSION: u64 = 1;

/// Why a document is no state.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Something in it is not as it should be.
    #[error("{path}: {fault}")]
    Invalid {
        /// The place: `Tables.groups["sg-…"].SecurityGroupRules[0].FromPort`.
        path: String,
        /// What is wrong there.
        fault: String,
    },
    /// A later version of secgroup wrote it.
    #[error(
        "Version: the document has version {found}, and this secgroup knows up to {VERSION}: use a newer one"
    )]
    Newer {
        /// Its version.
        found: u64,
    },
    /// Its records do not fit together.
    #[error("the state cannot be: {}", told(.0))]
    Inconsistent(Vec<String>),
}

/// The document of `state`.
#[must_use]
pub fn export(state: &State) -> Value {
    let mut export = Export {
        state,
        tables: Map::new(),
    };
    match visit_tables(&mut export) {
        Ok(()) => {}
        Err(never) => match never {},
    }
    json!({ "Format": FORMAT, "Version": VERSION, "Tables": export.tables })
}

struct Export<'a> {
    state: &'a State,
    tables: Map<String, Value>,
}

impl Visitor for Export<'_> {
    type Error = std::convert::Infallible;

    fn visit<R: Record>(&mut self) -> Result<(), Self::Error> {
        let records: Map<_, _> = R::table(self.state)
            .iter()
            .map(|(key, record)| (R::key_text(key), json!(record)))
            .collect();
        if !records.is_empty() {
            self.tables.insert(R::TABLE.to_owned(), records.into());
        }
        Ok(())
    }
}

/// The state of a document.
///
/// # Errors
/// Where it is not one, and why; or that it is a state that cannot be.
pub fn import(document: &Value) -> Result<State, ImportError> {
    let mut members = object(document, String::new())?.clone();
    let mut member = |name: &str| {
        let value = members.remove(name);
        value.ok_or_else(|| invalid(name, "is missing"))
    };
    if member("Format")? != FORMAT {
        return Err(invalid("Format", format!("it is not `{FORMAT}`")));
    }
    match member("Version")?.as_u64() {
        Some(VERSION) => {}
        Some(found) if found > VERSION => return Err(ImportError::Newer { found }),
        _ => return Err(invalid("Version", "there is no such version")),
    }
    let tables = member("Tables")?;
    if let Some(unknown) = members.keys().next() {
        return Err(invalid(unknown, "nothing is called so"));
    }
    let mut import = Import {
        tables: object(&tables, "Tables".to_owned())?.clone(),
        state: State::default(),
    };
    visit_tables(&mut import)?;
    if let Some(unknown) = import.tables.keys().next() {
        return Err(invalid(
            format!("Tables.{unknown}"),
            "there is no such table",
        ));
    }
    let faults = invariants::check(&import.state);
    if faults.is_empty() {
        Ok(import.state)
    } else {
        Err(ImportError::Inconsistent(faults))
    }
}

struct Import {
    /// Those that nobody has read yet.
    tables: Map<String, Value>,
    state: State,
}

impl Visitor for Import {
    type Error = ImportError;

    fn visit<R: Record>(&mut self) -> Result<(), ImportError> {
        let Some(table) = self.tables.remove(R::TABLE) else {
            return Ok(());
        };
        let path = format!("Tables.{}", R::TABLE);
        for (text, value) in object(&table, path.clone())? {
            let path = format!("{path}[{text:?}]");
            let key = R::parse_key(text)
                .filter(|key| R::key_text(key) == *text)
                .ok_or_else(|| invalid(&path, "this is no key"))?;
            let record = serde_path_to_error::deserialize(value).map_err(|error| {
                let place = match error.path().to_string().as_str() {
                    "." => path,
                    inner => format!("{path}.{inner}"),
                };
                invalid(place, error.inner().to_string())
            })?;
            R::table_mut(&mut self.state).insert(key, record);
        }
        Ok(())
    }
}

fn object(value: &Value, path: String) -> Result<&Map<String, Value>, ImportError> {
    value.as_object().ok_or_else(|| {
        let path = if path.is_empty() {
            "document".to_owned()
        } else {
            path
        };
        invalid(path, "it is not an object")
    })
}

fn invalid(path: impl Into<String>, fault: impl Into<String>) -> ImportError {
    ImportError::Invalid {
        path: path.into(),
        fault: fault.into(),
    }
}
