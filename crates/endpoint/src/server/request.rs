//! A request that is there as a whole: its signature, its parameters, the call, and the line in the log.

use std::net::SocketAddr;
use std::time::Instant;

use hyper::body::Bytes;
use hyper::http::request::Parts;
use jiff::Timestamp;
use secgroup_api::{Answer, Claim, HttpRequest, Params, Service as Spelling};
use secgroup_ec2::Caller;
use secgroup_model::{ErrorCode, ModelError};

use super::Shared;
use super::http::micros;
use crate::{Counters, Keys};

/// What came, from where.
pub(super) struct Arrived<'a> {
    pub(super) head: &'a Parts,
    pub(super) body: &'a Bytes,
    pub(super) source: SocketAddr,
    pub(super) request_id: &'a str,
}

/// Answers a request, and logs who asked for what and how it ended: nothing that could be signed with.
pub(super) fn answer(shared: &Shared, arrived: &Arrived<'_>) -> Answer {
    let begun = Instant::now();
    let headers = headers(arrived.head);
    let request = http_request(arrived.head, &headers, arrived.body);
    let mut seen = Seen::default();
    let answer = match signed(&shared.keys, &request, &mut seen) {
        Ok((caller, params)) => {
            seen.account = caller.account.to_string();
            let spelling = seen.spelling(&params);
            shared
                .service
                .call(&caller, &params, spelling, arrived.request_id)
        }
        Err(error) => {
            shared
                .service
                .counters()
                .count(Counters::NO_ACTION, error.code());
            let spelling = Spelling::of(seen.scope.as_deref(), None);
            spelling.error(&error, arrived.request_id)
        }
    };
    let Seen {
        account,
        key,
        action,
        ..
    } = seen;
    tracing::info!(
        request_id = arrived.request_id,
        action,
        account,
        key,
        source = %arrived.source,
        code = answer.code.map_or(Counters::OK, ErrorCode::as_str),
        duration_us = micros(begun),
        "call"
    );
    answer
}

/// The headers of a request as they are signed.
pub(super) fn headers(head: &Parts) -> Vec<(&str, &[u8])> {
    let headers = head.headers.iter();
    headers
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect()
}

/// A request as it is signed.
pub(super) fn http_request<'a>(
    head: &'a Parts,
    headers: &'a [(&'a str, &'a [u8])],
    body: &'a [u8],
) -> HttpRequest<'a> {
    HttpRequest {
        method: head.method.as_str(),
        path: head.uri.path(),
        query: head.uri.query().unwrap_or_default(),
        headers,
        body,
    }
}

/// What a request said of itself, for the log: believed or not.
#[derive(Debug, Default)]
struct Seen {
    key: String,
    account: String,
    action: String,
    /// The service of the signature's scope.
    scope: Option<String>,
}

impl Seen {
    fn spelling(&self, params: &Params) -> Spelling {
        Spelling::of(self.scope.as_deref(), params.text("Version"))
    }
}

/// Who calls, and with which parameters: only of a request that is signed.
fn signed(
    keys: &Keys,
    request: &HttpRequest<'_>,
    seen: &mut Seen,
) -> Result<(Caller, Params), ModelError> {
    let claim = Claim::of(request)?;
    seen.key.clone_from(&claim.key_id);
    seen.scope = Some(claim.service.clone());
    let caller = keys.signer(&claim, request, Timestamp::now())?.caller();
    let params = params(request)?;
    let action = params.text("Action").unwrap_or_default();
    seen.action = action.escape_debug().take(64).collect();
    Ok((caller, params))
}

/// The parameters of the query and of the form, none of which may be there twice in the query: its order is not signed.
fn params(request: &HttpRequest<'_>) -> Result<Params, ModelError> {
    let of_query = form_urlencoded::parse(request.query.as_bytes()).into_owned();
    let query: Vec<_> = of_query
        .filter(|(name, _)| !Claim::is_of_signature(name))
        .collect();
    let mut names: Vec<_> = query.iter().map(|(name, _)| name.clone()).collect();
    names.sort_unstable();
    if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        let name: String = pair[0].escape_debug().take(255).collect();
        return Err(ModelError::value(format!(
            "The parameter {name} is in the query more than once"
        )));
    }
    let form = form_urlencoded::parse(request.body).into_owned();
    Params::new(query.into_iter().chain(form))
}
