//! The captures one after the other, in blocks. One worker reads at a time: whichever has nothing better to do.

use std::path::PathBuf;
use std::sync::Arc;

use secgroup_io::Capture;

use crate::captures::Ended;
use crate::parallel::block::Block;

/// Reads blocks and numbers them.
pub(super) struct Captures {
    paths: std::vec::IntoIter<PathBuf>,
    /// Whether packets say of which capture they are.
    are_several: bool,
    current: Option<(Capture, Option<Arc<str>>)>,
    /// Captures that ended since the last block.
    ended: Vec<Ended>,
    bytes_before: u64,
    next: u64,
    is_done: bool,
    block_len: usize,
}

impl Captures {
    pub(super) fn new(paths: Vec<PathBuf>, block_len: usize) -> Self {
        Self {
            are_several: paths.len() > 1,
            paths: paths.into_iter(),
            current: None,
            ended: Vec::new(),
            bytes_before: 0,
            next: 0,
            is_done: false,
            block_len,
        }
    }

    /// Fills `block`, which is fresh; `false` where the last one was filled before. The last one has no records.
    pub(super) fn read(&mut self, block: &mut Block, stop: bool) -> bool {
        if self.is_done {
            return false;
        }
        block.is_last = stop || !self.fill(block);
        self.is_done = block.is_last;
        block.sequence = self.next;
        self.next += 1;
        std::mem::swap(&mut block.ended, &mut self.ended);
        true
    }

    /// The next records, of whichever capture; `false` where there are none any more.
    fn fill(&mut self, block: &mut Block) -> bool {
        loop {
            let Some((capture, label)) = &mut self.current else {
                match self.paths.next() {
                    Some(path) => self.open(&path),
                    None => return false,
                }
                continue;
            };
            let error = match capture.next_block(&mut block.records) {
                Ok(true) => {
                    block.label.clone_from(label);
                    block.bytes_read = self.bytes_before + capture.bytes_read();
                    return true;
                }
                Ok(false) => None,
                Err(error) => Some(error),
            };
            self.ended.push(Ended::read(capture, error.as_ref()));
            self.bytes_before += capture.bytes_read();
            self.current = None;
        }
    }

    fn open(&mut self, path: &std::path::Path) {
        match Capture::open_by(path, self.block_len) {
            Ok(capture) => {
                let label = self.are_several.then(|| Arc::from(capture.name()));
                self.current = Some((capture, label));
            }
            Err(error) => self.ended.push(Ended::unread(path, &error)),
        }
    }
}
