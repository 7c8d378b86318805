//! From a secret to a signature: the chain of HMACs.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::claim::ALGORITHM;

/// What ends every scope.
pub(super) const TERMINATION: &str = "aws4_request";

/// What a signature is good for: `20250101/us-east-1/ec2/aws4_request`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scope {
    /// `YYYYMMDD`.
    pub(super) date: String,
    pub(super) region: String,
    pub(super) service: String,
}

/// What is signed: the time, the scope, and the hash of the canonical request.
pub(super) fn text_to_sign(amz_date: &str, scope: &Scope, canonical: &[u8]) -> String {
    let Scope {
        date,
        region,
        service,
    } = scope;
    let hash = hex(&Sha256::digest(canonical));
    format!("{ALGORITHM}\n{amz_date}\n{date}/{region}/{service}/{TERMINATION}\n{hash}")
}

/// The signature of a text.
pub(super) fn signature(secret: &str, scope: &Scope, text: &[u8]) -> [u8; 32] {
    let parts = [&scope.date, &scope.region, &scope.service];
    let mut key = mac(format!("AWS4{secret}").as_bytes(), parts[0].as_bytes());
    for part in &parts[1..] {
        key = mac(&key, part.as_bytes());
    }
    key = mac(&key, TERMINATION.as_bytes());
    mac(&key, text)
}

fn mac(key: &[u8], text: &[u8]) -> [u8; 32] {
    // HMAC takes keys of any length (RFC 2104): there is no error to handle.
    match <Hmac<Sha256> as KeyInit>::new_from_slice(key) {
        Ok(mut mac) => {
            mac.update(text);
            mac.finalize().into_bytes().into()
        }
        Err(_) => [0; 32],
    }
}

/// The hash of a body, as canonical requests have it.
pub(super) fn hash(body: &[u8]) -> String {
    hex(&Sha256::digest(body))
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
