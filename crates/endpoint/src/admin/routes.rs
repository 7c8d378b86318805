//! What the owner can ask for: one function for each path.

use std::path::PathBuf;

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::Answered;
use crate::stacks::{self, StackAnswer, StackWish};
use crate::{Service, ServiceError};

/// Answers one request.
pub(super) fn answer(service: &Service, method: &Method, path: &str, body: &[u8]) -> Answered {
    match (method, path) {
        (&Method::GET, "/counters") => counters(service),
        (&Method::GET, "/export") => export(service),
        (&Method::POST, "/import") => import(service, body),
        (&Method::POST, "/backup") => backup(service, body),
        (&Method::GET, "/stacks") => Answered::document(&stacks::list(service)),
        (&Method::POST, "/stacks/plan") => with_stack(body, |wish| stacks::plan(service, wish)),
        (&Method::POST, "/stacks/apply") => with_stack(body, |wish| stacks::apply(service, wish)),
        _ => Answered::error(
            StatusCode::NOT_FOUND,
            format!("there is no {method} {path}"),
        ),
    }
}

/// The whole state.
fn export(service: &Service) -> Answered {
    Answered::document(&service.read(secgroup_store::export))
}

/// Another state in the place of this one.
fn import(service: &Service, body: &[u8]) -> Answered {
    let document: Value = match serde_json::from_slice(body) {
        Ok(document) => document,
        Err(error) => return Answered::error(StatusCode::BAD_REQUEST, error),
    };
    let state = match secgroup_store::import(&document) {
        Ok(state) => state,
        Err(error) => return Answered::error(StatusCode::BAD_REQUEST, error),
    };
    match service.replace(&state) {
        Ok(()) => Answered::document(&json!({ "imported": true })),
        Err(error) => Answered::error(StatusCode::INTERNAL_SERVER_ERROR, error),
    }
}

/// What `/backup` is told.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Backup {
    /// The file to be made.
    path: PathBuf,
}

/// A copy of the store.
fn backup(service: &Service, body: &[u8]) -> Answered {
    let Backup { path } = match serde_json::from_slice(body) {
        Ok(backup) => backup,
        Err(error) => return Answered::error(StatusCode::BAD_REQUEST, error),
    };
    if path.is_relative() {
        return Answered::error(StatusCode::BAD_REQUEST, "the path is not absolute");
    }
    match service.backup(&path) {
        Ok(()) => Answered::document(&json!({ "path": path })),
        Err(error) => Answered::error(StatusCode::INTERNAL_SERVER_ERROR, error),
    }
}

/// Does what a document says of a stack.
fn with_stack(
    body: &[u8],
    act: impl FnOnce(&StackWish) -> Result<StackAnswer, ServiceError>,
) -> Answered {
    let wish = match serde_json::from_slice(body) {
        Ok(wish) => wish,
        Err(error) => return Answered::error(StatusCode::BAD_REQUEST, error),
    };
    match act(&wish) {
        Ok(answer) => Answered::document(&answer),
        Err(error) => Answered::error(StatusCode::INTERNAL_SERVER_ERROR, error),
    }
}

/// How often what was called.
fn counters(service: &Service) -> Answered {
    let counts = service.counters().read();
    let rows = counts
        .iter()
        .map(|count| json!({ "action": count.action, "code": count.code, "calls": count.calls }));
    let rows: Vec<_> = rows.collect();
    Answered::document(&Value::from(rows))
}
