//! How many packets a queue has lost.
//!
//! The kernel counts them in `/proc/net/netfilter/nfnetlink_queue`, by queue, from the moment a program
//! opens it: packets that found the queue full, and packets whose message found the receive buffer
//! full. The file is that of the network namespace in which it was opened, so it is opened with the queue and kept.
//!
//! Only root may read it. For everybody else, gaps in the packets' numbers show the second kind; the
//! first is invisible then.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// The file, in the namespace of the calling thread.
const FILE: &str = "/proc/thread-self/net/netfilter/nfnetlink_queue";

/// Most bytes of the file that are read: a line of 60 for each of 65536 queues.
const MAX_FILE_LEN: usize = 4 * 1024 * 1024;

/// Counts what a queue has lost.
#[derive(Debug)]
pub(super) struct Drops {
    queue: u16,
    file: Option<File>,
    /// The number that the next packet should have; none before the first.
    next: Option<u32>,
    /// Numbers that did not come.
    missing: u64,
    /// What was said last.
    known: u64,
}

impl Drops {
    /// Counts for `queue` of the calling thread's network namespace.
    pub(super) fn new(queue: u16) -> Self {
        Self {
            queue,
            file: File::open(FILE).ok(),
            next: None,
            missing: 0,
            known: 0,
        }
    }

    /// A packet came.
    pub(super) fn saw(&mut self, id: u32) {
        if let Some(next) = self.next {
            self.missing += u64::from(id.wrapping_sub(next));
        }
        self.next = Some(id.wrapping_add(1));
    }

    /// All so far; never falls.
    pub(super) fn count(&mut self) -> u64 {
        let counted = self.file.as_ref().and_then(|file| {
            let text = read(file).ok()?;
            of_queue(&text, self.queue)
        });
        self.known = self.known.max(counted.unwrap_or(0)).max(self.missing);
        self.known
    }
}

/// The whole file as it is now.
fn read(file: &File) -> io::Result<String> {
    let mut text = Vec::new();
    let mut part = [0; 4096];
    while text.len() < MAX_FILE_LEN {
        let len = file.read_at(&mut part, text.len() as u64)?;
        let Some(read @ [_, ..]) = part.get(..len) else {
            break;
        };
        text.extend(read);
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// What `queue` has lost: a line is number, port, waiting, copy mode, copy range, dropped by the queue,
/// dropped on the way to the program, last packet number, 1.
fn of_queue(text: &str, queue: u16) -> Option<u64> {
    text.lines().find_map(|line| {
        let mut fields = line.split_whitespace().map(str::parse::<u64>);
        if fields.next()?.ok()? != u64::from(queue) {
            return None;
        }
        let by_queue = fields.nth(4)?.ok()?;
        let on_the_way = fields.next()?.ok()?;
        Some(by_queue + on_the_way)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "    3  31622     0 2   256     0     0        7  1\n   12 4026532 9 2 256 5 8 99 1\n";

    #[test]
    fn the_line_of_the_queue_is_found_among_others() {
        assert_eq!(of_queue(TEXT, 3), Some(0));
        assert_eq!(of_queue(TEXT, 12), Some(13));
        assert_eq!(of_queue(TEXT, 1), None);
        assert_eq!(of_queue("12 1 2\nwhat is this\n\n", 12), None);
    }

    #[test]
    fn gaps_in_the_numbers_are_losses() {
        let mut drops = Drops {
            file: None,
            ..Drops::new(0)
        };
        for id in [5, 6, 9, u32::MAX - 1, 1] {
            drops.saw(id);
        }
        assert_eq!(drops.count(), 2 + u64::from(u32::MAX - 1 - 10) + 2);
    }
}
