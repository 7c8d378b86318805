//! Between those who want rules changed and the keeper who does it: one sheet of paper, not a queue.
//!
//! What is wanted last is all that counts, so there is nothing that could grow, and who asks ten times while the keeper waits for a lock causes one
//! change. Wishes are numbered, and rules that are in force carry out all wishes up to a number.
//!
//! # What is promised
//!
//! A [`Change`] is over when no packet passes any more but by what was wanted: either the rules are in force; or they could not be changed,
//! which is a warning, and by now nothing is carried any more of what was marked before the wish. Rules say themselves until
//! when they carry anything, so this comes to pass whatever happens to the keeper.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use crossbeam_channel::Sender;
use secgroup_io::live::host_rules::QueueRoute;
use secgroup_io::live::nfqueue::{CurrentFlowMark, FlowMark};
use tracing::warn;

/// How often whoever waits looks at the clock of the host, which people may set.
const LOOK: Duration = Duration::from_millis(200);

/// A moment after the last second in which rules carry anything.
const A_SECOND: Duration = Duration::from_secs(1);

/// Where wishes and answers lie.
#[derive(Debug)]
pub(super) struct Desk {
    sheet: Mutex<Sheet>,
    changed: Condvar,
    tell: Sender<()>,
    mark: CurrentFlowMark,
}

#[derive(Debug, Default)]
struct Sheet {
    /// The number of the last wish.
    wanted: u64,
    routes: Vec<QueueRoute>,
    /// All rules are to be taken out, and the keeper is to go.
    end: bool,
    /// The wish that was carried out last.
    done: u64,
    /// The wish that was tried last, whether it succeeded or not.
    tried: u64,
    /// Until when rules that may be there carry flows.
    carried_until: Option<SystemTime>,
    trouble: Option<Trouble>,
}

/// Why rules are not as they are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    /// In one line.
    pub(super) text: String,
    /// Another program is changing rules just now.
    pub(super) passes: bool,
}

/// A wish, as the keeper reads it.
#[derive(Debug, Clone)]
pub(super) struct Wish {
    pub(super) number: u64,
    pub(super) routes: Vec<QueueRoute>,
    pub(super) end: bool,
}

impl Sheet {
    fn why(&self) -> Option<String> {
        self.trouble.as_ref().map(|trouble| trouble.text.clone())
    }
}

impl Desk {
    /// Somebody is told through `tell` whenever wishes were tried.
    pub(super) fn new(mark: CurrentFlowMark, tell: Sender<()>) -> Self {
        Self {
            tell,
            sheet: Mutex::default(),
            changed: Condvar::new(),
            mark,
        }
    }

    /// Wants these routes, and every flow back.
    pub(super) fn ask(this: &Arc<Self>, routes: Vec<QueueRoute>) -> Change {
        Self::wish(this, |sheet| sheet.routes = routes)
    }

    /// Wants every flow back.
    pub(super) fn ask_again(this: &Arc<Self>) -> Change {
        Self::wish(this, |_| {})
    }

    /// Wants all rules gone.
    pub(super) fn ask_to_end(this: &Arc<Self>) -> Change {
        Self::wish(this, |sheet| sheet.end = true)
    }

    fn wish(this: &Arc<Self>, write: impl FnOnce(&mut Sheet)) -> Change {
        let mut sheet = this.sheet();
        write(&mut sheet);
        sheet.wanted += 1;
        // From here on flows are accepted packet by packet; the keeper says with which mark again.
        this.mark.set(None);
        this.changed.notify_all();
        Change(Ok(Pending {
            number: sheet.wanted,
            carried_until: sheet.carried_until,
            desk: Arc::clone(this),
        }))
    }

    /// What is wrong, if anything.
    pub(super) fn trouble(&self) -> Option<String> {
        self.sheet().why()
    }

    /// The next thing to do: a new wish, or the one that is there again once it is `due`.
    pub(super) fn next(&self, due: Option<Instant>) -> Wish {
        let mut sheet = self.sheet();
        while sheet.tried == sheet.wanted && due.is_none_or(|due| Instant::now() < due) {
            sheet = match due {
                None => self
                    .changed
                    .wait(sheet)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(due) => {
                    let left = due.saturating_duration_since(Instant::now());
                    let waited = self.changed.wait_timeout(sheet, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        Wish {
            number: sheet.wanted,
            routes: sheet.routes.clone(),
            end: sheet.end,
        }
    }

    /// Rules are as wanted: flows may be given this mark, and are carried until then.
    pub(super) fn done(&self, wish: &Wish, mark: Option<FlowMark>, until: Option<SystemTime>) {
        let mut sheet = self.sheet();
        (sheet.done, sheet.tried) = (wish.number, wish.number);
        (sheet.trouble, sheet.carried_until) = (None, None);
        // What was wanted meanwhile is for another generation.
        if sheet.wanted == wish.number {
            sheet.carried_until = until;
            self.mark.set(mark);
        }
        self.tell();
    }

    /// Rules could not be changed. Those that are there stay, and no flow is given a mark.
    pub(super) fn failed(&self, wish: &Wish, trouble: Trouble) {
        let mut sheet = self.sheet();
        sheet.tried = wish.number;
        self.mark.set(None);
        // It is tried again and again, and told once.
        if sheet.trouble.as_ref() != Some(&trouble) {
            warn!("{}", trouble.text);
            sheet.trouble = Some(trouble);
        }
        self.tell();
    }

    fn tell(&self) {
        self.changed.notify_all();
        // Who has not looked yet will.
        let _ = self.tell.try_send(());
    }

    fn sheet(&self) -> MutexGuard<'_, Sheet> {
        self.sheet.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A change of the rules that was asked for.
#[derive(Debug, Clone)]
#[must_use = "what was asked for is not in force yet"]
pub(in super::super) struct Change(Result<Pending, Result<(), String>>);

#[derive(Debug, Clone)]
struct Pending {
    number: u64,
    /// Until when anything is carried that was marked before.
    carried_until: Option<SystemTime>,
    desk: Arc<Desk>,
}

impl Change {
    /// Nothing has to be changed.
    pub(in super::super) const fn nothing() -> Self {
        Self(Err(Ok(())))
    }

    /// Nothing can be changed.
    pub(super) const fn failed(why: String) -> Self {
        Self(Err(Err(why)))
    }

    /// What there is to say once no packet passes any more but by what was wanted; mostly nothing.
    pub(in super::super) fn is_over(&self) -> Option<Vec<String>> {
        match &self.0 {
            Ok(pending) => pending.is_over(&pending.desk.sheet()),
            Err(said) => Some(said.clone().err().into_iter().collect()),
        }
    }

    /// Waits until it [is over](Self::is_over), but not longer than this.
    ///
    /// # Errors
    /// In one line, why it is not.
    pub(in super::super) fn wait(&self, patience: Duration) -> Result<(), String> {
        self.wait_for(patience, |pending, sheet| {
            pending.is_over(sheet).map(|_| Ok(()))
        })
    }

    /// Waits until it was carried out: that nothing is carried any more is not enough. What cannot pass by itself is not waited for.
    ///
    /// # Errors
    /// In one line, what went wrong.
    pub(super) fn carried_out(&self, patience: Duration) -> Result<(), String> {
        self.wait_for(patience, |pending, sheet| {
            let last = sheet.trouble.as_ref().filter(|trouble| !trouble.passes);
            match last {
                _ if sheet.done >= pending.number => Some(Ok(())),
                Some(trouble) if sheet.tried >= pending.number => Some(Err(trouble.text.clone())),
                _ => None,
            }
        })
    }

    fn wait_for(
        &self,
        patience: Duration,
        over: impl Fn(&Pending, &Sheet) -> Option<Result<(), String>>,
    ) -> Result<(), String> {
        let pending = match &self.0 {
            Ok(pending) => pending,
            Err(said) => return said.clone(),
        };
        let deadline = Instant::now() + patience;
        let desk = &pending.desk;
        let mut sheet = desk.sheet();
        loop {
            if let Some(said) = over(pending, &sheet) {
                return said;
            }
            if Instant::now() >= deadline {
                let not_yet = || "the program that changes them did not come to an end".to_owned();
                return Err(sheet.why().unwrap_or_else(not_yet));
            }
            let waited = desk.changed.wait_timeout(sheet, LOOK);
            sheet = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Pending {
    fn is_over(&self, sheet: &Sheet) -> Option<Vec<String>> {
        if sheet.done >= self.number {
            return Some(Vec::new());
        }
        let carries = |until: SystemTime| SystemTime::now() <= until + A_SECOND;
        if sheet.tried < self.number || self.carried_until.is_some_and(carries) {
            return None;
        }
        Some(sheet.why().into_iter().collect())
    }
}

#[cfg(test)]
mod tests;
