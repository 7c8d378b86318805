//! Running one of the system's programs, for a bounded time.
//!
//! What it reads and what it prints are files in memory, not pipes: neither side can wait for the
//! other, whatever the program does, and all that is left to wait for is its end.

use std::env;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::HostRulesError;

/// Where administration programs are that an ordinary user's PATH leaves out.
const SBIN: [&str; 2] = ["/usr/sbin", "/sbin"];

/// How long a program may take: it may have to wait for another that is changing the rules.
const PATIENCE: Duration = Duration::from_secs(20);

/// Most bytes of what a program printed that are read.
const MAX_OUTPUT: u64 = 16 * 1024 * 1024;

/// Most characters of what a program said that go into an error.
const MAX_SAID: usize = 400;

/// The program of this name.
pub(super) fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(SBIN.map(PathBuf::from))
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|file| is_program(file))
}

fn is_program(file: &Path) -> bool {
    file.metadata()
        .is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o111 != 0)
}

/// Runs a program with `input` to read, and returns what it printed.
///
/// # Errors
/// It is not there, cannot be run, does not end, or fails.
pub(super) fn run(
    name: &str,
    package: &'static str,
    arguments: &[&str],
    input: &str,
) -> Result<String, HostRulesError> {
    let program = find(name).ok_or_else(|| HostRulesError::NotFound {
        program: name.to_owned(),
        package,
    })?;
    let cannot = |error| HostRulesError::Run {
        program: name.to_owned(),
        error,
    };
    let mut output = in_memory("").map_err(cannot)?;
    let mut complaints = in_memory("").map_err(cannot)?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(in_memory(input).map_err(cannot)?)
        .stdout(Stdio::from(output.try_clone().map_err(cannot)?))
        .stderr(Stdio::from(complaints.try_clone().map_err(cannot)?))
        .env("LC_ALL", "C");
    let mut child = command.spawn().map_err(cannot)?;
    let status = wait(&mut child).map_err(cannot)?;
    let Some(status) = status else {
        return Err(HostRulesError::Stuck {
            program: name.to_owned(),
            after: PATIENCE,
        });
    };
    if status.success() {
        return read_back(&mut output).map_err(cannot);
    }
    Err(HostRulesError::Failed {
        program: [&[name], arguments].concat().join(" "),
        said: one_line(&read_back(&mut complaints).map_err(cannot)?, status),
    })
}

/// Waits for the end of a program; one that takes too long is killed, and has no status.
fn wait(child: &mut Child) -> io::Result<Option<ExitStatus>> {
    let ended = ends_in_time(child);
    if !matches!(ended, Ok(true)) {
        // Where it has just ended by itself there is nothing to kill.
        let _ = child.kill();
        child.wait()?;
        return ended.map(|_| None);
    }
    child.wait().map(Some)
}

fn ends_in_time(child: &Child) -> io::Result<bool> {
    let handle = pidfd_open(Pid::from_child(child), PidfdFlags::empty())?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).map_err(io::Error::other)?;
        match poll(&mut [PollFd::new(&handle, PollFlags::IN)], Some(&left)) {
            Ok(events) => return Ok(events > 0),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// A file that is nowhere but in memory, at its start.
fn in_memory(text: &str) -> io::Result<File> {
    let mut file = File::from(memfd_create("secgroup-rules", MemfdFlags::CLOEXEC)?);
    file.write_all(text.as_bytes())?;
    file.rewind()?;
    Ok(file)
}

fn read_back(file: &mut File) -> io::Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.take(MAX_OUTPUT).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// What a program said, in one line of bounded length; how it ended, where it said nothing.
fn one_line(said: &str, status: ExitStatus) -> String {
    let line: String = said
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .filter(|letter| !letter.is_control())
        .take(MAX_SAID)
        .collect();
    if line.is_empty() {
        return status.to_string();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_reads_its_input_and_is_heard() {
        let long = "0123456789\n".repeat(100_000);
        assert_eq!(run("cat", "coreutils", &[], &long).unwrap(), long);
    }

    #[test]
    fn what_a_failing_program_says_is_in_the_error() {
        let error = run(
            "sh",
            "dash",
            &["-c", "echo no >&2; echo way >&2; exit 3"],
            "",
        );
        let said = error.unwrap_err().to_string();
        assert!(said.ends_with("failed: no way"), "{said}");
        let silent = run("false", "coreutils", &[], "").unwrap_err().to_string();
        assert_eq!(silent, "'false' failed: exit status: 1");
    }

    #[test]
    fn a_program_that_is_not_there_is_named_with_its_package() {
        let said = run("no-such-program", "nftables", &[], "")
            .unwrap_err()
            .to_string();
        assert!(
            said.contains("no-such-program") && said.contains("install nftables"),
            "{said}"
        );
    }
}
