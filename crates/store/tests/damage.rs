//! Whatever a disk makes of the file: a clear error or a state that was there, and never a panic.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod world;

use std::fs;
use std::path::Path;

use secgroup_store::{Store, StoreError};

use world::Dice;

/// Edits that the file has.
const EDITS: u64 = 20;
/// Damaged copies of it.
const COPIES: u64 = 300;

#[test]
fn a_damaged_file_is_an_error_or_an_intact_state() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.redb");
    drop(world::store(&path, EDITS));
    let sound = fs::read(&path).unwrap();
    let mut dice = Dice::fresh();
    let (mut refused, mut intact, mut older) = (0, 0, 0);
    for copy in 0..COPIES {
        let mut bytes = sound.clone();
        let what = damage(&mut bytes, &mut dice);
        fs::write(&path, &bytes).unwrap();
        match Store::open(&path) {
            Ok((_, state)) => {
                let state = state.unwrap_or_default();
                let found = world::last(&state);
                assert_eq!(state, world::after(found), "copy {copy}: {what}");
                if found == EDITS {
                    intact += 1;
                } else {
                    older += 1;
                }
            }
            Err(error) => {
                assert_is_clear(&error, &path, &what);
                refused += 1;
            }
        }
    }
    println!("{refused} refused, {intact} intact, {older} older, of {COPIES}");
    assert!(refused > 0 && intact > 0);
}

/// The error names the file and what is to be done.
fn assert_is_clear(error: &StoreError, path: &Path, what: &str) {
    let text = error.to_string();
    assert!(text.contains(&*path.to_string_lossy()), "{what}: {text}");
    assert!(
        matches!(error, StoreError::Damaged { .. } | StoreError::Newer { .. }),
        "{what}: {text}"
    );
    assert!(!text.contains('\n'), "{what}: {text}");
}

/// Spoils some bytes, and says how.
fn damage(bytes: &mut Vec<u8>, dice: &mut Dice) -> String {
    let length = bytes.len() as u64;
    let place = |dice: &mut Dice| usize::try_from(dice.below(length)).unwrap();
    match dice.below(5) {
        0 => {
            let end = place(dice);
            bytes.truncate(end);
            format!("cut at {end}")
        }
        1 => {
            // Where everything begins.
            let at = usize::try_from(dice.below(512)).unwrap();
            bytes[at] ^= 1 << dice.below(8);
            format!("bit of the header, byte {at}")
        }
        2 => {
            let start = place(dice) & !511;
            let end = bytes.len().min(start + 512);
            bytes[start..end].fill(0);
            format!("zeros from {start} to {end}")
        }
        3 => {
            let (from, to) = (place(dice) & !4095, place(dice) & !4095);
            let end = bytes.len().min(from + 4096);
            let page = bytes[from..end].to_vec();
            let end = bytes.len().min(to + page.len());
            let length = end - to;
            bytes[to..end].copy_from_slice(&page[..length]);
            format!("page {from} also at {to}")
        }
        _ => {
            let at = place(dice);
            bytes[at] ^= 1 << dice.below(8);
            format!("bit of byte {at}")
        }
    }
}

#[test]
fn what_is_no_store_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.redb");
    for content in ["", "hello", &"\0".repeat(1 << 20)] {
        fs::write(&path, content).unwrap();
        let error = Store::open(&path).unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
        assert_eq!(
            fs::read(&path).unwrap(),
            content.as_bytes(),
            "it is left alone"
        );
    }
}
