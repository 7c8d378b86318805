//! The documents that go out (E8, E12, E13, E17).

use std::fmt::Display;

use secgroup_model::{ErrorCode, ModelError};

use crate::Xml;

/// What goes out: a status and a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status of HTTP.
    pub status: u16,
    /// An XML document.
    pub body: Vec<u8>,
    /// The error code, for logs and metrics; `None` for success.
    pub code: Option<ErrorCode>,
}

const DECLARATION: &str = r#"<?xml version="1.0" encoding="UTF-8"?>"#;
/// The version that is answered in where the request names none that looks like one (E1).
const VERSION: &str = "2016-11-15";

/// The answer of an action that succeeded.
#[must_use]
pub fn success_answer(
    action: &str,
    version: Option<&str>,
    request_id: &str,
    members: Xml,
) -> Answer {
    let version = version.filter(|text| is_version(text)).unwrap_or(VERSION);
    let mut body = format!(
        r#"{DECLARATION}<{action}Response xmlns="http://ec2.amazonaws.com/doc/{version}/"><requestId>{request_id}</requestId>"#
    )
    .into_bytes();
    body.extend(members.into_bytes());
    body.extend(format!("</{action}Response>").into_bytes());
    Answer {
        status: 200,
        body,
        code: None,
    }
}

/// The answer of everything else.
#[must_use]
pub fn error_answer(error: &ModelError, request_id: impl Display) -> Answer {
    let mut xml = Xml::new();
    xml.element("Response", |xml| {
        xml.element("Errors", |xml| {
            xml.element("Error", |xml| {
                xml.text("Code", error.code);
                xml.text("Message", &error.message);
            });
        });
        xml.text("RequestID", request_id);
    });
    let mut body = DECLARATION.as_bytes().to_vec();
    body.extend(xml.into_bytes());
    Answer {
        status: status(error.code),
        body,
        code: Some(error.code),
    }
}

/// The status that goes with a code (E6, E12, E13, E17).
const fn status(code: ErrorCode) -> u16 {
    match code {
        ErrorCode::AuthFailure | ErrorCode::MissingAuthenticationToken => 401,
        ErrorCode::SignatureDoesNotMatch
        | ErrorCode::InvalidClientTokenId
        | ErrorCode::UnauthorizedOperation => 403,
        ErrorCode::DryRunOperation => 412,
        ErrorCode::InternalError => 500,
        ErrorCode::RequestLimitExceeded | ErrorCode::Unavailable => 503,
        _ => 400,
    }
}

/// `YYYY-MM-DD`: nothing else is echoed.
fn is_version(text: &str) -> bool {
    text.len() == 10
        && text.bytes().enumerate().all(|(place, byte)| match place {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}
