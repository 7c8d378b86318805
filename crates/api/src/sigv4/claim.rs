//! What a request says of its signature, before any of it is believed.

use std::borrow::Cow;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use secgroup_model::{ErrorCode, ModelError};

use super::derive::{Scope, TERMINATION};
use super::{HttpRequest, incomplete};

/// The one algorithm.
pub(super) const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// The longest time that a presigned query may be good for: seven days, in seconds.
const EXPIRES_MAX: u64 = 604_800;
/// More headers than this nobody signs.
const SIGNED_HEADERS_MAX: usize = 100;
/// An access key's id is at most this long, and so are the other parts of a scope.
const PART_MAX: usize = 128;
/// Headers that are read here: whoever sends one must sign it.
const READ_HEADERS: [&str; 3] = ["x-amz-date", "x-amz-security-token", "x-amz-content-sha256"];
/// What a presigned query has beside the parameters of its action.
const QUERY_NAMES: [&str; 7] = [
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-Security-Token",
    "X-Amz-Signature",
    "X-Amz-SignedHeaders",
];

/// Who a request says has signed it, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The id of the access key: letters, digits and `_`, at most 128.
    pub key_id: String,
    /// The service of the scope, such as `ec2`.
    pub service: String,
    pub(super) form: Form,
    pub(super) scope: Scope,
    pub(super) time: Timestamp,
    /// The time as it was written, and signed.
    pub(super) amz_date: String,
    /// Lower case, in order, each once.
    pub(super) signed_headers: Vec<String>,
    pub(super) signature: [u8; 32],
    pub(super) session_token: Option<String>,
}

/// Where the signature stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// In the header `Authorization`.
    Header,
    /// In the query, which is good for this long.
    Query { expires: Duration },
}

/// The parts of a claim as they stand in the request.
struct Parts<'a> {
    form: Form,
    credential: Cow<'a, str>,
    date: Cow<'a, str>,
    signed_headers: Cow<'a, str>,
    signature: Cow<'a, str>,
    session_token: Option<Cow<'a, str>>,
}

impl Claim {
    /// Reads what `request` says.
    ///
    /// # Errors
    /// `MissingAuthenticationToken` where it is not signed, `IncompleteSignature` where the signature is not spelled as one.
    pub fn of(request: &HttpRequest<'_>) -> Result<Self, ModelError> {
        let header = single(request, "authorization")?;
        let query = QueryParts::read(request.query)?;
        let parts = match (header, query) {
            (Some(_), Some(_)) => {
                return Err(incomplete(
                    "The request is signed twice, by the Authorization header and in the query; only one is allowed.",
                ));
            }
            (Some(header), None) => header_parts(request, header)?,
            (None, Some(query)) => query.parts(request)?,
            (None, None) => {
                return Err(ModelError::new(
                    ErrorCode::MissingAuthenticationToken,
                    "Request is missing Authentication Token",
                ));
            }
        };
        let signed_headers = signed_headers(&parts.signed_headers)?;
        check_signed(request, &signed_headers)?;
        let (key_id, scope) = credential(&parts.credential)?;
        let time = time(&parts.date)?;
        if !parts.date.starts_with(&scope.date) {
            return Err(incomplete(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date: '{}' != '{}'.",
                scope.date,
                &parts.date[..8]
            )));
        }
        Ok(Self {
            key_id,
            service: scope.service.clone(),
            form: parts.form,
            scope,
            time,
            amz_date: parts.date.into_owned(),
            signed_headers,
            signature: signature(&parts.signature)?,
            session_token: parts.session_token.map(Cow::into_owned),
        })
    }

    /// Whether a parameter of the query belongs to the signature and not to the action.
    #[must_use]
    pub fn is_of_signature(name: &str) -> bool {
        QUERY_NAMES.contains(&name)
    }
}

/// `AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…`
fn header_parts<'a>(request: &HttpRequest<'a>, header: &'a str) -> Result<Parts<'a>, ModelError> {
    let (algorithm, rest) = header.trim().split_once(' ').unwrap_or((header, ""));
    if algorithm != ALGORITHM {
        return Err(incomplete(format!(
            "Authorization header requires the algorithm {ALGORITHM}."
        )));
    }
    let [mut credential, mut signed_headers, mut signature] = [const { None }; 3];
    for part in rest.split(',') {
        let (name, value) = part.trim().split_once('=').unwrap_or((part, ""));
        let place = match name {
            "Credential" => &mut credential,
            "SignedHeaders" => &mut signed_headers,
            "Signature" => &mut signature,
            _ => {
                return Err(incomplete(
                    "Authorization header has a part that is none of Credential, SignedHeaders and Signature.",
                ));
            }
        };
        if place.replace(Cow::Borrowed(value)).is_some() {
            return Err(incomplete(format!(
                "Authorization header has two parts '{name}'."
            )));
        }
    }
    let required = |part: Option<Cow<'a, str>>, name| {
        part.ok_or_else(|| incomplete(format!("Authorization header requires '{name}' parameter.")))
    };
    let date = single(request, "x-amz-date")?.ok_or_else(|| {
        incomplete("Authorization header requires existence of a 'X-Amz-Date' header.")
    })?;
    Ok(Parts {
        form: Form::Header,
        credential: required(credential, "Credential")?,
        date: date.trim().into(),
        signed_headers: required(signed_headers, "SignedHeaders")?,
        signature: required(signature, "Signature")?,
        session_token: single(request, "x-amz-security-token")?.map(|token| token.trim().into()),
    })
}

/// The parts that stand in a query, by name; each at most once.
struct QueryParts<'a>(Vec<(&'static str, Cow<'a, str>)>);

impl<'a> QueryParts<'a> {
    /// `None` where the query is not signed.
    fn read(query: &'a str) -> Result<Option<Self>, ModelError> {
        let mut parts = Self(Vec::new());
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let Some(known) = QUERY_NAMES.iter().find(|known| **known == name) else {
                continue;
            };
            if parts.get(known).is_some() {
                return Err(incomplete(format!("The query has '{known}' twice.")));
            }
            parts.0.push((known, value));
        }
        Ok(parts.get("X-Amz-Signature").is_some().then_some(parts))
    }

    fn get(&self, name: &str) -> Option<&Cow<'a, str>> {
        let mut parts = self.0.iter();
        parts
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value)
    }

    fn required(&self, name: &str) -> Result<Cow<'a, str>, ModelError> {
        let part = self.get(name).cloned();
        part.ok_or_else(|| {
            incomplete(format!(
                "AWS query-string parameters must include '{name}'."
            ))
        })
    }

    fn parts(&self, request: &HttpRequest<'a>) -> Result<Parts<'a>, ModelError> {
        if self.required("X-Amz-Algorithm")? != ALGORITHM {
            return Err(incomplete(format!("X-Amz-Algorithm must be {ALGORITHM}.")));
        }
        // Those of the header form would be read by nobody.
        for name in ["x-amz-date", "x-amz-security-token"] {
            if request.values(name).next().is_some() {
                return Err(incomplete(format!(
                    "The request is signed in its query; '{name}' belongs there, too."
                )));
            }
        }
        let expires = self.required("X-Amz-Expires")?;
        let expires = expires
            .parse()
            .ok()
            .filter(|s| (1..=EXPIRES_MAX).contains(s));
        let expires = expires.ok_or_else(|| {
            incomplete(format!(
                "X-Amz-Expires must be a number of seconds from 1 to {EXPIRES_MAX}."
            ))
        })?;
        Ok(Parts {
            form: Form::Query {
                expires: Duration::from_secs(expires),
            },
            credential: self.required("X-Amz-Credential")?,
            date: self.required("X-Amz-Date")?,
            signed_headers: self.required("X-Amz-SignedHeaders")?,
            signature: self.required("X-Amz-Signature")?,
            session_token: self.get("X-Amz-Security-Token").cloned(),
        })
    }
}

/// The value of a header that may come once only.
fn single<'a>(request: &HttpRequest<'a>, name: &str) -> Result<Option<&'a str>, ModelError> {
    let mut values = request.values(name);
    let value = values.next();
    if values.next().is_some() {
        return Err(incomplete(format!(
            "The request has the header '{name}' twice."
        )));
    }
    value
        .map(|value| {
            std::str::from_utf8(value)
                .map_err(|_| incomplete(format!("The header '{name}' is not text.")))
        })
        .transpose()
}

/// `host;x-amz-date`: lower case, in order, each once, `host` among them.
fn signed_headers(text: &str) -> Result<Vec<String>, ModelError> {
    let names: Vec<String> = text.split(';').map(str::to_owned).collect();
    let is_name = |name: &String| {
        !name.is_empty()
            && name
                .bytes()
                .all(|b| b.is_ascii_graphic() && !b.is_ascii_uppercase())
    };
    let in_order = names.windows(2).all(|pair| pair[0] < pair[1]);
    if names.len() > SIGNED_HEADERS_MAX || !names.iter().all(is_name) || !in_order {
        return Err(incomplete(
            "SignedHeaders must be names of headers in lower case, sorted, separated by ';', each once.",
        ));
    }
    if !names.iter().any(|name| name == "host") {
        return Err(incomplete("'Host' must be a signed header."));
    }
    Ok(names)
}

/// Whoever sends a header that is read here must have signed it.
fn check_signed(request: &HttpRequest<'_>, signed: &[String]) -> Result<(), ModelError> {
    for name in READ_HEADERS {
        let is_sent = request.values(name).next().is_some();
        if is_sent && !signed.iter().any(|signed| signed == name) {
            return Err(incomplete(format!("'{name}' must be a signed header.")));
        }
    }
    Ok(())
}

/// `AKID/20250101/us-east-1/ec2/aws4_request`.
fn credential(text: &str) -> Result<(String, Scope), ModelError> {
    let bad = || incomplete("Credential must be KEY/YYYYMMDD/REGION/SERVICE/aws4_request.");
    let parts: Vec<&str> = text.split('/').collect();
    let [key, date, region, service, TERMINATION] = parts[..] else {
        return Err(bad());
    };
    let is_part = |part: &str, others: &[u8]| {
        let is_known = |byte: u8| byte.is_ascii_alphanumeric() || others.contains(&byte);
        (1..=PART_MAX).contains(&part.len()) && part.bytes().all(is_known)
    };
    let is_date = date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit());
    if !is_part(key, b"_") || !is_date || !is_part(region, b"-") || !is_part(service, b"-") {
        return Err(bad());
    }
    let scope = Scope {
        date: date.to_owned(),
        region: region.to_owned(),
        service: service.to_owned(),
    };
    Ok((key.to_owned(), scope))
}

/// `YYYYMMDDTHHMMSSZ`, in UTC.
fn time(text: &str) -> Result<Timestamp, ModelError> {
    read_time(text).ok_or_else(|| {
        incomplete("X-Amz-Date must be in ISO8601 basic format: YYYYMMDD'T'HHMMSS'Z'.")
    })
}

fn read_time(text: &str) -> Option<Timestamp> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let is_number =
        |text: &str, length| text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(date, 8) || !is_number(time, 6) {
        return None;
    }
    let two = |text: &str, from: usize| text[from..from + 2].parse::<i8>().ok();
    let date = Date::new(date[..4].parse().ok()?, two(date, 4)?, two(date, 6)?).ok()?;
    let (hour, minute, second) = (two(time, 0)?, two(time, 2)?, two(time, 4)?);
    if !(0..24).contains(&hour) || !(0..60).contains(&minute) || !(0..60).contains(&second) {
        return None;
    }
    let zoned = date.at(hour, minute, second, 0).to_zoned(TimeZone::UTC);
    zoned.ok().map(|zoned| zoned.timestamp())
}

/// 64 lower-case hexadecimal digits.
fn signature(text: &str) -> Result<[u8; 32], ModelError> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut signature = [0; 32];
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let mut is_good = pairs.len() == signature.len() && rest.is_empty();
    for (byte, [high, low]) in signature.iter_mut().zip(pairs) {
        match (digit(*high), digit(*low)) {
            (Some(high), Some(low)) => *byte = high << 4 | low,
            _ => is_good = false,
        }
    }
    if is_good {
        Ok(signature)
    } else {
        Err(incomplete(
            "Signature must be 64 lower-case hexadecimal digits.",
        ))
    }
}
