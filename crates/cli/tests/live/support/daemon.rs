//! `secgroup run` as its operator has it: a process, its log, its control socket.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use secgroup_testkit::netns::Namespace;
use secgroup_testkit::process::Process;
use secgroup_testkit::wait;
use serde_json::{Value, json};

/// The program under test.
pub(crate) const SECGROUP: &str = env!("CARGO_BIN_EXE_secgroup");

/// How a run of a command ended and what it printed.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    pub(crate) fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }

    /// The run, which ended with this code.
    #[track_caller]
    pub(crate) fn code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }
}

/// Runs `secgroup` with these arguments.
pub(crate) fn secgroup(arguments: &[&str]) -> Run {
    let output = Command::new(SECGROUP)
        .args(arguments)
        .stdin(Stdio::null())
        .output();
    Run::of(&output.expect("the program starts"))
}

/// A running daemon; stopped when it is dropped, and in a failing test its log, configuration and status are printed.
#[derive(Debug)]
pub(crate) struct Daemon {
    pub(crate) process: Process,
    folder: PathBuf,
    manager: Manager,
}

/// Where it says how it is, as systemd listens (sd_notify); nobody else does.
#[derive(Debug)]
struct Manager {
    socket: UnixDatagram,
    is_ready: bool,
    /// What it shows of the daemon.
    status: String,
}

impl Daemon {
    /// Starts it in a namespace, with the configuration in this folder, and waits until it says that it is ready.
    #[track_caller]
    pub(crate) fn start(host: &Namespace, folder: &Path) -> Self {
        let command = host.command(SECGROUP);
        Self::start_as(command, folder)
    }

    /// As [`start`](Self::start), where `command` runs the program.
    #[track_caller]
    pub(crate) fn start_as(command: Command, folder: &Path) -> Self {
        let mut daemon = Self::launch(command, folder);
        let started = wait::maybe(wait::PATIENCE, || {
            let ended = daemon.process.ended().is_some();
            daemon.manager.listen();
            let said = daemon.manager.is_ready;
            (said || ended).then_some(said)
        });
        assert!(started == Some(true), "the daemon does not get ready");
        daemon
    }

    /// Starts it.
    fn launch(mut command: Command, folder: &Path) -> Self {
        let notify = folder.join("notify.sock");
        let _ = std::fs::remove_file(&notify);
        let manager = Manager::new(&notify);
        // Whoever it runs as may say something.
        let everybody = std::fs::Permissions::from_mode(0o777);
        std::fs::set_permissions(&notify, everybody).expect("it is ours");
        command.env("NOTIFY_SOCKET", &notify);
        command.env_remove("WATCHDOG_USEC");
        command
            .args(["run", "--config"])
            .arg(folder.join("secgroup.toml"));
        Self {
            process: Process::spawn("secgroup", &mut command),
            folder: folder.to_owned(),
            manager,
        }
    }

    /// Runs it where it is expected to end by itself: with which code, and what it printed.
    #[track_caller]
    pub(crate) fn refused(command: Command, folder: &Path) -> (i32, String) {
        let mut daemon = Self::launch(command, folder);
        let code = daemon.process.code();
        (code, daemon.log())
    }

    pub(crate) fn socket(&self) -> String {
        let path = self.folder.join("control.sock");
        path.to_str().expect("a temporary folder").to_owned()
    }

    /// What it logged so far.
    pub(crate) fn log(&self) -> String {
        self.process.output()
    }

    /// Waits until it has logged `text`.
    #[track_caller]
    pub(crate) fn logs(&mut self, text: &str) {
        self.process.wait_for(text);
    }

    /// Waits until it shows this status to whoever started it.
    #[track_caller]
    pub(crate) fn shows(&mut self, status: &str) {
        let shown = wait::maybe(wait::PATIENCE, || {
            self.manager.listen();
            (self.manager.status == status).then_some(())
        });
        assert!(
            shown.is_some(),
            "{:?} and not {status:?}",
            self.manager.status
        );
    }

    /// Runs a command of `secgroup` against it.
    #[track_caller]
    pub(crate) fn command(&self, arguments: &[&str]) -> Run {
        let socket = self.socket();
        secgroup(&[arguments, &["--socket", &socket]].concat())
    }

    /// Asks over its socket and gives the answer.
    #[track_caller]
    pub(crate) fn ask(&self, request: &Value) -> Value {
        self.try_ask(request).expect("the daemon answers")
    }

    fn try_ask(&self, request: &Value) -> std::io::Result<Value> {
        let mut stream = UnixStream::connect(self.socket())?;
        stream.set_read_timeout(Some(wait::PATIENCE))?;
        writeln!(stream, "{}", json!({ "request": request }))?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line)?;
        Ok(serde_json::from_str(&line)?)
    }

    /// Its status.
    #[track_caller]
    pub(crate) fn status(&self) -> Value {
        self.ask(&json!("status"))["status"].clone()
    }

    /// The status of one interface.
    #[track_caller]
    pub(crate) fn interface(&self, name: &str) -> Value {
        let status = self.status();
        let all = status["interfaces"].as_array().expect("it is a list");
        let found = all.iter().find(|interface| interface["name"] == name);
        found
            .unwrap_or_else(|| panic!("no {name} in {status:#}"))
            .clone()
    }

    /// Packets of an interface by direction and reason: `"ingress no-rule"`.
    #[track_caller]
    pub(crate) fn packets(&self, name: &str, direction: &str, reason: &str) -> u64 {
        let interface = self.interface(name);
        let verdicts = interface["verdicts"].as_array().expect("it is a list");
        let counted = verdicts
            .iter()
            .find(|line| line["direction"] == direction && line["reason"] == reason);
        counted.map_or(0, |line| line["packets"].as_u64().expect("a number"))
    }

    /// How many connections it tracks.
    #[track_caller]
    pub(crate) fn connections(&self) -> u64 {
        let answer = self.ask(&json!({"flows": {"count_only": true}}));
        answer["flows"]["matched"].as_u64().expect("a number")
    }

    /// Waits until it tracks this many connections.
    #[track_caller]
    pub(crate) fn has_connections(&self, count: u64) {
        wait::until("the number of connections", || {
            (self.connections() == count).then_some(())
        });
    }

    /// Reads the policy files again, which are valid.
    #[track_caller]
    pub(crate) fn reload(&self) {
        self.command(&["reload"]).code(0);
    }

    /// Ends it by a signal, as systemd does, and waits until it is gone.
    #[track_caller]
    pub(crate) fn end(&mut self, signal: Signal) -> i32 {
        self.process.signal(signal);
        self.process.code()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if self.process.ended().is_none() {
            if std::thread::panicking() {
                let status = self.try_ask(&json!("status"));
                eprintln!("--- status\n{:#}", status.unwrap_or_default());
            }
            // So that it can put back what it changed; the process is ended the hard way if it does not.
            self.process.signal(Signal::TERM);
            let _ = self.process.end_within(Duration::from_secs(2));
        }
        if std::thread::panicking() {
            let read = |name: &str| std::fs::read_to_string(self.folder.join(name));
            eprintln!("--- log\n{}", self.log());
            for file in ["secgroup.toml", "policy.yaml"] {
                eprintln!("--- {file}\n{}", read(file).unwrap_or_default());
            }
        }
    }
}

impl Manager {
    fn new(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).expect("the folder is ours");
        socket.set_nonblocking(true).expect("it is a socket");
        Self {
            socket,
            is_ready: false,
            status: String::new(),
        }
    }

    /// Takes in what was said meanwhile.
    fn listen(&mut self) {
        let mut message = [0; 4096];
        while let Ok(length) = self.socket.recv(&mut message) {
            let text = String::from_utf8_lossy(&message[..length]);
            for line in text.lines() {
                match line.split_once('=') {
                    Some(("READY", "1")) => self.is_ready = true,
                    Some(("STATUS", status)) => status.clone_into(&mut self.status),
                    _ => {}
                }
            }
        }
    }
}
