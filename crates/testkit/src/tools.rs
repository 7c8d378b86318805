//! Programs of others that tests ask for their opinion: those that `scripts/install-test-tools` installs.
//!
//! A test that finds one missing prints so and ends well, unless `SECGROUP_REQUIRE_NETNS` is set, as in continuous integration: then nothing may be missing.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

/// A program of the search path; `None`, which is printed, where it is not installed.
///
/// # Panics
/// Where it is not installed and has to be.
#[must_use]
pub fn program(name: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&folders).map(|folder| folder.join(name));
    found
        .into_iter()
        .find(|path| path.is_file())
        .or_else(|| missing(name))
}

/// A Python that has these modules; `None`, which is printed, where there is none.
///
/// # Panics
/// Where there is none and has to be.
#[must_use]
pub fn python(modules: &str) -> Option<PathBuf> {
    let python = folder().join("venv/bin/python");
    let mut trial = Command::new(&python);
    trial.args(["-c", &format!("import {modules}")]);
    let has_them = trial.output().is_ok_and(|output| output.status.success());
    if has_them {
        Some(python)
    } else {
        missing(&format!("Python with {modules} in {}", python.display()))
    }
}

/// Where `scripts/install-test-tools` puts what no package of the system has: beside what cargo builds.
fn folder() -> PathBuf {
    if let Some(folder) = std::env::var_os("SECGROUP_TEST_TOOLS") {
        return PathBuf::from(folder);
    }
    let program = std::env::current_exe().unwrap_or_default();
    let target = program.ancestors().nth(3); // target/PROFILE/deps/PROGRAM
    target.map_or_else(|| PathBuf::from("test-tools"), |it| it.join("test-tools"))
}

fn missing(what: &str) -> Option<PathBuf> {
    let reason = format!("no {what}: scripts/install-test-tools");
    let is_required = std::env::var_os("SECGROUP_REQUIRE_NETNS").is_some();
    assert!(!is_required, "{reason}");
    eprintln!("skipped: {reason}");
    None
}

/// What a program prints that is given this input; it has to succeed, and to complain of nothing.
///
/// # Panics
/// Where it does not.
#[track_caller]
#[must_use]
pub fn run(command: &mut Command, input: &str) -> String {
    let name = Path::new(command.get_program()).file_name();
    let name = name
        .unwrap_or_else(|| OsStr::new("?"))
        .display()
        .to_string();
    let child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.unwrap_or_else(|error| panic!("{name}: {error}"));
    let (stdin, input) = (child.stdin.take(), input.to_owned());
    // Whoever prints before all is read must not wait for us, who wait for it. One that ends early says why by itself.
    let feeding = thread::spawn(move || stdin.map(|mut stdin| stdin.write_all(input.as_bytes())));
    let output = child.wait_with_output();
    let output = output.unwrap_or_else(|error| panic!("{name}: {error}"));
    let _ = feeding.join();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (said, complaints) = (text(&output.stdout), text(&output.stderr));
    let is_content = output.status.success() && complaints.is_empty();
    assert!(is_content, "{name}: {}: {complaints}{said}", output.status);
    said
}
