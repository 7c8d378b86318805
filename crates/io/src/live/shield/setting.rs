//! A setting of the kernel that is changed for a while.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;

/// Longest value that is remembered, in bytes; these are single numbers.
const VALUE_MAX: usize = 32;

/// What a setting was before; set again when this is dropped.
///
/// The file stays open, for a path would mean another device in another namespace, or after a change of name.
#[derive(Debug)]
pub(super) struct Setting {
    file: File,
    before: Vec<u8>,
}

impl Setting {
    /// Makes a setting below `net/` in the namespace of this thread, written `ipv6/conf/eth0/disable_ipv6=1`. `None` where there is nothing
    /// to undo: it was so already, or the kernel knows no such thing.
    pub(super) fn set(setting: &str) -> io::Result<Option<Self>> {
        let (path, value) = setting.split_once('=').unwrap_or((setting, ""));
        let path = format!("/proc/sys/net/{path}");
        let file = match OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut before = vec![0; VALUE_MAX];
        let len = file.read_at(&mut before, 0)?;
        before.truncate(len);
        if before.trim_ascii() == value.as_bytes() {
            return Ok(None);
        }
        file.write_at(value.as_bytes(), 0)?;
        Ok(Some(Self { file, before }))
    }
}

impl Drop for Setting {
    fn drop(&mut self) {
        // Where it fails the device is gone, or we may no longer: nothing is left to do.
        let _ = self.file.write_at(&self.before, 0);
    }
}
