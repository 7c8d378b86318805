//! The server as the network and the owner see it: what bounds whoever connects, and what the owner's socket does. Real AWS clients drive it in the tests
//! of the command line.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use secgroup_api::{HttpRequest, Signing};
use secgroup_ec2::Site;
use secgroup_endpoint::{
    AccessKey, AdminClient, AdminError, Endpoint, Keys, Limits, Options, Random, Service,
    StartError, StateFolder, Storage,
};
use secgroup_model::AccountId;

/// How long anything may take before a test has failed.
const DEADLINE: Duration = Duration::from_secs(60);

/// A server with a key, and what it needs.
struct Bench {
    endpoint: Endpoint,
    service: Arc<Service>,
    key: AccessKey,
}

fn limits() -> Limits {
    Limits {
        connections: 4,
        per_source: 4,
        body: 4096,
        head: 16 << 10,
        head_time: DEADLINE,
        body_time: DEADLINE,
        write_time: DEADLINE,
        requests: 1000,
        life: DEADLINE,
    }
}

impl Bench {
    fn start(limits: Limits, folder: Option<&StateFolder>) -> Self {
        let accounts = vec![AccountId::new("123456789012")];
        let keys = Keys::generate(&accounts, &Random::new().unwrap());
        let key = keys.iter().next().unwrap().clone();
        let storage = match folder {
            Some(folder) => Storage::open(&folder.store()).unwrap(),
            None => Storage::Memory,
        };
        let service = Service::open(storage, Site::new("us-east-1", accounts)).unwrap();
        let service = Arc::new(service);
        let options = Options {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            keys,
            keys_are_configured: false,
            admin: folder.map(StateFolder::socket),
            limits,
        };
        let endpoint = Endpoint::start(options, Arc::clone(&service)).unwrap();
        Self {
            endpoint,
            service,
            key,
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.endpoint.address()).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream
    }

    /// A signed request, as bytes.
    fn signed(&self, form: &str) -> Vec<u8> {
        let signing = Signing {
            key_id: &self.key.id,
            secret: &self.key.secret,
            region: "us-east-1",
            service: "ec2",
            time: Timestamp::now(),
        };
        let (host, date) = (self.endpoint.address().to_string(), signing.date());
        let headers: [(&str, &[u8]); 2] =
            [("host", host.as_bytes()), ("x-amz-date", date.as_bytes())];
        let request = HttpRequest {
            method: "POST",
            path: "/",
            query: "",
            headers: &headers,
            body: form.as_bytes(),
        };
        let authorization = signing.authorization(&request).unwrap();
        format!(
            "POST / HTTP/1.1\r\nhost: {host}\r\nx-amz-date: {date}\r\nauthorization: {authorization}\r\ncontent-length: {}\r\n\r\n{form}",
            form.len()
        )
        .into_bytes()
    }

    /// The answer to one request over a connection of its own.
    fn ask(&self, request: &[u8]) -> String {
        let mut stream = self.connect();
        stream.write_all(request).unwrap();
        answer(&mut stream)
    }

    fn groups(&self) -> usize {
        self.service.read(|state| state.inventory.groups.len())
    }
}

/// One answer: head and body.
fn answer(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).unwrap() == 0 {
            break;
        }
        text.push(byte[0]);
    }
    let head = String::from_utf8(text).unwrap();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    head + &String::from_utf8(body).unwrap()
}

/// Whether the other end hangs up, and says nothing before.
fn is_closed(stream: &mut TcpStream) -> bool {
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).is_ok() && rest.is_empty()
}

const HEALTH: &[u8] = b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n";

#[test]
fn calls_are_answered_over_one_connection() {
    let bench = Bench::start(limits(), None);
    let mut stream = bench.connect();
    for name in ["a", "b", "c"] {
        let form = format!("Action=CreateSecurityGroup&GroupName={name}&GroupDescription=d");
        stream.write_all(&bench.signed(&form)).unwrap();
        let said = answer(&mut stream);
        assert!(said.starts_with("HTTP/1.1 200 OK\r\n"), "{said}");
        assert!(said.contains("<groupId>sg-"), "{said}");
    }
    assert_eq!(bench.groups(), 4);
    bench.endpoint.stop();
    assert!(is_closed(&mut stream));
}

#[test]
fn who_says_nothing_is_hung_up_on() {
    let impatient = Limits {
        head_time: Duration::from_millis(50),
        ..limits()
    };
    let bench = Bench::start(impatient, None);
    // Nothing at all; half a head; nothing after an answer.
    let mut silent = bench.connect();
    let mut slow = bench.connect();
    slow.write_all(b"POST / HTTP/1.1\r\nhost: x\r\nx-a")
        .unwrap();
    let mut idle = bench.connect();
    idle.write_all(HEALTH).unwrap();
    assert!(answer(&mut idle).starts_with("HTTP/1.1 200"));
    for stream in [&mut silent, &mut idle] {
        assert!(is_closed(stream));
    }
    let mut said = Vec::new();
    let _ = slow.read_to_end(&mut said);
    let said = String::from_utf8(said).unwrap();
    assert!(
        said.is_empty() || said.starts_with("HTTP/1.1 408"),
        "{said}"
    );
}

#[test]
fn a_body_must_come_in_time_and_not_be_too_large() {
    let impatient = Limits {
        body_time: Duration::from_millis(50),
        ..limits()
    };
    let bench = Bench::start(impatient, None);
    let said = bench.ask(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhalf");
    assert!(said.starts_with("HTTP/1.1 408"), "{said}");
    assert!(said.contains("<Code>RequestExpired</Code>"), "{said}");
    let said = bench.ask(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4097\r\n\r\n");
    assert!(said.starts_with("HTTP/1.1 413"), "{said}");
    assert!(said.contains("at most 4096 bytes"), "{said}");
    let largest = format!("Action=DescribeVpcs&x={}", "y".repeat(4096 - 22));
    let said = bench.ask(&bench.signed(&largest));
    assert!(said.contains("The parameter x is not recognized"), "{said}");
}

#[test]
fn connections_are_counted() {
    let bench = Bench::start(limits(), None);
    let mut held: Vec<_> = (0..4).map(|_| bench.connect()).collect();
    for stream in &mut held {
        stream.write_all(HEALTH).unwrap();
        assert!(answer(stream).starts_with("HTTP/1.1 200"));
    }
    let said = bench.ask(&bench.signed("Action=DescribeVpcs"));
    assert!(said.starts_with("HTTP/1.1 503"), "{said}");
    assert!(said.contains("<Code>RequestLimitExceeded</Code>"), "{said}");
    // Those that have one go on.
    held[0]
        .write_all(&bench.signed("Action=DescribeVpcs"))
        .unwrap();
    assert!(answer(&mut held[0]).starts_with("HTTP/1.1 200"));
    held.clear();
    let deadline = std::time::Instant::now() + DEADLINE;
    while !bench.ask(HEALTH).starts_with("HTTP/1.1 200") {
        assert!(
            std::time::Instant::now() < deadline,
            "closed connections still count"
        );
    }
}

/// A connection of this host that comes from another of its addresses.
fn connect_from(source: [u8; 4], to: SocketAddr) -> TcpStream {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .unwrap();
    let stream = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from((source, 0))).unwrap();
        socket.connect(to).await.unwrap()
    });
    let stream = stream.into_std().unwrap();
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}

#[test]
fn one_source_leaves_connections_to_others() {
    let few = Limits {
        per_source: 2,
        ..limits()
    };
    let bench = Bench::start(few, None);
    let mut held: Vec<_> = (0..2).map(|_| bench.connect()).collect();
    for stream in &mut held {
        stream.write_all(HEALTH).unwrap();
        assert!(answer(stream).starts_with("HTTP/1.1 200"));
    }
    let said = bench.ask(HEALTH);
    assert!(said.starts_with("HTTP/1.1 503"), "{said}");
    assert!(said.contains("or 2 from where you are"), "{said}");
    let mut other = connect_from([127, 0, 0, 2], bench.endpoint.address());
    other.write_all(HEALTH).unwrap();
    assert!(answer(&mut other).starts_with("HTTP/1.1 200"));
}

#[test]
fn who_does_not_read_is_hung_up_on() {
    let impatient = Limits {
        connections: 1,
        requests: u32::MAX,
        write_time: Duration::from_millis(50),
        ..limits()
    };
    let bench = Bench::start(impatient, None);
    let mut deaf = bench.connect();
    deaf.set_write_timeout(Some(DEADLINE)).unwrap();
    // Answers fill the buffers of both ends, then requests do; a server that waits lets this time out.
    let requests = HEALTH.repeat(1000);
    let failed = loop {
        if let Err(error) = deaf.write_all(&requests) {
            break error;
        }
    };
    assert!(
        matches!(
            failed.kind(),
            std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe
        ),
        "{failed}"
    );
    let deadline = std::time::Instant::now() + DEADLINE;
    while !bench.ask(HEALTH).starts_with("HTTP/1.1 200") {
        assert!(std::time::Instant::now() < deadline, "it is still held");
    }
}

#[test]
fn no_connection_is_for_good() {
    let counted = Limits {
        requests: 3,
        ..limits()
    };
    let bench = Bench::start(counted, None);
    let mut stream = bench.connect();
    for is_last in [false, false, true] {
        stream.write_all(HEALTH).unwrap();
        let said = answer(&mut stream);
        assert!(said.starts_with("HTTP/1.1 200"), "{said}");
        assert_eq!(said.contains("connection: close"), is_last, "{said}");
    }
    assert!(is_closed(&mut stream));

    let short = Limits {
        life: Duration::from_millis(50),
        ..limits()
    };
    let bench = Bench::start(short, None);
    let mut stream = bench.connect();
    // However busy it is, and whether or not the last request got its answer.
    while stream.write_all(HEALTH).is_ok() && matches!(stream.read(&mut [0; 4096]), Ok(1..)) {}
    let mut idle = bench.connect();
    assert!(is_closed(&mut idle));
}

#[test]
fn nonsense_is_answered_or_hung_up_on() {
    let bench = Bench::start(limits(), None);
    for nonsense in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ] {
        let mut stream = bench.connect();
        stream.write_all(nonsense).unwrap();
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut said = Vec::new();
        let _ = stream.read_to_end(&mut said);
        let said = String::from_utf8(said).unwrap();
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 4"), "{said}");
    }
    assert!(bench.ask(HEALTH).starts_with("HTTP/1.1 200"));
}

#[test]
fn only_this_host_is_listened_to_without_chosen_keys() {
    let bench = Bench::start(limits(), None);
    let options = |listen: &str, keys_are_configured| Options {
        listen: listen.parse().unwrap(),
        keys: Keys::default(),
        keys_are_configured,
        admin: None,
        limits: limits(),
    };
    for listen in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "[::ffff:192.0.2.1]:0"] {
        let refused = Endpoint::start(options(listen, false), Arc::clone(&bench.service));
        assert!(matches!(refused, Err(StartError::Exposed(_))), "{listen}");
    }
    let mapped = Endpoint::start(
        options("[::ffff:127.0.0.1]:0", false),
        Arc::clone(&bench.service),
    );
    assert!(mapped.is_ok(), "it is loopback too");
    let chosen = Endpoint::start(options("0.0.0.0:0", true), Arc::clone(&bench.service));
    assert!(chosen.is_ok());
    let taken = options(&bench.endpoint.address().to_string(), false);
    let refused = Endpoint::start(taken, Arc::clone(&bench.service));
    assert!(matches!(refused, Err(StartError::Listen { .. })));
}

#[test]
fn the_owner_exports_imports_and_copies() {
    let outer = tempfile::tempdir().unwrap();
    let folder = StateFolder::open(&outer.path().join("state")).unwrap();
    let bench = Bench::start(limits(), Some(&folder));
    let mode = fs::metadata(folder.socket()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let client = AdminClient::new(&folder.socket()).unwrap();
    let exported = client.get("/export").unwrap();

    let create = "Action=CreateSecurityGroup&GroupName=web&GroupDescription=d";
    assert!(bench.ask(&bench.signed(create)).contains("sg-"));
    assert_eq!(bench.groups(), 2);
    let copy = outer.path().join("copy.redb");
    let path = serde_json::json!({ "path": copy }).to_string();
    client.post("/backup", path.clone().into_bytes()).unwrap();
    assert!(copy.exists());
    client.post("/import", exported.clone()).unwrap();
    assert_eq!(bench.groups(), 1);
    assert_eq!(client.get("/export").unwrap(), exported);
    let counters = String::from_utf8(client.get("/counters").unwrap()).unwrap();
    assert!(
        counters.contains(r#""action":"CreateSecurityGroup""#),
        "{counters}"
    );

    for (method, path, document) in [
        ("POST", "/import", "no JSON"),
        ("POST", "/import", "{}"),
        ("POST", "/backup", r#"{"path": "relative"}"#),
        ("POST", "/backup", r#"{"path": "/a", "what": 1}"#),
        ("POST", "/backup", &path),
        ("GET", "/nothing", ""),
    ] {
        let said = match method {
            "GET" => client.get(path),
            _ => client.post(path, document.into()),
        };
        assert!(
            matches!(said, Err(AdminError::Refused(_))),
            "{path}: {said:?}"
        );
    }
    assert_eq!(bench.groups(), 1);

    // The copy is a store of its own.
    let copied = Storage::open(&copy).unwrap();
    let site = bench.service.site().clone();
    let copied = Service::open(copied, site).unwrap();
    assert_eq!(copied.read(|state| state.inventory.groups.len()), 2);
    bench.endpoint.stop();
    assert!(matches!(
        client.get("/export"),
        Err(AdminError::Absent { .. })
    ));
    assert!(!folder.socket().exists());
}

#[test]
fn a_socket_that_was_left_over_is_replaced_and_one_in_use_is_not() {
    let outer = tempfile::tempdir().unwrap();
    let folder = StateFolder::open(&outer.path().join("state")).unwrap();
    // Whoever is killed leaves the file behind.
    drop(std::os::unix::net::UnixListener::bind(folder.socket()).unwrap());
    assert!(folder.socket().exists());
    let bench = Bench::start(limits(), Some(&folder));
    assert!(
        AdminClient::new(&folder.socket())
            .unwrap()
            .get("/counters")
            .is_ok()
    );
    let second = Options {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        keys: Keys::default(),
        keys_are_configured: false,
        admin: Some(folder.socket()),
        limits: limits(),
    };
    let refused = Endpoint::start(second, Arc::clone(&bench.service));
    assert!(matches!(refused, Err(StartError::Admin { .. })));
}
