use crossbeam_channel::bounded;
use secgroup_testkit::wait::PATIENCE;

use super::*;

const MASK: u32 = 0xffff_0000;

struct Office {
    desk: Arc<Desk>,
    mark: CurrentFlowMark,
}

impl Office {
    fn new() -> Self {
        let mark = CurrentFlowMark::default();
        let desk = Arc::new(Desk::new(mark.clone(), bounded(1).0));
        Self { desk, mark }
    }

    /// A wish that was read and carried out, and from then on carries flows until this time.
    fn carrying(&self, until: SystemTime) {
        let change = Desk::ask(&self.desk, Vec::new());
        let wish = self.desk.next(None);
        self.desk.done(&wish, some_mark(), Some(until));
        assert_eq!(change.is_over(), Some(Vec::new()));
        assert_eq!(self.mark.get(), some_mark());
    }
}

fn some_mark() -> Option<FlowMark> {
    FlowMark::fresh(MASK)
        .ok()
        .filter(|mark| mark.mask() == MASK)
}

fn held(passes: bool) -> Trouble {
    Trouble {
        text: "somebody holds the lock".to_owned(),
        passes,
    }
}

fn seconds_from_now(seconds: u64) -> SystemTime {
    SystemTime::now() + Duration::from_secs(seconds)
}

#[test]
fn the_last_wish_is_all_that_is_read() {
    let Office { desk, .. } = Office::new();
    let changes = [1_u16, 2, 3].map(|queue| {
        let route = QueueRoute {
            devices: vec!["eth0".to_owned()],
            queues: queue..=queue,
        };
        Desk::ask(&desk, vec![route])
    });
    let wish = desk.next(None);
    assert_eq!((wish.number, *wish.routes[0].queues.start()), (3, 3));
    assert!(changes.iter().all(|change| change.is_over().is_none()));
    desk.done(&wish, None, None);
    assert!(changes.iter().all(|change| change.is_over().is_some()));
}

#[test]
fn no_flow_is_marked_from_a_wish_on_until_it_is_carried_out() {
    let office = Office::new();
    office.carrying(seconds_from_now(60));
    let first = Desk::ask_again(&office.desk);
    assert_eq!(office.mark.get(), None);
    let wish = office.desk.next(None);
    let second = Desk::ask_again(&office.desk);
    // The first is in force, and the second meant another generation than this.
    office.desk.done(&wish, some_mark(), None);
    assert_eq!(
        (first.is_over(), second.is_over()),
        (Some(Vec::new()), None)
    );
    assert_eq!(office.mark.get(), None);
    office.desk.done(&office.desk.next(None), some_mark(), None);
    assert_eq!(office.mark.get(), some_mark());
}

/// The promise: what is acknowledged is true, whatever the rules are.
#[test]
fn what_fails_is_over_when_nothing_is_carried_any_more() {
    let office = Office::new();
    for (carried, over) in [
        (seconds_from_now(60), false),
        (seconds_from_now(0) - 5 * A_SECOND, true),
    ] {
        office.carrying(carried);
        let change = Desk::ask_again(&office.desk);
        assert_eq!(change.is_over(), None, "it was not even tried");
        let wish = office.desk.next(None);
        office.desk.failed(&wish, held(true));
        let said = over.then(|| vec![held(true).text]);
        assert_eq!(change.is_over(), said);
        assert_eq!(change.wait(Duration::ZERO).is_ok(), over);
        assert_eq!(office.mark.get(), None);
        assert_eq!(office.desk.trouble(), Some(held(true).text));
    }
    office.carrying(seconds_from_now(60));
    assert_eq!(office.desk.trouble(), None);
}

#[test]
fn the_start_waits_for_what_passes_and_for_nothing_else() {
    let Office { desk, .. } = Office::new();
    let change = Desk::ask(&desk, Vec::new());
    let wish = desk.next(None);
    desk.failed(&wish, held(false));
    assert_eq!(change.carried_out(PATIENCE), Err(held(false).text));
    desk.failed(&wish, held(true));
    assert_eq!(change.carried_out(Duration::ZERO), Err(held(true).text));
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| change.carried_out(PATIENCE));
        desk.done(&wish, None, None);
        assert_eq!(waits.join().unwrap(), Ok(()));
    });
}

#[test]
fn a_keeper_reads_a_wish_again_when_it_is_due() {
    let Office { desk, .. } = Office::new();
    let _ = Desk::ask(&desk, Vec::new());
    let wish = desk.next(None);
    desk.failed(&wish, held(true));
    assert_eq!(desk.next(Some(Instant::now())).number, wish.number);
    std::thread::scope(|scope| {
        let reads = scope.spawn(|| desk.next(None).end);
        let _ = Desk::ask_to_end(&desk);
        assert!(reads.join().unwrap());
    });
}
