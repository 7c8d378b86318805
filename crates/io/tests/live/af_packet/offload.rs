//! TCP with every offload left on.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use secgroup_testkit::netns;
use secgroup_testkit::rng::Rng;

use super::{RINGS, bump};
use crate::support::Row;

/// Bytes that go through.
const LENGTH: usize = 20 << 20;

#[test]
fn a_stream_arrives_intact_in_frames_of_many_segments() {
    if netns::skip("a_stream_arrives_intact_in_frames_of_many_segments") {
        return;
    }
    let seed = 0x0ff1_0ad5;
    println!("seed {seed:#x}");
    let payload = Rng::new(seed).bytes(LENGTH);
    for ring in RINGS {
        let row = Row::new().with_addresses();
        let forwarder = bump(&row, ring);
        let listener = row
            .right
            .enter(|| TcpListener::bind("192.0.2.2:80").unwrap());
        let mut client = row
            .left
            .enter(|| TcpStream::connect("192.0.2.2:80").unwrap());
        let (mut server, _) = listener.accept().unwrap();
        let received = std::thread::scope(|scope| {
            let reader = scope.spawn(move || {
                let mut received = Vec::with_capacity(LENGTH);
                server.read_to_end(&mut received).unwrap();
                received
            });
            client.write_all(&payload).unwrap();
            drop(client);
            reader.join().unwrap()
        });
        let tally = forwarder.stop();
        assert!(received == payload, "{ring:?}: {} bytes", received.len());
        assert!(tally.longest > 20_000, "{ring:?}: {tally:?}");
        assert_eq!(tally.transmitted.lost(), 0, "{ring:?}");
    }
}
