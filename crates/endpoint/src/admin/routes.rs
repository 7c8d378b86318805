//! What the owner can ask for: one function for each path.

use hyper::{Method, StatusCode};

use super::Answered;
use crate::Service;

/// Answers one request.
pub(super) fn answer(service: &Service, method: &Method, path: &str, body: &[u8]) -> Answered {
    match (method, path) {
        (&Method::GET, "/counters") => counters(service),
        _ => {
            let _ = body;
            Answered::error(
                StatusCode::NOT_FOUND,
                format!("there is no {method} {path}"),
            )
        }
    }
}

/// How often what was called.
fn counters(service: &Service) -> Answered {
    let counts = service.counters().read();
    let rows = counts.iter().map(|count| {
        serde_json::json!({ "action": count.action, "code": count.code, "calls": count.calls })
    });
    let rows: Vec<_> = rows.collect();
    Answered::json(serde_json::Value::from(rows).to_string().into_bytes())
}
