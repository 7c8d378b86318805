//! Clients that mean no good, or do not know better.

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use secgroup_daemon::control::MAX_CLIENTS;
use secgroup_daemon::protocol::FlowQuery;
use serde_json::Value;

use crate::fake::{Running, eventually};

/// Says `bytes`, then nothing more; every line that comes back.
fn say(running: &Running, bytes: &[u8]) -> Vec<Value> {
    let mut stream = UnixStream::connect(&running.path).expect("it listens");
    let mut writer = stream.try_clone().expect("there are files left");
    let bytes = bytes.to_vec();
    let writing = std::thread::spawn(move || {
        // It may be cut off on the way.
        let _ = writer.write_all(&bytes);
        let _ = writer.shutdown(std::net::Shutdown::Write);
    });
    let mut text = Vec::new();
    // What was said before a connection is reset has been read by then.
    let _ = stream.read_to_end(&mut text);
    writing.join().expect("it does not panic");
    let text = String::from_utf8(text).expect("answers are text");
    text.lines()
        .map(|line| serde_json::from_str(line).expect("answers are JSON"))
        .collect()
}

fn codes(lines: &[Value]) -> Vec<&str> {
    lines
        .iter()
        .map(|line| line["error"]["code"].as_str().unwrap_or("none"))
        .collect()
}

#[test]
fn nonsense_is_answered_and_does_not_end_the_conversation() {
    let running = Running::new();
    let lines = say(
        &running,
        b"GET / HTTP/1.1\r\n\r\n\xff\xfe\n[]\n{\"request\":\"status\"}\n{\"version\":2,\"request\":\"status\"}\n{\"request\":{\"flows\":{\"limit\":100001}}}\n",
    );
    assert_eq!(
        codes(&lines),
        [
            "bad-request",
            "bad-request",
            "bad-request",
            "none",
            "version",
            "bad-request"
        ]
    );
}

#[test]
fn deep_nesting_is_an_error_not_a_crash() {
    let running = Running::new();
    let mut line = vec![b'['; 60_000];
    line.push(b'\n');
    assert_eq!(codes(&say(&running, &line)), ["bad-request"]);
    assert!(running.client().status().is_ok());
}

#[test]
fn a_line_without_end_is_not_kept() {
    let running = Running::new();
    let lines = say(&running, &vec![b'x'; 1 << 20]);
    assert_eq!(codes(&lines), ["too-long"]);
    assert!(running.client().status().is_ok());
}

#[test]
fn there_is_room_for_so_many_and_room_again_when_they_go() {
    let running = Running::new();
    let mut clients: Vec<_> = (0..MAX_CLIENTS).map(|_| running.client()).collect();
    // Each is in when it has been answered.
    for client in &mut clients {
        client.status().unwrap();
    }
    assert_eq!(codes(&say(&running, b"")), ["busy"]);
    let said = running.client().status().unwrap_err().to_string();
    assert!(said.contains("16 clients are connected"), "{said}");
    drop(clients);
    eventually(|| running.client().status().is_ok());
}

#[test]
fn a_follower_that_does_not_read_is_cut_off_and_holds_up_nobody() {
    let running = Running::new();
    let mut stream = UnixStream::connect(&running.path).unwrap();
    stream
        .write_all(b"{\"request\":{\"follow\":{}}}\n")
        .unwrap();
    eventually(|| !running.fake.followers.is_empty());
    // More than his queue and the socket's buffers hold.
    let mut told = 0_u32;
    while !running.fake.followers.is_empty() {
        running.fake.open(22);
        told += 1;
        assert!(told < 1_000_000, "he is never cut off");
    }
    assert!(running.client().status().is_ok());
    let lines: Vec<_> = BufReader::new(stream).lines().map(Result::unwrap).collect();
    let last: Value = serde_json::from_str(lines.last().unwrap()).unwrap();
    assert_eq!(last["error"]["code"], "too-slow", "{last}");
    // Beside events there are the first line and the last.
    assert!(lines.len() - 2 < told as usize);
}

#[test]
fn a_follower_who_hangs_up_silently_is_noticed() {
    let running = Running::new();
    let events = running.client().follow(FlowQuery::default()).unwrap();
    eventually(|| !running.fake.followers.is_empty());
    drop(events);
    // Nothing happens on any connection, and still he is forgotten.
    eventually(|| running.fake.followers.is_empty());
}

#[test]
fn other_users_are_refused_even_where_the_file_lets_them() {
    const TEST: &str = "other_users_are_refused_even_where_the_file_lets_them";
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped {TEST}: only root can be another user");
        return;
    }
    let running = Running::new();
    for path in running.path.ancestors().take(4) {
        fs::set_permissions(path, Permissions::from_mode(0o777)).unwrap();
    }
    let address = format!("UNIX:{}", running.path.display());
    // It only reads: who is refused is not waited for, and may have no time to ask.
    let output = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .args(["socat", "-u", &address, "-"])
        .stdin(Stdio::null())
        .output();
    let Ok(output) = output else {
        eprintln!("skipped {TEST}: setpriv is not installed");
        return;
    };
    let said = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("\"forbidden\""), "{said} {stderr}");
}
