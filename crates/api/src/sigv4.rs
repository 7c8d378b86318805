//! Who signed a request: AWS Signature Version 4 (E15 to E17).
//!
//! ```text
//!  request ──► Claim ─────────► which key, when, for which service, which headers, which signature
//!     │          │
//!     │          └─► expired? not of a service that is here? ──► refused, whatever the key
//!     └─► canonical request ──► text to sign ──► HMAC of the key's secret ──► is it the signature?
//! ```
//!
//! Both forms in which clients sign are read: the `Authorization` header, and a presigned query (`X-Amz-Signature` and its like).
//! The body is always hashed here; what the client says its hash is must be right, and "unsigned" is not taken for an answer, since EC2 does
//! not take it either.
//!
//! What is not signed has no meaning: every header that is read here must be among the signed ones, beside `host`. What an unknown key
//! and a wrong signature are answered with is the same, and takes the same work, so that keys cannot be probed. Nothing is
//! remembered of a request: within its time it can be sent again, as with EC2.
//!
//! The Region of a signature must look like one and is not compared: a client of STS signs for `us-east-1` wherever it is, and which Region
//! is answered for is the endpoint's to say.

mod canonical;
mod claim;
mod derive;
mod sign;

use std::time::Duration;

use jiff::Timestamp;
use secgroup_model::{ErrorCode, ModelError};
use subtle::{Choice, ConstantTimeEq};

pub use self::claim::Claim;
use self::claim::Form;
pub use self::sign::Signing;

/// How far the clocks of client and server may be apart (E17).
const SKEW: Duration = Duration::from_secs(5 * 60);
/// The services that answer here, as signatures spell them.
const SERVICES: [&str; 2] = ["ec2", "sts"];

/// A request as it came over the wire, of which nothing has been decoded.
#[derive(Debug, Clone, Copy)]
pub struct HttpRequest<'a> {
    /// `GET` or `POST`.
    pub method: &'a str,
    /// The path, percent-encoded.
    pub path: &'a str,
    /// The query without its `?`, percent-encoded; empty where there is none.
    pub query: &'a str,
    /// The headers, in order; names in any case.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// The body, whole.
    pub body: &'a [u8],
}

impl<'a> HttpRequest<'a> {
    /// The values of a header, in order.
    fn values(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.headers
            .iter()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| *value)
    }
}

/// What a key signs with.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    /// The secret access key.
    pub secret: &'a str,
    /// The session token, where the key has one: requests must bring it.
    pub session_token: Option<&'a str>,
}

impl std::fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

impl Claim {
    /// Checks that `request`, of which this is the claim, was signed with `credentials`: those of the key it names; `None` where that
    /// is not known.
    ///
    /// # Errors
    /// `RequestExpired`, `SignatureDoesNotMatch` for a service that is not here; `AuthFailure` for an unknown key and everything that may be wrong
    /// with a signature.
    pub fn verify(
        &self,
        request: &HttpRequest<'_>,
        credentials: Option<Credentials<'_>>,
        now: Timestamp,
    ) -> Result<(), ModelError> {
        self.check_time(now)?;
        self.check_service()?;
        // An unknown key costs as much as a known one.
        let known = Choice::from(u8::from(credentials.is_some()));
        let credentials = credentials.unwrap_or(Credentials {
            secret: "",
            session_token: None,
        });
        let expected = self.signature_with(request, credentials.secret)?;
        let is_signed = expected.ct_eq(&self.signature);
        let has_token = same_token(self.session_token.as_deref(), credentials.session_token);
        if bool::from(known & is_signed & has_token) {
            Ok(())
        } else {
            Err(auth_failure())
        }
    }

    fn check_time(&self, now: Timestamp) -> Result<(), ModelError> {
        let age = now.duration_since(self.time);
        let until = match self.form {
            Form::Header => SKEW,
            Form::Query { expires } => expires,
        };
        let skew = jiff::SignedDuration::try_from(SKEW).unwrap_or(jiff::SignedDuration::MAX);
        let until = jiff::SignedDuration::try_from(until).unwrap_or(jiff::SignedDuration::MAX);
        if age >= -skew && age <= until {
            return Ok(());
        }
        let (signed, now) = (self.time, Timestamp::from_second(now.as_second()));
        let now = now.map(|now| now.to_string()).unwrap_or_default();
        Err(ModelError::new(
            ErrorCode::RequestExpired,
            format!("Request has expired. It was signed at {signed}, and it is {now}."),
        ))
    }

    fn check_service(&self) -> Result<(), ModelError> {
        if SERVICES.contains(&self.service.as_str()) {
            return Ok(());
        }
        Err(ModelError::new(
            ErrorCode::SignatureDoesNotMatch,
            format!(
                "Credential should be scoped to correct service: 'ec2' or 'sts', not '{}'.",
                self.service
            ),
        ))
    }

    /// The signature that this claim should have, if `secret` made it.
    fn signature_with(
        &self,
        request: &HttpRequest<'_>,
        secret: &str,
    ) -> Result<[u8; 32], ModelError> {
        let canonical = canonical::request(request, &self.signed_headers, self.form)?;
        let to_sign = derive::text_to_sign(&self.amz_date, &self.scope, &canonical);
        Ok(derive::signature(secret, &self.scope, to_sign.as_bytes()))
    }
}

/// Whether the token that came is the one that should.
fn same_token(came: Option<&str>, known: Option<&str>) -> Choice {
    let as_bytes = |token: Option<&str>| token.unwrap_or_default().as_bytes().to_vec();
    Choice::from(u8::from(came.is_some() == known.is_some()))
        & as_bytes(came).ct_eq(&as_bytes(known))
}

/// What everything is answered with that could tell something of a key (E17).
fn auth_failure() -> ModelError {
    ModelError::new(
        ErrorCode::AuthFailure,
        "AWS was not able to validate the provided access credentials",
    )
}

/// A signature that is not one.
fn incomplete(message: impl Into<String>) -> ModelError {
    ModelError::new(ErrorCode::IncompleteSignature, message)
}

#[cfg(test)]
mod tests;
