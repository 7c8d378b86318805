//! Who follows connections, and what becomes of one who does not keep up.

use secgroup_daemon::control::{BEHIND_MAX, Followers, Following};
use secgroup_daemon::protocol::{FlowEvent, FlowQuery};

use crate::fake::{connection, line};

/// A connection to this port opens; whether an event was made of it.
fn tell(followers: &Followers, port: u16) -> bool {
    let connection = connection(port);
    let mut made = false;
    followers.tell(&connection, &["web"], || {
        made = true;
        let flow = line(&connection);
        FlowEvent::Opened { flow }
    });
    made
}

#[test]
fn each_gets_what_he_asked_for() {
    let followers = Followers::default();
    assert!(!tell(&followers, 22), "an event was made for nobody");
    let all = followers.add(FlowQuery::default());
    let ssh = followers.add(FlowQuery {
        port: Some(22),
        ..FlowQuery::default()
    });
    assert!(tell(&followers, 22) && tell(&followers, 443));
    let ports = |following: &Following| {
        let events = following.events().try_iter();
        let ports = events.map(|event| event.flow().local_port);
        ports.flatten().collect::<Vec<_>>()
    };
    assert_eq!(ports(&all), [22, 443]);
    assert_eq!(ports(&ssh), [22]);
    drop(all);
    assert!(!tell(&followers, 443));
    assert!(!followers.is_empty());
    drop(ssh);
    assert!(followers.is_empty());
}

#[test]
fn who_does_not_keep_up_is_cut_off() {
    let followers = Followers::default();
    let slow = followers.add(FlowQuery::default());
    for _ in 0..=BEHIND_MAX {
        assert!(tell(&followers, 22));
    }
    assert!(followers.is_empty());
    // What was queued can still be read; then the channel says that it was cut.
    assert_eq!(slow.events().iter().count(), BEHIND_MAX);
}
