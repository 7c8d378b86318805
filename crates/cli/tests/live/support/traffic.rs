//! Traffic between hosts, and how to be sure that there was none.
//!
//! That something was denied is not told by waiting: the attempt is made, then a packet that is allowed goes the same way
//! ([`fence`]), and when it has arrived the counters of the host that should have heard nothing are looked at.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use secgroup_testkit::netns::Namespace;
use secgroup_testkit::wait::PATIENCE;

use super::{Lab, O};

/// Bytes that [`connect`] sends each way: more than any window or ring holds at once.
const BYTES: usize = 2 << 20;

/// A TCP server on a host.
pub(crate) struct Server {
    listener: TcpListener,
    address: SocketAddr,
}

impl Server {
    #[track_caller]
    pub(crate) fn new(host: &Namespace, address: &str) -> Self {
        let listener = host.enter(|| TcpListener::bind(address));
        let listener = listener.unwrap_or_else(|error| panic!("{address} on {host:?}: {error}"));
        Self {
            address: listener.local_addr().expect("it is bound"),
            listener,
        }
    }

    /// A connection from `client`, which has to be allowed: both of its ends.
    #[track_caller]
    pub(crate) fn connection(&self, client: &Namespace) -> (TcpStream, TcpStream) {
        let there = client.enter(|| TcpStream::connect_timeout(&self.address, PATIENCE));
        let there =
            there.unwrap_or_else(|error| panic!("{} from {client:?}: {error}", self.address));
        let (here, _) = self.listener.accept().expect("it is connected");
        for end in [&here, &there] {
            end.set_read_timeout(Some(PATIENCE)).expect("not zero");
            end.set_write_timeout(Some(PATIENCE)).expect("not zero");
        }
        (here, there)
    }

    /// Whether anybody has connected.
    pub(crate) fn was_reached(&self) -> bool {
        self.listener.set_nonblocking(true).expect("it is a socket");
        self.listener.accept().is_ok()
    }
}

/// Connects, and sends megabytes both ways at once, which must arrive as they were.
#[track_caller]
pub(crate) fn connect(server: &Server, client: &Namespace) {
    let (here, there) = server.connection(client);
    exchange(&here, &there, BYTES);
}

/// Sends so many bytes both ways at once.
#[track_caller]
pub(crate) fn exchange(here: &TcpStream, there: &TcpStream, bytes: usize) {
    let data: Vec<u8> = (0..=250).cycle().take(bytes).collect();
    let deadline = Instant::now() + PATIENCE;
    let read = |mut stream: &TcpStream| {
        let mut got = vec![0; bytes];
        for chunk in got.chunks_mut(64 << 10) {
            stream.read_exact(chunk)?;
            assert!(Instant::now() < deadline, "data trickles");
        }
        Ok(got)
    };
    let write = |mut stream: &TcpStream| stream.write_all(&data).map(|()| data.clone());
    std::thread::scope(|scope| {
        let sides = [
            scope.spawn(|| write(here)),
            scope.spawn(|| write(there)),
            scope.spawn(|| read(here)),
            scope.spawn(|| read(there)),
        ];
        for side in sides {
            let got: std::io::Result<Vec<u8>> = side.join().expect("data flows");
            assert!(got.expect("data flows") == data, "the data was changed");
        }
    });
}

/// Tries to connect to a port where nobody listens, which must not reach the host at all: it would refuse.
#[track_caller]
pub(crate) fn never_connects(lab: &Lab, client: &Namespace, server: &Namespace, address: &str) {
    let before = counter(server, "Tcp", "OutRsts");
    let address: SocketAddr = address.parse().expect("an address and a port");
    let attempt = client.enter(|| TcpStream::connect_timeout(&address, Duration::from_millis(20)));
    let error = attempt.expect_err("nobody listens");
    let kind = error.kind();
    assert_eq!(kind, std::io::ErrorKind::TimedOut, "silence, not {error}");
    fence(lab);
    let after = counter(server, "Tcp", "OutRsts");
    assert_eq!(after, before, "{server:?} refused at {address}");
}

/// A UDP server that gives back what it gets.
pub(crate) struct Echo {
    socket: UdpSocket,
    address: SocketAddr,
}

impl Echo {
    #[track_caller]
    pub(crate) fn new(host: &Namespace, address: &str) -> Self {
        let socket = host.enter(|| UdpSocket::bind(address));
        let socket = socket.unwrap_or_else(|error| panic!("{address} on {host:?}: {error}"));
        socket.set_read_timeout(Some(PATIENCE)).expect("not zero");
        Self {
            address: socket.local_addr().expect("it is bound"),
            socket,
        }
    }

    /// A datagram from `client` of this length, and back.
    #[track_caller]
    pub(crate) fn answers(&self, client: &Namespace, length: usize) {
        let there = self.client(client);
        self.round(&there, length);
    }

    /// A socket at `client` that is connected to the server.
    #[track_caller]
    pub(crate) fn client(&self, client: &Namespace) -> UdpSocket {
        let any = if self.address.is_ipv4() {
            "0.0.0.0:0"
        } else {
            "[::]:0"
        };
        let there = client.enter(|| UdpSocket::bind(any)).expect("a free port");
        there.connect(self.address).expect("there is a route");
        there.set_read_timeout(Some(PATIENCE)).expect("not zero");
        there
    }

    /// A datagram over that socket, and back.
    #[track_caller]
    pub(crate) fn round(&self, there: &UdpSocket, length: usize) {
        let data: Vec<u8> = (0..=252).cycle().take(length).collect();
        let mut buffer = vec![0; length + 1];
        there.send(&data).expect("it fits a datagram");
        let (got, from) = self.socket.recv_from(&mut buffer).expect("it arrives");
        assert_eq!(&buffer[..got], data, "the datagram was changed");
        self.socket
            .send_to(&buffer[..got], from)
            .expect("there is a route");
        let got = there.recv(&mut buffer).expect("the answer arrives");
        assert_eq!(&buffer[..got], data, "the answer was changed");
    }

    /// A datagram from `client`, which must not arrive.
    #[track_caller]
    pub(crate) fn hears_nothing(&self, lab: &Lab, client: &Namespace) {
        self.client(client)
            .send(b"denied")
            .expect("there is a route");
        fence(lab);
        self.socket.set_nonblocking(true).expect("it is a socket");
        let heard = self.socket.recv_from(&mut [0; 64]);
        self.socket.set_nonblocking(false).expect("it is a socket");
        assert!(heard.is_err(), "{client:?} was heard at {}", self.address);
    }
}

/// Returns when all that was sent between the instance and the host outside has arrived, or never will: a datagram goes there
/// and back, behind it. The policy has to let the instance send UDP.
#[track_caller]
pub(crate) fn fence(lab: &Lab) {
    Echo::new(&lab.outside, &format!("{O}:0")).answers(&lab.instance, 8);
}

/// Pings an address.
#[track_caller]
pub(crate) fn pings(host: &Namespace, options: &str, address: &str) {
    let line = format!("ping -n -i 0.01 -c 3 -W 5 {options} {address}");
    let output = host.sh(&line);
    assert!(
        output.status.success(),
        "{line}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Pings the other host, which must not hear of it.
#[track_caller]
pub(crate) fn never_pings(lab: &Lab, from: &Namespace, to: &Namespace, address: &str) {
    let echoes = || counter(to, "Icmp", "InEchos") + counter6(to, "Icmp6InEchos");
    let before = echoes();
    let line = format!("ping -n -c 1 -W 0.02 {address}");
    assert!(!from.sh(&line).status.success(), "{line} was answered");
    fence(lab);
    assert_eq!(echoes(), before, "{to:?} heard {line}");
}

/// A counter of `/proc/net/snmp`.
#[track_caller]
pub(crate) fn counter(host: &Namespace, protocol: &str, name: &str) -> u64 {
    let text = read_net(host, "snmp");
    let rows: Vec<Vec<&str>> = text
        .lines()
        .filter(|line| line.split(':').next() == Some(protocol))
        .map(|line| line.split_whitespace().collect())
        .collect();
    let [names, values] = rows.as_slice() else {
        panic!("no {protocol} in {text}");
    };
    let place = names.iter().position(|word| *word == name);
    let place = place.unwrap_or_else(|| panic!("no {name} in {text}"));
    values[place].parse().expect("a number")
}

/// A counter of `/proc/net/snmp6`.
#[track_caller]
pub(crate) fn counter6(host: &Namespace, name: &str) -> u64 {
    let text = read_net(host, "snmp6");
    let line = text
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .find(|words| words.first() == Some(&name));
    let line = line.unwrap_or_else(|| panic!("no {name} in {text}"));
    line[1].parse().expect("a number")
}

fn read_net(host: &Namespace, name: &str) -> String {
    let path = format!("/proc/thread-self/net/{name}");
    host.enter(|| std::fs::read_to_string(&path))
        .unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Packets that a host's own stack took in: IPv4 and IPv6, neighbour discovery and the like left out.
#[track_caller]
pub(crate) fn heard_by(host: &Namespace) -> [u64; 4] {
    [
        counter(host, "Tcp", "InSegs"),
        counter(host, "Udp", "InDatagrams") + counter(host, "Udp", "NoPorts"),
        counter(host, "Icmp", "InEchos"),
        counter6(host, "Icmp6InEchos"),
    ]
}
