//! What a daemon answers over HTTP, asked from its own host.

use std::io::{Read, Write};
use std::net::TcpStream;

use secgroup_testkit::netns::Namespace;
use secgroup_testkit::wait::PATIENCE;

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Its head, in lower case.
    pub(crate) head: String,
    pub(crate) body: String,
}

/// Asks for a page at an address of `host`, with these lines in the head of the request.
#[track_caller]
pub(crate) fn get(host: &Namespace, address: &str, path: &str, head: &[&str]) -> Answer {
    let named = format!("Host: {address}");
    let has_host = head.iter().any(|line| line.starts_with("Host: "));
    let mut lines = vec![format!("GET {path} HTTP/1.1"), "Connection: close".into()];
    lines.extend((!has_host).then_some(named));
    lines.extend(head.iter().map(|&line| line.to_owned()));
    let request = lines.join("\r\n") + "\r\n\r\n";
    let stream = host.enter(|| TcpStream::connect(address));
    let mut stream = stream.unwrap_or_else(|error| panic!("{address}: {error}"));
    stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
    stream.write_all(request.as_bytes()).expect("it listens");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    Answer {
        status: status.unwrap_or_else(|| panic!("no status in {head}")),
        head: head.to_lowercase(),
        body: body.to_owned(),
    }
}
