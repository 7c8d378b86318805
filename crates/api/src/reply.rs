//! The documents that go out (E8, E12, E13, E17).
//!
//! One endpoint answers for two services, because clients ask STS who they are before they ask EC2 anything. Both
//! speak the Query protocol, and spell success and errors differently; [`Service`] is the one place that knows.

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

/// The version of STS, which has had no other.
const STS_VERSION: &str = "2011-06-15";
/// Its scope in signatures.
const STS_SCOPE: &str = "sts";

/// Whose request it is, and so how the answer is spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// EC2.
    Ec2,
    /// The Security Token Service: who is it that calls?
    Sts,
}

impl Service {
    /// The service that a request is for: `scope` is the one that its signature names (`…/us-east-1/sts/aws4_request`),
    /// `version` its parameter `Version`. Either will do: what is not STS is EC2.
    #[must_use]
    pub fn of(scope: Option<&str>, version: Option<&str>) -> Self {
        if scope == Some(STS_SCOPE) || version == Some(STS_VERSION) {
            Self::Sts
        } else {
            Self::Ec2
        }
    }

    /// The answer of an action that succeeded. `version` is the one of the request, if it had one.
    #[must_use]
    pub fn success(
        self,
        action: &str,
        version: Option<&str>,
        request_id: &str,
        members: Xml,
    ) -> Answer {
        match self {
            Self::Ec2 => success_answer(action, version, request_id, members),
            Self::Sts => sts_success(action, request_id, members),
        }
    }

    /// The answer of everything else.
    #[must_use]
    pub fn error(self, error: &ModelError, request_id: impl Display) -> Answer {
        match self {
            Self::Ec2 => error_answer(error, request_id),
            Self::Sts => sts_error(error, request_id),
        }
    }
}

/// The answer of an action of EC2 that succeeded (E8).
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

/// `<XResponse><XResult>…</XResult><ResponseMetadata>…`.
fn sts_success(action: &str, request_id: &str, members: Xml) -> Answer {
    let mut body = format!(
        r#"{DECLARATION}<{action}Response xmlns="https://sts.amazonaws.com/doc/{STS_VERSION}/"><{action}Result>"#
    )
    .into_bytes();
    body.extend(members.into_bytes());
    body.extend(
        format!(
            "</{action}Result><ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{action}Response>"
        )
        .into_bytes(),
    );
    Answer {
        status: 200,
        body,
        code: None,
    }
}

/// The answer of everything else, as EC2 spells it (E12).
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
    refusal(error, xml)
}

/// `<ErrorResponse><Error><Type>Sender</Type>…`.
fn sts_error(error: &ModelError, request_id: impl Display) -> Answer {
    let fault = if status(error.code) < 500 {
        "Sender"
    } else {
        "Receiver"
    };
    let mut xml = Xml::new();
    xml.element("ErrorResponse", |xml| {
        xml.element("Error", |xml| {
            xml.text("Type", fault);
            xml.text("Code", error.code);
            xml.text("Message", &error.message);
        });
        xml.text("RequestId", request_id);
    });
    refusal(error, xml)
}

fn refusal(error: &ModelError, document: Xml) -> Answer {
    let mut body = DECLARATION.as_bytes().to_vec();
    body.extend(document.into_bytes());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scope_or_the_version_says_whose_request_it_is() {
        assert_eq!(Service::of(Some("sts"), None), Service::Sts);
        assert_eq!(Service::of(None, Some("2011-06-15")), Service::Sts);
        assert_eq!(Service::of(Some("ec2"), Some("2016-11-15")), Service::Ec2);
        assert_eq!(Service::of(None, None), Service::Ec2);
    }

    #[test]
    fn each_service_spells_errors_in_its_own_way() {
        let error = ModelError::new(ErrorCode::InvalidClientTokenId, "no <such> key");
        let body = |service: Service| {
            let answer = service.error(&error, "id-1");
            assert_eq!(answer.status, 403);
            String::from_utf8(answer.body).unwrap()
        };
        assert_eq!(
            body(Service::Ec2),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Errors><Error><Code>InvalidClientTokenId</Code>\
             <Message>no &lt;such&gt; key</Message></Error></Errors><RequestID>id-1</RequestID></Response>"
        );
        assert_eq!(
            body(Service::Sts),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ErrorResponse><Error><Type>Sender</Type>\
             <Code>InvalidClientTokenId</Code><Message>no &lt;such&gt; key</Message></Error>\
             <RequestId>id-1</RequestId></ErrorResponse>"
        );
    }
}
