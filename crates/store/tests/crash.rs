//! Killed at any moment: everything acknowledged is there, and nothing is half done.
//!
//! A child process commits numbered edits and says the number of each that was acknowledged; it is killed without warning somewhere on the way, and the
//! file it leaves is opened. The next child goes on with the same file, so that what recovery made is killed, too.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod world;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use secgroup_ec2::invariants;
use secgroup_store::Store;

use world::Dice;

/// Where a child finds its store.
const STORE: &str = "SECGROUP_STORE_TO_CRASH";
/// What stands before the number of an edit that was acknowledged.
const ACKNOWLEDGED: &str = "acknowledged ";
/// How often a child is killed.
const ROUNDS: u64 = 30;
/// A new file is begun after so many rounds.
const ROUNDS_PER_FILE: u64 = 6;
/// A child is killed before it has made more than this many edits.
const EDITS_MAX: u64 = 25;
/// Edits that a child makes that nobody kills: it ends then.
const PATIENCE: u64 = 10_000;

/// Run by the other test, with a store in the environment.
#[test]
#[ignore = "the child of the other test"]
fn child() {
    let path = std::env::var_os(STORE).expect("the parent names a store");
    let (store, state) = Store::open(path.as_ref()).unwrap();
    let mut state = state.unwrap_or_default();
    let mut out = std::io::stdout().lock();
    // The test harness wrote something without a line break.
    writeln!(out).unwrap();
    let first = world::last(&state) + 1;
    for number in first..first + PATIENCE {
        let changes = world::edit(&mut state, number);
        store.commit(&state, &changes).unwrap();
        writeln!(out, "{ACKNOWLEDGED}{number}").unwrap();
        out.flush().unwrap();
    }
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let mut dice = Dice::fresh();
    let mut unacknowledged = 0;
    let mut before = 0;
    for round in 0..ROUNDS {
        let path = folder
            .path()
            .join(format!("{}.redb", round / ROUNDS_PER_FILE));
        if round % ROUNDS_PER_FILE == 0 {
            before = 0;
        }
        let acknowledged = run_and_kill(&path, &mut dice).unwrap_or(before);
        let (_, state) = Store::open(&path).unwrap();
        let state = state.unwrap_or_default();
        let found = world::last(&state);
        assert!(
            found == acknowledged || found == acknowledged + 1,
            "round {round}: {acknowledged} were acknowledged, {found} found"
        );
        assert_eq!(invariants::check(&state), [""; 0], "round {round}");
        assert_eq!(state, world::after(found), "round {round}");
        unacknowledged += found - acknowledged;
        before = found;
    }
    println!("{unacknowledged} of {ROUNDS} kills came between a commit and its answer");
}

/// Runs a child and kills it somewhere; answers with the last number that it acknowledged, if any.
fn run_and_kill(path: &Path, dice: &mut Dice) -> Option<u64> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["child", "--exact", "--ignored", "--nocapture"])
        .env(STORE, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let number = |line: String| line.strip_prefix(ACKNOWLEDGED)?.parse().ok();
    let wanted = dice.below(EDITS_MAX);
    let mut acknowledged = None;
    let mut count = 0;
    while count < wanted {
        let line = lines.next().expect("the child goes on").unwrap();
        if let Some(number) = number(line) {
            acknowledged = Some(number);
            count += 1;
        }
    }
    // Anywhere within the next edits: this waits for nothing.
    std::thread::sleep(Duration::from_micros(dice.below(5_000)));
    child.kill().unwrap();
    child.wait().unwrap();
    // A line that was cut off was not heard by anybody.
    let rest = lines.map_while(Result::ok).filter_map(number);
    rest.last().or(acknowledged)
}
