//! secgroup's side of `scripts/compare/run`, and the questions for the others' sides.
//!
//! ```text
//! sides rules COUNT FOLDER       COUNT rules and what is asked of them, as dpdk-test-acl reads them, and the answers
//! sides match COUNT              the rule match, in bursts and one at a time
//! sides keys COUNT FOLDER        COUNT connections and the order in which their packets come, as rte_hash.c reads them
//! sides look-up COUNT            the connection table, in bursts and one at a time
//! sides capture PACKETS FOLDER   a capture, a policy, and filters that say the same to tcpdump
//! ```
//!
//! What is measured is one JSON object on standard output: nanoseconds a packet by what was measured. The answers are
//! compared with those of a reference first. A run is one sample; the script runs it again and again, in turn with the others.

mod capture;
mod connections;
mod matching;

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Nanoseconds a packet, by what was measured.
type Figures = BTreeMap<&'static str, f64>;

/// How long each figure is measured: many times what the kernel's scheduler gives to others in between.
const ENOUGH: Duration = Duration::from_millis(300);

/// Packets in a burst.
const BURST: usize = 32;

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args().skip(1).collect();
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    if let Err(error) = answer(&words) {
        eprintln!("sides: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn answer(words: &[&str]) -> Result<(), Box<dyn Error>> {
    let number = |word: &str| match word.parse::<usize>() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!("'{word}' is no number above 0")),
    };
    match words {
        ["rules", count, folder] => matching::write(number(count)?, Path::new(folder))?,
        ["match", count] => print(&matching::measure(number(count)?))?,
        ["keys", count, folder] => connections::write(number(count)?, Path::new(folder))?,
        ["look-up", count] => print(&connections::measure(number(count)?))?,
        ["capture", packets, folder] => capture::write(number(packets)?, Path::new(folder))?,
        _ => {
            return Err(
                "usage: sides rules|keys|capture COUNT FOLDER, sides match|look-up COUNT".into(),
            );
        }
    }
    Ok(())
}

fn print(figures: &Figures) -> Result<(), serde_json::Error> {
    println!("{}", serde_json::to_string(figures)?);
    Ok(())
}

/// Nanoseconds an item: the mean of passes over all `items`, after one that warms the caches.
fn nanoseconds(items: usize, mut pass: impl FnMut()) -> f64 {
    pass();
    let (start, mut passes) = (Instant::now(), 0_u32);
    while start.elapsed() < ENOUGH {
        pass();
        passes += 1;
    }
    start.elapsed().as_nanos() as f64 / (f64::from(passes) * items as f64)
}
