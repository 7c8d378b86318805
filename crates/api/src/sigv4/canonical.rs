//! A request as both sides write it before it is hashed (E16).
//!
//! ```text
//!  POST
//!  /
//!  Action=DescribeVpcs&Version=2016-11-15        sorted, encoded anew
//!  host:127.0.0.1:4599                           the signed headers: lower case, sorted, spaces collapsed
//!  x-amz-date:20250101T000000Z
//!
//!  host;x-amz-date
//!  e3b0c442…                                     hash of the body
//! ```
//!
//! The query is decoded as forms are, and encoded anew: what is signed is what will be read, whichever way a client spells a space.

use secgroup_model::ModelError;
use subtle::ConstantTimeEq;

use super::claim::Form;
use super::{HttpRequest, auth_failure, derive};

/// The header in which some clients say what the body's hash is.
const CONTENT_HASH: &str = "x-amz-content-sha256";
/// What a presigned query has that was not signed: the signature.
const SIGNATURE: &[u8] = b"X-Amz-Signature";

/// The canonical request.
pub(super) fn request(
    request: &HttpRequest<'_>,
    signed_headers: &[String],
    form: Form,
) -> Result<Vec<u8>, ModelError> {
    let hash = body_hash(request)?;
    let mut text = Vec::with_capacity(512);
    text.extend(request.method.as_bytes());
    text.push(b'\n');
    path(&mut text, request.path);
    text.push(b'\n');
    query(&mut text, request.query, form);
    text.push(b'\n');
    for name in signed_headers {
        header(&mut text, request, name);
    }
    text.push(b'\n');
    text.extend(signed_headers.join(";").as_bytes());
    text.push(b'\n');
    text.extend(hash.as_bytes());
    Ok(text)
}

/// The hash of the body, with which what the client says it is must agree. That it says so is signed: [`Claim::of`](super::Claim::of) checks it.
fn body_hash(request: &HttpRequest<'_>) -> Result<String, ModelError> {
    let hash = derive::hash(request.body);
    for said in request.values(CONTENT_HASH) {
        if !bool::from(said.ct_eq(hash.as_bytes())) {
            return Err(auth_failure());
        }
    }
    Ok(hash)
}

/// The path without `.`, `..` and empty segments; encoded once more, as all services but S3 have it.
fn path(text: &mut Vec<u8>, path: &str) {
    let mut segments = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            name => segments.push(name),
        }
    }
    for segment in &segments {
        text.push(b'/');
        encode(text, segment.as_bytes());
    }
    let ends_in_folder = ["/", "/.", "/.."].iter().any(|end| path.ends_with(end));
    if segments.is_empty() || ends_in_folder {
        text.push(b'/');
    }
}

/// The parameters, sorted as they are encoded: by name, then by value.
fn query(text: &mut Vec<u8>, query: &str, form: Form) {
    let pieces = query.split('&').filter(|piece| !piece.is_empty());
    let mut pairs: Vec<_> = pieces
        .map(|piece| {
            let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
            (decode(name), decode(value))
        })
        .filter(|(name, _)| !(matches!(form, Form::Query { .. }) && name == SIGNATURE))
        .map(|(name, value)| {
            let (mut encoded_name, mut encoded_value) = (Vec::new(), Vec::new());
            encode(&mut encoded_name, &name);
            encode(&mut encoded_value, &value);
            (encoded_name, encoded_value)
        })
        .collect();
    pairs.sort_unstable();
    for (place, (name, value)) in pairs.iter().enumerate() {
        if place > 0 {
            text.push(b'&');
        }
        text.extend(name);
        text.push(b'=');
        text.extend(value);
    }
}

/// `name:value,value`, with each run of white space (folded lines have some) as one space.
fn header(text: &mut Vec<u8>, request: &HttpRequest<'_>, name: &str) {
    text.extend(name.as_bytes());
    text.push(b':');
    for (place, value) in request.values(name).enumerate() {
        if place > 0 {
            text.push(b',');
        }
        let words = value.split(u8::is_ascii_whitespace);
        let words = words.filter(|word| !word.is_empty());
        for (place, word) in words.enumerate() {
            if place > 0 {
                text.push(b' ');
            }
            text.extend(word);
        }
    }
    text.push(b'\n');
}

/// Decodes a name or value as a form does: `+` is a space, and what is no escape stays.
fn decode(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'%', [high, low, after @ ..]) => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => {
                    bytes.push(high << 4 | low);
                    rest = after;
                }
                _ => bytes.push(b'%'),
            },
            (b'+', _) => bytes.push(b' '),
            (byte, _) => bytes.push(*byte),
        }
    }
    bytes
}

const fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// Encodes everything but the unreserved characters of RFC 3986, in upper case.
fn encode(text: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(byte);
        } else {
            let (high, low) = (usize::from(byte >> 4), usize::from(byte & 15));
            text.extend([b'%', DIGITS[high], DIGITS[low]]);
        }
    }
}
