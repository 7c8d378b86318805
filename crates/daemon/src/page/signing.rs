//! What `sign.js` makes, in a browser: the hashes of FIPS 180-4 and RFC 4231, the signatures that AWS published, and those that our own signer makes of anything.

use jiff::Timestamp;
use secgroup_api::{HttpRequest, Signing};
use secgroup_testkit::browser::{self, Browser};
use secgroup_testkit::rng::Rng;
use serde_json::{Value, json};

const SIGN: &str = include_str!("sign.js");
/// The test suite that AWS published; its key, secret and scope stand at its top.
const VECTORS: &str = include_str!("../../../api/src/sigv4/vectors.txt");
const KEY: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
/// Random requests, and where they begin.
const REQUESTS: usize = 300;
const SEED: u64 = 6;
/// What they are made of.
const LETTERS: &[char] = &[
    'a',
    'Z',
    '0',
    '-',
    '.',
    '_',
    '~',
    ' ',
    '+',
    '/',
    '%',
    '&',
    '=',
    '?',
    '!',
    '\'',
    '(',
    ')',
    '*',
    '"',
    '{',
    '\u{e9}',
    '\u{1234}',
    '\u{1f512}',
    '\n',
    '\0',
];

/// What `body`, a function of `input` that may use `sigv4`, returns for each of `inputs`.
fn each(browser: &Browser, inputs: &[Value], body: &str) -> Vec<Value> {
    let inputs = Value::from(inputs.to_vec());
    let told = browser.run(&format!(
        "{SIGN}; return {inputs}.map((input) => {{ {body} }});"
    ));
    told.as_array().expect("a list").clone()
}

#[test]
fn the_page_signs_as_everybody_does() {
    if browser::skip("the_page_signs_as_everybody_does") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let browser = Browser::start(folder.path());
    hashes_are_those_of_the_standards(&browser);
    signatures_are_those_that_aws_published(&browser);
    signatures_are_those_of_our_own_signer(&browser);
    assert_eq!(browser.console(), Vec::<String>::new());
}

fn hashes_are_those_of_the_standards(browser: &Browser) {
    let of_hash = [
        (
            "",
            1,
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ),
        (
            "abc",
            1,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            1,
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
        ),
        (
            "a",
            1_000_000,
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
        ),
    ];
    let inputs = of_hash.map(|(text, times, _)| json!([text, times]));
    let body = "const [text, times] = input; return sigv4.hex(sigv4.hash(new TextEncoder().encode(text.repeat(times))));";
    let told = each(browser, &inputs, body);
    assert_eq!(told, of_hash.map(|(_, _, hash)| json!(hash)));
    // RFC 4231, cases 1, 2 and 6: a key of 20 bytes, a short one, and one that is longer than a block.
    let of_mac = [
        (
            "\u{b}".repeat(20),
            "Hi There",
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        ),
        (
            "Jefe".to_owned(),
            "what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (
            "\u{aa}".repeat(131),
            "Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        ),
    ];
    let inputs: Vec<_> = of_mac
        .iter()
        .map(|(key, text, _)| json!([key, text]))
        .collect();
    let body = "const [key, text] = input.map((text) => Uint8Array.from(text, (one) => one.charCodeAt(0))); return sigv4.hex(sigv4.mac(key, text));";
    let told = each(browser, &inputs, body);
    let expected: Vec<_> = of_mac.iter().map(|(_, _, mac)| json!(mac)).collect();
    assert_eq!(told, expected);
}

/// The body of a function that signs `input`.
const AUTHORIZATION: &str =
    "return sigv4.authorization(input.key, { ...input, query: sigv4.query(input.parameters) });";

/// Those of a GET without further headers: the page makes no others.
fn signatures_are_those_that_aws_published(browser: &Browser) {
    let mut inputs = Vec::new();
    let mut expected = Vec::new();
    for vector in VECTORS.split("\n## ").skip(1) {
        let value = |name: &str| {
            let mut lines = vector.lines().filter_map(|line| line.split_once(':'));
            lines
                .find(|(known, _)| *known == name)
                .map(|(_, value)| value.trim())
        };
        let target = vector
            .lines()
            .nth(1)
            .and_then(|line| line.strip_prefix("GET "));
        let target = target.and_then(|line| line.strip_suffix(" HTTP/1.1"));
        let authorization = value("Authorization").expect("it is signed");
        let (Some(target), true) = (target, authorization.contains("=host;x-amz-date,")) else {
            continue;
        };
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        // Paths with dots and with bytes that no URL has are for clients that send such.
        if !path.is_ascii() || path.contains("/.") || path.contains("//") {
            continue;
        }
        let parameters: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
        inputs.push(json!({
            "key": { "id": KEY, "secret": SECRET },
            "host": value("Host"), "path": path, "parameters": parameters, "date": value("X-Amz-Date"),
            "region": "us-east-1", "service": "service",
        }));
        expected.push(json!(authorization));
    }
    assert!(inputs.len() >= 8, "{inputs:?}");
    assert_eq!(each(browser, &inputs, AUTHORIZATION), expected);
}

fn signatures_are_those_of_our_own_signer(browser: &Browser) {
    let mut random = Rng::new(SEED);
    let mut text = |most: u64| -> String {
        let length = random.below(most + 1);
        (0..length).map(|_| random.pick(LETTERS)).collect()
    };
    let inputs: Vec<_> = (0..REQUESTS)
        .map(|place| {
            let parameters: Vec<_> = (0..place % 5).map(|_| [text(4), text(40)]).collect();
            let (id, secret) = (format!("AKIA{place}"), text(90));
            json!({
                "key": { "id": id, "secret": secret },
                "host": format!("host-{place}.example:9274"), "path": "/ask", "parameters": parameters, "time": 1_700_000_000 + place * 86_399,
                "region": "us-east-1", "service": "ec2",
            })
        })
        .collect();
    let body = "const date = sigv4.date(input.time * 1000); const query = sigv4.query(input.parameters); return [date, query, sigv4.authorization(input.key, { ...input, date, query })];";
    for (input, told) in inputs.iter().zip(each(browser, &inputs, body)) {
        let part = |of: &Value| of.as_str().expect("text").to_owned();
        let [date, query, authorization] = [0, 1, 2].map(|place| part(&told[place]));
        let signing = Signing {
            key_id: &part(&input["key"]["id"]),
            secret: &part(&input["key"]["secret"]),
            region: "us-east-1",
            service: "ec2",
            time: Timestamp::from_second(input["time"].as_i64().unwrap()).unwrap(),
        };
        assert_eq!(date, signing.date(), "{input}");
        let host = part(&input["host"]);
        let headers: [(&str, &[u8]); 2] =
            [("host", host.as_bytes()), ("x-amz-date", date.as_bytes())];
        let request = HttpRequest {
            method: "GET",
            path: "/ask",
            query: &query,
            headers: &headers,
            body: &[],
        };
        assert_eq!(
            authorization,
            signing.authorization(&request).unwrap(),
            "{input}"
        );
        // And it says what was meant.
        let mut meant: Vec<[String; 2]> =
            serde_json::from_value(input["parameters"].clone()).unwrap();
        let read = form_urlencoded::parse(query.as_bytes()).into_owned();
        let mut read: Vec<_> = read.map(|(name, value)| [name, value]).collect();
        meant.sort();
        read.sort();
        assert_eq!(read, meant, "{query}");
    }
}
