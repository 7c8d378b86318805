//! How many calls a second does the endpoint answer? End to end: a signed request over a kept connection on loopback, its signature, the call, the store, the answer.
//!
//! Beside each stands `/health` over the same connection, which is the server without any of that; and the same call in memory and on disk, which is what the disk costs.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use jiff::Timestamp;
use secgroup_api::{HttpRequest, Signing};
use secgroup_benches::harness::{criterion, group};
use secgroup_ec2::Site;
use secgroup_endpoint::{AccessKey, Endpoint, Keys, Limits, Options, Random, Service, Storage};
use secgroup_model::AccountId;

/// Groups that there are, each with a rule.
const GROUPS: usize = 100;

/// A server, and a client that is connected to it.
struct Bench {
    _endpoint: Endpoint,
    key: AccessKey,
    host: String,
    stream: TcpStream,
    buffer: Vec<u8>,
    groups: Vec<String>,
}

impl Bench {
    fn start(storage: Storage) -> Self {
        let accounts = vec![AccountId::new("123456789012")];
        let keys = Keys::generate(&accounts, &Random::new().expect("random numbers"));
        let key = keys.iter().next().expect("a key").clone();
        let service = Service::open(storage, Site::new("us-east-1", accounts)).expect("a store");
        let options = Options {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            keys,
            keys_are_configured: false,
            admin: None,
            // One connection makes all calls that are measured.
            limits: Limits {
                requests: u32::MAX,
                life: std::time::Duration::MAX,
                ..Limits::default()
            },
        };
        let endpoint = Endpoint::start(options, Arc::new(service)).expect("a free port");
        let stream = TcpStream::connect(endpoint.address()).expect("it listens");
        stream.set_nodelay(true).expect("a socket");
        let mut bench = Self {
            host: endpoint.address().to_string(),
            _endpoint: endpoint,
            key,
            stream,
            buffer: vec![0; 1 << 20],
            groups: Vec::new(),
        };
        for number in 0..GROUPS {
            let answer = bench.call(&format!(
                "Action=CreateSecurityGroup&GroupName=group-{number}&GroupDescription=d"
            ));
            let id = answer
                .split("<groupId>")
                .nth(1)
                .and_then(|rest| rest.split('<').next());
            let id = id.expect("an id").to_owned();
            bench.rule("AuthorizeSecurityGroupIngress", &id);
            bench.groups.push(id);
        }
        bench
    }

    /// Makes a call, which must succeed.
    fn call(&mut self, form: &str) -> String {
        let signing = Signing {
            key_id: &self.key.id,
            secret: &self.key.secret,
            region: "us-east-1",
            service: "ec2",
            time: Timestamp::now(),
        };
        let date = signing.date();
        let headers: [(&str, &[u8]); 2] = [
            ("host", self.host.as_bytes()),
            ("x-amz-date", date.as_bytes()),
        ];
        let request = HttpRequest {
            method: "POST",
            path: "/",
            query: "",
            headers: &headers,
            body: form.as_bytes(),
        };
        let authorization = signing
            .authorization(&request)
            .expect("a body without a hash");
        let request = format!(
            "POST / HTTP/1.1\r\nhost: {}\r\nx-amz-date: {date}\r\nauthorization: {authorization}\r\ncontent-length: {}\r\n\r\n{form}",
            self.host,
            form.len()
        );
        let answer = self.ask(request.as_bytes());
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        answer
    }

    /// Sends a request and reads its answer.
    fn ask(&mut self, request: &[u8]) -> String {
        self.stream.write_all(request).expect("it reads");
        let mut filled = 0;
        loop {
            let read = self
                .stream
                .read(&mut self.buffer[filled..])
                .expect("it answers");
            assert!(read > 0, "it hung up");
            filled += read;
            let text = std::str::from_utf8(&self.buffer[..filled]).unwrap_or_default();
            let Some((head, body)) = text.split_once("\r\n\r\n") else {
                continue;
            };
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length
                .and_then(|length| length.parse().ok())
                .expect("a length");
            if body.len() == length {
                return text.to_owned();
            }
        }
    }

    fn rule(&mut self, action: &str, group: &str) {
        self.call(&format!(
            "Action={action}&GroupId={group}&IpPermissions.1.IpProtocol=tcp&IpPermissions.1.FromPort=443&IpPermissions.1.ToPort=443&IpPermissions.1.IpRanges.1.CidrIp=10.0.0.0%2F8"
        ));
    }
}

fn calls(c: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let disk = Storage::open(&folder.path().join("state.redb")).expect("a store");
    let mut group = group(c, "endpoint calls");
    for (place, storage) in [("in memory", Storage::Memory), ("on disk", disk)] {
        let mut bench = Bench::start(storage);
        let one = bench.groups[GROUPS / 2].clone();
        let health = format!("GET /health HTTP/1.1\r\nhost: {}\r\n\r\n", bench.host);
        group.bench_function(format!("health, {place}"), |bencher| {
            bencher.iter(|| bench.ask(health.as_bytes()));
        });
        group.bench_function(format!("describe one of 100 groups, {place}"), |bencher| {
            bencher.iter(|| bench.call(&format!("Action=DescribeSecurityGroups&GroupId.1={one}")));
        });
        group.bench_function(format!("describe 100 groups, {place}"), |bencher| {
            bencher.iter(|| bench.call("Action=DescribeSecurityGroups"));
        });
        // Two calls, after which all is as it was.
        group.throughput(criterion::Throughput::Elements(2));
        group.bench_function(format!("revoke and authorize a rule, {place}"), |bencher| {
            bencher.iter(|| {
                bench.rule("RevokeSecurityGroupIngress", &one);
                bench.rule("AuthorizeSecurityGroupIngress", &one);
            });
        });
        group.throughput(criterion::Throughput::Elements(1));
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = criterion();
    targets = calls
}
criterion_main!(benches);
