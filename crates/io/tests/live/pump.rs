//! A forwarder that filters nothing: what one port receives the other sends.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use secgroup_io::live::{BURST, LiveFrame, Port, ReceiveError, Receiver, Transmitted};
use secgroup_testkit::netns::Namespace;
use secgroup_testkit::rng::Rng;
use secgroup_testkit::wait;

/// Carries frames between ports until it is stopped.
#[derive(Debug)]
pub(crate) struct Pump {
    stop: OwnedFd,
    thread: JoinHandle<Pumped>,
}

/// What a pump did, and its ports.
#[derive(Debug)]
pub(crate) struct Pumped {
    pub(crate) ports: Vec<Box<dyn Port>>,
    /// Frames received, by port.
    pub(crate) received: Vec<u64>,
    pub(crate) sent: Transmitted,
    /// Length of the longest frame, in bytes.
    pub(crate) longest: usize,
}

impl Pump {
    /// Sends what is received at each port through another: `way` says which.
    pub(crate) fn start(ports: Vec<Box<dyn Port>>, way: fn(usize) -> usize) -> Self {
        let stop = eventfd(0, EventfdFlags::CLOEXEC).unwrap();
        let stopped = stop.try_clone().unwrap();
        let thread = std::thread::spawn(move || carry(ports, way, &stopped));
        Self { stop, thread }
    }

    pub(crate) fn stop(self) -> Pumped {
        rustix::io::write(&self.stop, &1_u64.to_ne_bytes()).unwrap();
        self.thread.join().unwrap()
    }
}

fn carry(ports: Vec<Box<dyn Port>>, way: fn(usize) -> usize, stop: &OwnedFd) -> Pumped {
    let mut done = Pumped {
        received: vec![0; ports.len()],
        ports,
        sent: Transmitted::default(),
        longest: 0,
    };
    loop {
        let mut fds = vec![PollFd::new(stop, PollFlags::IN)];
        fds.extend(
            done.ports
                .iter()
                .map(|port| PollFd::from_borrowed_fd(port.fd(), PollFlags::IN)),
        );
        poll(&mut fds, None).unwrap();
        let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        if ready[0] {
            return done;
        }
        for from in (0..done.ports.len()).filter(|&port| ready[port + 1]) {
            turn(&mut done, from, way(from));
        }
    }
}

fn turn(done: &mut Pumped, from: usize, to: usize) {
    let [from_port, to_port] = done.ports.get_disjoint_mut([from, to]).unwrap();
    let count = match from_port.receive(BURST) {
        Ok(count) => count,
        Err(ReceiveError::Down) => 0,
        Err(error) => panic!("port {from}: {error}"),
    };
    let frames: Vec<LiveFrame<'_>> = (0..count).map(|index| from_port.frame(index)).collect();
    let longest = frames.iter().map(|frame| frame.data.len()).max();
    done.longest = done.longest.max(longest.unwrap_or_default());
    done.received[from] += count as u64;
    done.sent += to_port.transmit(&frames);
}

/// Sends `len` random bytes by TCP from one host to an address of another, and back at the same
/// time; fails unless both arrive as they were.
pub(crate) fn exchange(client: &Namespace, server: &Namespace, address: SocketAddr, len: usize) {
    let payload = Rng::new(len as u64).bytes(len);
    let listener = server.enter(|| TcpListener::bind(address).unwrap());
    let there = client.enter(|| TcpStream::connect(address).unwrap());
    let (back, _) = listener.accept().unwrap();
    std::thread::scope(|scope| {
        for stream in [&there, &back] {
            let payload = &payload;
            scope.spawn(move || {
                let mut stream = stream;
                stream.write_all(payload).unwrap();
                stream.shutdown(std::net::Shutdown::Write).unwrap();
            });
            scope.spawn(move || {
                let mut stream = stream;
                let mut heard = Vec::new();
                stream.read_to_end(&mut heard).unwrap();
                assert!(
                    heard == *payload,
                    "{} bytes, and not those that were sent",
                    heard.len()
                );
            });
        }
    });
}

/// Whether the port's descriptor is readable now.
pub(crate) fn is_readable(port: &dyn Receiver) -> bool {
    is_readable_within(port, Duration::ZERO)
}

/// Waits until the port's descriptor is readable; fails where it is not in time.
#[track_caller]
pub(crate) fn wait_for(port: &dyn Receiver) {
    assert!(
        is_readable_within(port, wait::PATIENCE),
        "{port:?} has nothing to say"
    );
}

fn is_readable_within(port: &dyn Receiver, within: Duration) -> bool {
    let within = Timespec::try_from(within).unwrap();
    let mut fds = [PollFd::from_borrowed_fd(port.fd(), PollFlags::IN)];
    poll(&mut fds, Some(&within)).unwrap() == 1
}
