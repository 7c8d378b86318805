//! The control socket from outside: what clients get, and what hostile ones do not.

mod fake;
mod followers;
mod hostile;

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use secgroup_daemon::control::{Client, ClientError, ControlSocket, ListenError, Server};
use secgroup_daemon::protocol::{
    DeleteRequest, DenialsRequest, ErrorCode, ExplainRequest, FlowQuery, FlowsRequest,
    ReloadOutcome, RulesRequest, TrafficRequest,
};
use secgroup_packet::Direction;

use crate::fake::{Running, eventually};

#[test]
fn every_request_has_its_answer() {
    let running = Running::new();
    let mut client = running.client();
    assert_eq!(client.status().unwrap(), fake::status());

    let all = client.flows(FlowsRequest::default()).unwrap();
    assert_eq!((all.matched, all.flows.len()), (3, 3));
    let ssh = FlowQuery {
        port: Some(22),
        ..FlowQuery::default()
    };
    let counted = FlowsRequest {
        filter: ssh.clone(),
        count_only: true,
        ..FlowsRequest::default()
    };
    let page = client.flows(counted).unwrap();
    assert_eq!((page.matched, page.flows.len()), (1, 0));

    let delete = DeleteRequest {
        filter: ssh,
        all: false,
    };
    assert_eq!(client.delete(delete.clone()).unwrap(), 1);
    assert_eq!(client.delete(delete).unwrap(), 0);
    let all = DeleteRequest {
        all: true,
        ..DeleteRequest::default()
    };
    assert_eq!(client.delete(all).unwrap(), 2);

    let limit = 7;
    let watched = TrafficRequest {
        limit,
        ..TrafficRequest::default()
    };
    assert_eq!(client.traffic(watched).unwrap().flows, 7);
    let denials = client.denials(DenialsRequest { limit }).unwrap();
    assert_eq!(denials.told, 7);
    assert_eq!(client.rules(RulesRequest { limit }).unwrap().matched, 7);
    let too_far = TrafficRequest {
        over_seconds: 11,
        ..TrafficRequest::default()
    };
    let error = client.traffic(too_far).unwrap_err();
    assert!(error.to_string().contains("10 seconds at most"), "{error}");

    let request = |flow: &str| ExplainRequest {
        flow: flow.to_owned(),
        interface: Some("web".to_owned()),
        direction: Some(Direction::Egress),
    };
    let flow = "tcp 10.0.0.1:1 > 192.0.2.7:22";
    assert_eq!(client.explain(request(flow)).unwrap().packet.flow, flow);
    let error = client.explain(request("tcp")).unwrap_err();
    assert!(error.to_string().contains("no '>'"), "{error}");

    let refused = client.reload().unwrap();
    assert!(matches!(
        refused,
        ReloadOutcome::Refused { generation: 7, .. }
    ));
}

#[test]
fn a_delete_that_says_nothing_deletes_nothing() {
    let running = Running::new();
    let mut client = running.client();
    for all in [false, true] {
        let filter = if all {
            FlowQuery {
                port: Some(22),
                ..FlowQuery::default()
            }
        } else {
            FlowQuery::default()
        };
        let error = client.delete(DeleteRequest { filter, all }).unwrap_err();
        let ClientError::Refused(body) = error else {
            panic!("{error}");
        };
        assert_eq!(body.code, ErrorCode::BadRequest);
    }
    let page = client.flows(FlowsRequest::default()).unwrap();
    assert_eq!(page.matched, 3);
}

#[test]
fn followers_hear_until_they_go() {
    let running = Running::new();
    let ssh = FlowQuery {
        port: Some(22),
        ..FlowQuery::default()
    };
    let mut events = running.client().follow(ssh).unwrap();
    eventually(|| !running.fake.followers.is_empty());
    running.fake.open(443);
    running.fake.open(22);
    let event = events.next().unwrap().unwrap();
    assert_eq!(event.flow().local_port, Some(22));
    drop(events);
    eventually(|| running.fake.followers.is_empty());
}

#[test]
fn followers_end_with_the_daemon() {
    let running = Running::new();
    let mut events = running.client().follow(FlowQuery::default()).unwrap();
    running.stop();
    assert!(events.next().is_none());
}

#[test]
fn stop_returns_when_the_daemon_is_gone() {
    let running = Running::new();
    let client = running.client();
    let patience = Duration::from_secs(30);
    let waiting = std::thread::spawn(move || client.stop(false, patience).unwrap());
    eventually(|| running.fake.stopped() == [false]);
    assert!(!waiting.is_finished());
    running.stop();
    assert!(waiting.join().unwrap());
}

#[test]
fn a_handover_that_is_refused_says_why() {
    let running = Running::new();
    let error = running
        .client()
        .stop(true, Duration::from_secs(1))
        .unwrap_err();
    assert_eq!(error.to_string(), fake::NO_PLACE);
}

#[test]
fn the_socket_is_its_owners_alone_and_goes_with_the_server() {
    let running = Running::new();
    let path = running.path.clone();
    let found = fs::symlink_metadata(&path).unwrap();
    assert!(found.file_type().is_socket());
    assert_eq!(found.mode() & 0o777, 0o600);
    let folder = fs::metadata(path.parent().unwrap()).unwrap();
    assert_eq!(folder.mode() & 0o777, 0o700);
    running.stop();
    assert!(!path.exists());
    let error = Client::connect(&path).unwrap_err();
    assert!(matches!(error, ClientError::NotRunning(_)));
    assert!(error.to_string().contains("systemctl start"), "{error}");
}

#[test]
fn a_live_socket_is_an_error_and_a_stale_one_is_replaced() {
    let running = Running::new();
    let error = ControlSocket::listen(&running.path).unwrap_err();
    let pid = std::process::id().to_string();
    assert!(
        matches!(&error, ListenError::Running { pid: said, .. } if *said == pid),
        "{error}"
    );
    assert!(running.client().status().is_ok(), "it was disturbed");

    // What a crash leaves behind: the file of a socket that nobody has.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stale.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let socket = ControlSocket::listen(&path).unwrap();
    let server = Server::start(socket, Arc::new(fake::Fake::default())).unwrap();
    assert!(Client::connect(&path).unwrap().status().is_ok());
    server.stop();
}

#[test]
fn what_is_not_ours_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.txt");
    fs::write(&file, "mine").unwrap();
    let error = ControlSocket::listen(&file).unwrap_err();
    assert!(matches!(error, ListenError::NotASocket(_)), "{error}");
    assert_eq!(fs::read(&file).unwrap(), b"mine");

    let taken = folder.path().join("other.sock");
    let _other = std::os::unix::net::UnixListener::bind(&taken).unwrap();
    let error = ControlSocket::listen(&taken).unwrap_err();
    let own = i32::try_from(std::process::id()).unwrap();
    assert!(
        matches!(error, ListenError::Taken { pid, .. } if pid == own),
        "{error}"
    );

    let open = folder.path().join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let error = ControlSocket::listen(&open.join("control.sock")).unwrap_err();
    assert!(matches!(error, ListenError::OpenFolder(_)), "{error}");

    let long = folder.path().join("x".repeat(120)).join("control.sock");
    let error = ControlSocket::listen(&long).unwrap_err();
    assert!(matches!(error, ListenError::Io { .. }), "{error}");
}

/// The examples of the protocol's essay, as a person types them.
#[test]
fn socat_is_enough_to_speak_to_it() {
    let running = Running::new();
    let address = format!("UNIX:{}", running.path.display());
    let child = Command::new("socat")
        .args(["-", &address])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        eprintln!("skipped socat_is_enough_to_speak_to_it: socat is not installed");
        return;
    };
    let mut stdin = child.stdin.take().unwrap();
    std::io::Write::write_all(
        &mut stdin,
        b"{\"request\":\"status\"}\n{\"request\":{\"flows\":{\"filter\":{\"port\":443},\"limit\":10}}}\n",
    )
    .unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["status"]["pid"], 42);
    assert_eq!(lines[1]["flows"]["matched"], 1);
    assert_eq!(lines[1]["flows"]["flows"][0]["local_port"], 443);
}
