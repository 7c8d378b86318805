//! `secgroup state`: whole states of the endpoint. Who has the store does the work: an endpoint that runs, or else this process.

use std::io::Read;
use std::path::Path;

use secgroup_endpoint::{AdminClient, AdminError, StateFolder};
use secgroup_store::{Store, export, import};
use serde_json::{Value, json};

use crate::args::{State, StateCommand};
use crate::{Failure, Outcome, say};

/// Does one of them.
pub(crate) fn run(args: &State) -> Result<Outcome, Failure> {
    let path = match &args.state.folder {
        Some(path) => path.clone(),
        None => StateFolder::default_path()?,
    };
    // To look into a folder that is not there would make it.
    if !path.exists() {
        return Err(format!(
            "there is no state in {}: name its folder with --state",
            path.display()
        )
        .into());
    }
    let folder = StateFolder::open(&path)?;
    match &args.what {
        StateCommand::Export => print_state(&folder),
        StateCommand::Import { file } => read_state(&folder, file),
        StateCommand::Backup { file } => back_up(&folder, file),
    }
    .map(|()| Outcome::Done)
}

fn print_state(folder: &StateFolder) -> Result<(), Failure> {
    let client = AdminClient::new(&folder.socket())?;
    let document: Value = match running(client.get("/export"))? {
        Some(document) => serde_json::from_slice(&document)?,
        None => {
            let (_store, state) = open(folder)?;
            export(&state.unwrap_or_default())
        }
    };
    say::show_json(&document)
}

fn read_state(folder: &StateFolder, file: &Path) -> Result<(), Failure> {
    let text = read(file).map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    let client = AdminClient::new(&folder.socket())?;
    if running(client.post("/import", text.clone()))?.is_none() {
        let document = serde_json::from_slice(&text)?;
        let state = import(&document)?;
        let (store, _) = open(folder)?;
        store.replace(&state)?;
    }
    say::tell(&format!(
        "the state of {} is in {}\n",
        file.display(),
        folder.path().display()
    ));
    Ok(())
}

fn back_up(folder: &StateFolder, file: &Path) -> Result<(), Failure> {
    let file = std::path::absolute(file)?;
    let client = AdminClient::new(&folder.socket())?;
    let request = json!({ "path": file }).to_string();
    if running(client.post("/backup", request.into_bytes()))?.is_none() {
        let (store, _) = open(folder)?;
        store.backup(&file)?;
    }
    say::tell(&format!(
        "{} is a copy of the state in {}\n",
        file.display(),
        folder.path().display()
    ));
    Ok(())
}

/// What an endpoint that runs answered; `None` where none does.
fn running(answer: Result<Vec<u8>, AdminError>) -> Result<Option<Vec<u8>>, AdminError> {
    match answer {
        Err(AdminError::Absent { .. }) => Ok(None),
        answer => answer.map(Some),
    }
}

/// The store, which must be there.
fn open(folder: &StateFolder) -> Result<(Store, Option<secgroup_ec2::State>), Failure> {
    let path = folder.store();
    if !path.exists() {
        return Err(format!("there is no state in {}", folder.path().display()).into());
    }
    Ok(Store::open(&path)?)
}

fn read(file: &Path) -> std::io::Result<Vec<u8>> {
    if file == Path::new("-") {
        let mut text = Vec::new();
        std::io::stdin().read_to_end(&mut text)?;
        return Ok(text);
    }
    std::fs::read(file)
}
