//! Signatures of others: the test suite that AWS published, and botocore's. Then what must be refused: each fault by itself, and any changed byte.

use proptest::prelude::*;

use super::derive::hash;
use super::*;

/// The key of the published test suite.
const KEY: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const TOKEN: &str = "FwoGZXIvYXdzEXAMPLE//session+token==";
/// 2025-01-01T00:00:00Z, at which botocore signed.
const SIGNED_AT: i64 = 1_735_689_600;

/// A request that owns its parts.
#[derive(Debug, Clone)]
struct Owned {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Owned {
    fn with<T>(&self, then: impl FnOnce(&HttpRequest<'_>) -> T) -> T {
        let headers: Vec<_> = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_slice()))
            .collect();
        then(&HttpRequest {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            headers: &headers,
            body: &self.body,
        })
    }

    fn set(&mut self, name: &str, value: &str) {
        self.headers
            .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.into()));
    }

    fn value(&self, name: &str) -> String {
        let mut found = self.headers.iter();
        let (_, value) = found.find(|(known, _)| known == name).unwrap();
        String::from_utf8(value.clone()).unwrap()
    }

    /// Checks it as the endpoint does.
    fn verify(&self, credentials: Option<Credentials<'_>>, now: i64) -> Result<(), ModelError> {
        self.with(|request| {
            let claim = Claim::of(request)?;
            claim.verify(request, credentials, Timestamp::from_second(now).unwrap())
        })
    }

    /// The code that it is refused with.
    #[track_caller]
    fn refused(&self) -> &'static str {
        let credentials = Some(session());
        self.verify(credentials, SIGNED_AT).unwrap_err().code()
    }

    /// Signs it anew, with all of its headers.
    fn sign(&mut self) {
        self.headers.retain(|(name, _)| name != "authorization");
        let signing = Signing {
            key_id: KEY,
            secret: SECRET,
            region: "us-east-1",
            service: "ec2",
            time: Timestamp::from_second(SIGNED_AT).unwrap(),
        };
        let authorization = self.with(|request| signing.authorization(request)).unwrap();
        self.set("authorization", &authorization);
    }
}

const fn session() -> Credentials<'static> {
    Credentials {
        secret: SECRET,
        session_token: Some(TOKEN),
    }
}

/// The request of a published vector: request line, headers, an empty line, body.
fn parse(text: &str) -> Owned {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut lines = head.lines();
    let (method, rest) = lines.next().unwrap().split_once(' ').unwrap();
    let target = rest.strip_suffix(" HTTP/1.1").unwrap();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers = lines.map(|line| {
        let (name, value) = line.split_once(':').unwrap();
        (name.to_owned(), value.as_bytes().to_vec())
    });
    Owned {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: headers.collect(),
        body: body.as_bytes().to_vec(),
    }
}

#[test]
fn the_published_vectors_are_signed_as_they_say() {
    let mut seen = 0;
    for vector in include_str!("vectors.txt").split("## ").skip(1) {
        let (name, text) = vector.split_once('\n').unwrap();
        let request = parse(text.trim_end());
        if name == "post-sts-header-after" {
            // The token that was added after signing is believed by nobody.
            assert!(text.contains("X-Amz-Security-Token"));
            assert_eq!(request.refused(), "IncompleteSignature", "{name}");
            continue;
        }
        let (claim, signature) = request.with(|request| {
            let claim = Claim::of(request).unwrap();
            let signature = claim.signature_with(request, SECRET).unwrap();
            (claim, signature)
        });
        assert_eq!(signature, claim.signature, "{name}");
        assert_eq!(claim.key_id, KEY);
        assert_eq!(claim.time.as_second(), 1_440_938_160, "{name}");
        seen += 1;
    }
    assert_eq!(seen, 27);
}

/// A call as botocore 1.43.11 signs it in the header, with a session token.
fn by_botocore() -> Owned {
    parse(
        "POST / HTTP/1.1\n\
         host:127.0.0.1:4599\n\
         content-type:application/x-www-form-urlencoded; charset=utf-8\n\
         x-amz-date:20250101T000000Z\n\
         x-amz-security-token:FwoGZXIvYXdzEXAMPLE//session+token==\n\
         amz-sdk-request:attempt=1\n\
         authorization:AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20250101/us-east-1/ec2/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, Signature=0bf4f56ea6b273e065d3b4ce4be11b47cb72263d5243c86454ef7d145109233c\n\n\
         Action=CreateSecurityGroup&Version=2016-11-15&GroupName=web&GroupDescription=a%20b",
    )
}

/// One that it presigned for a minute.
fn presigned() -> Owned {
    parse(
        "GET /?Action=DescribeSecurityGroups&Version=2016-11-15&Filter.1.Name=group-name&Filter.1.Value.1=a%20b%2B%C3%A9%2A\
         &X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20250101%2Fus-east-1%2Fec2%2Faws4_request\
         &X-Amz-Date=20250101T000000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host\
         &X-Amz-Security-Token=FwoGZXIvYXdzEXAMPLE%2F%2Fsession%2Btoken%3D%3D\
         &X-Amz-Signature=18d9b3da5ff785a5cab86b4f503f70b14a8373d7a31a612d0498cdb3392484f2 HTTP/1.1\n\
         host:127.0.0.1:4599",
    )
}

#[test]
fn what_botocore_signs_is_taken() {
    for request in [by_botocore(), presigned()] {
        assert_eq!(request.verify(Some(session()), SIGNED_AT), Ok(()));
    }
}

#[test]
fn an_unknown_key_and_a_wrong_secret_are_answered_alike() {
    for request in [by_botocore(), presigned()] {
        let unknown = request.verify(None, SIGNED_AT).unwrap_err();
        let wrong = Credentials {
            secret: "wrong",
            ..session()
        };
        assert_eq!(request.verify(Some(wrong), SIGNED_AT), Err(unknown.clone()));
        assert_eq!(unknown.code(), "AuthFailure");
        let empty = Credentials {
            secret: "",
            session_token: None,
        };
        assert!(request.verify(Some(empty), SIGNED_AT).is_err());
    }
}

#[test]
fn the_session_token_must_be_the_keys() {
    for token in [None, Some(""), Some("FwoGZXIvYXdzEXAMPLE//session+token=")] {
        let other = Credentials {
            session_token: token,
            ..session()
        };
        for request in [by_botocore(), presigned()] {
            let error = request.verify(Some(other), SIGNED_AT).unwrap_err();
            assert_eq!(error.code(), "AuthFailure", "{token:?}");
        }
    }
}

#[test]
fn a_request_is_good_for_its_time() {
    let code = |request: &Owned, after: i64| {
        let outcome = request.verify(Some(session()), SIGNED_AT + after);
        outcome.err().map(|error| error.code())
    };
    let (header, query) = (by_botocore(), presigned());
    for (request, after, expected) in [
        (&header, -301, Some("RequestExpired")),
        (&header, -300, None),
        (&header, 300, None),
        (&header, 301, Some("RequestExpired")),
        (&query, -301, Some("RequestExpired")),
        (&query, -300, None),
        (&query, 60, None),
        (&query, 61, Some("RequestExpired")),
    ] {
        assert_eq!(code(request, after), expected, "{after} s");
    }
    // Whether the key is known is told by nothing, here neither.
    let unknown = header.verify(None, SIGNED_AT + 301).unwrap_err();
    assert_eq!(unknown.code(), "RequestExpired");
    assert_eq!(
        unknown.message,
        "Request has expired. It was signed at 2025-01-01T00:00:00Z, and it is 2025-01-01T00:05:01Z."
    );
}

#[test]
fn what_is_read_must_be_signed() {
    for (name, value) in [
        ("x-amz-content-sha256", hash(b"").as_str()),
        ("x-amz-date", "20250101T000000Z"),
    ] {
        let mut request = presigned();
        request.set(name, value);
        assert_eq!(request.refused(), "IncompleteSignature", "{name}");
    }
    let mut request = by_botocore();
    request
        .headers
        .retain(|(name, _)| name != "amz-sdk-request");
    let botocores = request.value("authorization");
    request.sign();
    assert_eq!(request.value("authorization"), botocores);
    assert_eq!(request.verify(Some(session()), SIGNED_AT), Ok(()));
    for signed in ["host;x-amz-security-token", "host;x-amz-date", "x-amz-date"] {
        let mut request = by_botocore();
        let authorization = request
            .value("authorization")
            .replace("content-type;host;x-amz-date;x-amz-security-token", signed);
        request.set("authorization", &authorization);
        assert_eq!(request.refused(), "IncompleteSignature", "{signed}");
    }
}

#[test]
fn the_hash_of_the_body_must_be_right_where_it_is_said() {
    let mut request = by_botocore();
    let right = hash(&request.body);
    request.set("x-amz-content-sha256", &right);
    request.sign();
    assert_eq!(request.verify(Some(session()), SIGNED_AT), Ok(()));
    for said in [
        "UNSIGNED-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        &hash(b""),
    ] {
        request.set("x-amz-content-sha256", said);
        assert_eq!(request.refused(), "AuthFailure", "{said}");
    }
}

#[test]
fn the_scope_must_be_one_of_ours() {
    let mut request = by_botocore();
    for (from, to, code) in [
        ("/ec2/", "/s3/", "SignatureDoesNotMatch"),
        ("/ec2/", "/sts/", "AuthFailure"),
        ("/us-east-1/", "/eu-north-1/", "AuthFailure"),
        ("/us-east-1/", "//", "IncompleteSignature"),
        ("/us-east-1/", "/US EAST/", "IncompleteSignature"),
        ("/20250101/", "/20250102/", "IncompleteSignature"),
        ("aws4_request", "aws5_request", "IncompleteSignature"),
        ("AKIDEXAMPLE", "AKID\u{e9}", "IncompleteSignature"),
        (
            "AWS4-HMAC-SHA256",
            "AWS4-ECDSA-P256-SHA256",
            "IncompleteSignature",
        ),
        ("Signature=0", "Signature=F", "IncompleteSignature"),
        ("Signature=0", "Signature=", "IncompleteSignature"),
        ("Signature=0", "Signature=1", "AuthFailure"),
        (
            "SignedHeaders=content-type;host",
            "SignedHeaders=host;content-type",
            "IncompleteSignature",
        ),
        (
            "SignedHeaders=content-type;",
            "SignedHeaders=Content-Type;",
            "IncompleteSignature",
        ),
        (
            ", SignedHeaders",
            ", Extra=1, SignedHeaders",
            "IncompleteSignature",
        ),
    ] {
        let authorization = by_botocore().value("authorization");
        assert!(authorization.contains(from));
        request.set("authorization", &authorization.replace(from, to));
        assert_eq!(request.refused(), code, "{from} -> {to}");
    }
}

#[test]
fn what_is_not_signed_or_twice_is_refused() {
    let mut request = by_botocore();
    request.headers.retain(|(name, _)| name != "authorization");
    assert_eq!(request.refused(), "MissingAuthenticationToken");
    // Both forms at once.
    let mut both = presigned();
    both.set("authorization", &by_botocore().value("authorization"));
    assert_eq!(both.refused(), "IncompleteSignature");
    for name in ["authorization", "x-amz-date", "x-amz-security-token"] {
        let mut twice = by_botocore();
        let value = twice.value(name);
        twice.headers.push((name.to_uppercase(), value.into()));
        assert_eq!(twice.refused(), "IncompleteSignature", "{name}");
    }
    let mut twice = presigned();
    twice.query += "&X-Amz-Date=20250101T000000Z";
    assert_eq!(twice.refused(), "IncompleteSignature");
    for (from, to) in [
        ("Expires=60", "Expires=0"),
        ("Expires=60", "Expires=604801"),
        ("Expires=60", "Expires=-1"),
        ("&X-Amz-Expires=60", ""),
        ("20250101T000000Z", "20250101T240000Z"),
        ("20250101T000000Z", "20251301T000000Z"),
        ("20250101T000000Z", "2025-01-01T00:00:00Z"),
        ("20250101T000000Z", "+0250101T000000Z"),
        ("Algorithm=AWS4-HMAC-SHA256", "Algorithm=none"),
    ] {
        let mut request = presigned();
        assert!(request.query.contains(from));
        request.query = request.query.replace(from, to);
        assert_eq!(request.refused(), "IncompleteSignature", "{from} -> {to}");
    }
}

/// What a request means: all of it that anybody reads.
#[derive(Debug, PartialEq)]
struct Meaning {
    method: String,
    query: Vec<(String, String)>,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

fn meaning(request: &Owned) -> Meaning {
    let pairs = form_urlencoded::parse(request.query.as_bytes()).into_owned();
    let mut pairs: Vec<_> = pairs.collect();
    pairs.sort_unstable();
    let collapsed = |value: &[u8]| {
        let words = value.split(u8::is_ascii_whitespace);
        let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
        words.join(&b' ')
    };
    let headers = request.headers.iter();
    let headers = headers
        .filter(|(name, _)| !matches!(name.as_str(), "authorization" | "amz-sdk-request"))
        .map(|(name, value)| (name.to_lowercase(), collapsed(value)));
    let mut headers: Vec<_> = headers.collect();
    headers.sort_unstable();
    Meaning {
        method: request.method.clone(),
        query: pairs,
        headers,
        body: request.body.clone(),
    }
}

/// Which part of a request is changed.
#[derive(Debug, Clone, Copy)]
enum Part {
    Method,
    Query,
    Header,
    Body,
}

fn parts() -> impl Strategy<Value = Part> {
    prop_oneof![
        Just(Part::Method),
        Just(Part::Query),
        Just(Part::Header),
        Just(Part::Body)
    ]
}

/// Changes one byte; `None` where that gives no request, or the same.
fn mutate(request: &Owned, part: Part, place: prop::sample::Index, byte: u8) -> Option<Owned> {
    let mut changed = request.clone();
    let replace = |bytes: &mut Vec<u8>| {
        let place = (!bytes.is_empty()).then(|| place.index(bytes.len()))?;
        (std::mem::replace(&mut bytes[place], byte) != byte).then_some(())
    };
    let in_text = |text: &mut String| {
        let mut bytes = text.clone().into_bytes();
        replace(&mut bytes)?;
        *text = String::from_utf8(bytes).ok()?;
        Some(())
    };
    match part {
        Part::Method => in_text(&mut changed.method)?,
        Part::Query => in_text(&mut changed.query)?,
        Part::Body => replace(&mut changed.body)?,
        Part::Header => {
            let which = place.index(changed.headers.len());
            replace(&mut changed.headers[which].1)?;
        }
    }
    Some(changed)
}

proptest! {
    /// A byte that is changed on the way makes the request another one, which is refused, unless it means the same.
    #[test]
    fn what_is_changed_on_the_way_is_refused(
        is_presigned in any::<bool>(),
        part in parts(),
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let request = if is_presigned { presigned() } else { by_botocore() };
        let Some(changed) = mutate(&request, part, place, byte) else {
            return Ok(());
        };
        if changed.verify(Some(session()), SIGNED_AT).is_ok() {
            prop_assert_eq!(meaning(&changed), meaning(&request));
        }
    }

    /// Whatever comes is refused, without a panic.
    #[test]
    fn nonsense_is_refused(
        query in "[ -~]{0,80}",
        authorization in "(AWS4-HMAC-SHA256 )?[ -~]{0,80}",
        date in "[0-9TZ]{0,20}",
    ) {
        let mut request = by_botocore();
        request.query = query;
        request.set("authorization", &authorization);
        request.set("x-amz-date", &date);
        prop_assert!(request.verify(Some(session()), SIGNED_AT).is_err());
    }
}
