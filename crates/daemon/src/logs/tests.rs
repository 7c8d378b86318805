use std::io::Write;
use std::sync::{Arc, Mutex};

use rustix::fs::fstat;
use tracing_subscriber::fmt::MakeWriter;

use super::*;

/// Where lines go, for a test to read.
#[derive(Debug, Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(text)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Page {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[test]
fn the_journal_gets_importance_and_no_time() {
    let page = Page::default();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(page.clone())
        .with_env_filter(filter("info").unwrap())
        .event_format(ForJournal::new())
        .finish();
    tracing::subscriber::with_default(subscriber, || {
        tracing::error!("no policy");
        tracing::warn!(interface = "web", "ring full");
        tracing::info!("ready");
        tracing::debug!("not asked for");
    });
    let text = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
    assert_eq!(
        text,
        "<3>no policy\n<4>ring full interface=\"web\"\n<6>ready\n"
    );
}

#[test]
fn the_journal_is_known_by_its_inode() {
    let stderr = fstat(io::stderr()).unwrap();
    let (device, inode) = (stderr.st_dev, stderr.st_ino);
    assert!(is_journal(Some(&format!("{device}:{inode}"))));
    for other in [
        None,
        Some(""),
        Some("8"),
        Some("a:b"),
        Some(&*format!("{device}:{}", inode + 1)),
    ] {
        assert!(!is_journal(other), "{other:?}");
    }
}

#[test]
fn levels_are_read_or_explained() {
    for level in ["error", "debug", "info,secgroup_runtime=trace"] {
        assert!(filter(level).is_ok(), "{level}");
    }
    for level in ["loud", "info,secgroup=loud"] {
        let error = filter(level).unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("'{level}' is no log level")),
            "{error}"
        );
    }
}

#[test]
fn a_throttle_lets_a_burst_through_and_then_some_a_second() {
    let mut throttle = Throttle::new(3, Duration::from_secs(10));
    let mut at = |seconds| throttle.admit(Timestamp::from_secs(seconds));
    assert_eq!([at(100), at(100), at(101)], [Some(0); 3]);
    assert_eq!([at(101), at(105)], [None; 2]);
    // The first token is back ten seconds after it went, and the line says what was left out.
    assert_eq!(at(110), Some(2));
    assert_eq!(at(110), None);
    assert_eq!(
        [at(1000), at(1000), at(1000), at(1000)],
        [Some(1), Some(0), Some(0), None]
    );
}

#[test]
fn a_clock_that_goes_back_silences_nobody_for_long() {
    let mut throttle = Throttle::new(1, Duration::from_secs(1));
    assert_eq!(throttle.admit(Timestamp::from_secs(1_000_000)), Some(0));
    assert_eq!(throttle.admit(Timestamp::from_secs(10)), None);
    let later = (10..13).filter_map(|second| throttle.admit(Timestamp::from_secs(second)));
    assert!(later.count() > 0);
}
