//! The way from `/` to a file, step by step, as the kernel goes it: symbolic links lead on from where they
//! lie, and `..` leads up from where one *is*, not from where one came.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

/// Symbolic links that are followed on one way (Linux: `MAXSYMLINKS`).
pub(crate) const LINKS_MAX: u32 = 40;

/// A way that is being gone. Whoever goes it looks at each step, and says whether it is entered or is a link.
#[derive(Debug)]
pub(crate) struct Way {
    at: PathBuf,
    ahead: VecDeque<OsString>,
    links: u32,
}

impl Way {
    /// The way to `path`, which is absolute, at its beginning.
    pub(crate) fn to(path: &Path) -> Self {
        Self {
            at: PathBuf::from("/"),
            ahead: names(path).collect(),
            links: 0,
        }
    }

    /// The folder that has been reached; at the end, the file.
    pub(crate) fn at(&self) -> &Path {
        &self.at
    }

    /// Whether there is nothing ahead.
    pub(crate) fn is_at_end(&self) -> bool {
        self.ahead.is_empty()
    }

    /// The next step: a name in the folder that has been reached. `None` at the end.
    pub(crate) fn step(&mut self) -> Option<OsString> {
        loop {
            let name = self.ahead.pop_front()?;
            if name != ".." {
                return Some(name);
            }
            self.at.pop();
        }
    }

    /// Goes on into what is no link.
    pub(crate) fn enter(&mut self, name: OsString) {
        self.at.push(name);
    }

    /// Goes on to where a link leads; `false` where these are too many.
    #[must_use]
    pub(crate) fn follow(&mut self, target: &Path) -> bool {
        self.links += 1;
        if target.is_absolute() {
            self.at = PathBuf::from("/");
        }
        for (place, name) in names(target).enumerate() {
            self.ahead.insert(place, name);
        }
        self.links <= LINKS_MAX
    }
}

fn names(path: &Path) -> impl Iterator<Item = OsString> {
    path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsString::from("..")),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    })
}
