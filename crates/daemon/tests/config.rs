//! Configurations as people write them: what is made of good ones, and what is said about broken ones.
//!
//! `tests/config/broken/` holds broken ones, each with a text of all that is said about it. After a change that is
//! meant: `SECGROUP_BLESS=1 cargo test -p secgroup-daemon --test config`, and look over what differs.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests are tests: a failing assertion is how they speak"
)]

use std::fs;
use std::path::{Path, PathBuf};

use secgroup_daemon::Loaded;
use secgroup_daemon::config::Config;

#[path = "config/defaults.rs"]
mod defaults;
#[path = "config/examples.rs"]
mod examples;
#[path = "config/policy.rs"]
mod policy;
#[path = "config/reload.rs"]
mod reload;

/// Where a configuration of this test pretends to be, on a host with as many CPUs.
const FOLDER: &str = "/etc/secgroup";
const CPUS: usize = 8;

fn parse(text: &str) -> Loaded<Config> {
    Config::parse(text, &Path::new(FOLDER).join("secgroup.toml"), CPUS)
}

/// The configuration of a text that is right.
fn good(text: &str) -> Config {
    let (config, _) = parse(text)
        .accept(false)
        .unwrap_or_else(|said| panic!("{said}"));
    config
}

/// A text of the folder of the tests, made anew where that is asked for.
fn golden(path: &Path, now: &str) {
    if std::env::var_os("SECGROUP_BLESS").is_some() {
        fs::write(path, now).unwrap();
    }
    let known = fs::read_to_string(path).unwrap_or_default();
    assert_eq!(
        now,
        known,
        "{} is not what it was; see the head of this test",
        path.display()
    );
}

fn tests_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config")
}

/// The files of a folder with this extension, sorted.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    files.sort();
    files
}

#[test]
fn broken_configurations_are_refused_and_everything_about_them_is_said() {
    let broken = files(&tests_folder().join("broken"), "toml");
    assert!(broken.len() >= 15, "{broken:?}");
    for path in broken {
        let name = path.file_name().unwrap().to_str().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let loaded = Config::parse(&text, Path::new(name), CPUS);
        assert!(loaded.value.is_none(), "{name} is refused");
        golden(&path.with_extension("txt"), &loaded.render(false));
    }
}
