//! What is said about devices, against what `ip` made of them.

use std::net::IpAddr;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use secgroup_io::live::device::{Change, Device, DeviceWatch, Framing};
use secgroup_testkit::netns::{self, Namespace, veth};
use secgroup_testkit::wait;

use crate::support::silent;

fn find(host: &Namespace, name: &str) -> Option<Device> {
    host.enter(|| Device::find(name).expect("the kernel answers"))
}

#[test]
fn a_device_is_what_was_made() {
    if netns::skip("a_device_is_what_was_made") {
        return;
    }
    let host = Namespace::new("host");
    host.ip("link add cable address 02:00:00:00:00:09 mtu 1400 type veth peer name other");
    let device = find(&host, "cable").unwrap();
    assert_eq!((device.name.as_str(), device.mtu), ("cable", 1400));
    assert_eq!(device.mac.unwrap().0, [2, 0, 0, 0, 0, 9]);
    assert_eq!(device.kind.as_deref(), Some("veth"));
    assert_eq!(device.framing, Framing::Ethernet);
    assert!(!device.is_up && !device.has_carrier);
    assert_eq!((device.master, device.addresses), (None, vec![]));

    host.ip("link add switch type bridge");
    host.ip("link set cable master switch");
    host.ip("link set cable up");
    host.ip("link set other up");
    host.ip("addr add 192.0.2.1/24 dev cable");
    host.ip("addr add 2001:db8::1/64 dev cable nodad");
    host.ip("addr add 192.0.2.9/24 dev other");
    let device = find(&host, "cable").unwrap();
    assert!(device.is_up && device.has_carrier);
    assert_eq!(device.master.as_deref(), Some("switch"));
    let has = |text: &str| device.addresses.contains(&text.parse::<IpAddr>().unwrap());
    assert!(has("192.0.2.1") && has("2001:db8::1") && !has("192.0.2.9"));

    host.ip("tuntap add tunnel mode tun");
    let tunnel = find(&host, "tunnel").unwrap();
    assert_eq!(
        (tunnel.kind.as_deref(), tunnel.framing),
        (Some("tun"), Framing::RawIp)
    );
    assert_eq!(tunnel.mac, None);
}

#[test]
fn a_device_that_is_not_there_is_none() {
    if netns::skip("a_device_that_is_not_there_is_none") {
        return;
    }
    let host = Namespace::new("host");
    for name in [
        "nowhere",
        "",
        "a-name-that-no-device-can-have",
        "with space",
    ] {
        assert_eq!(find(&host, name), None, "{name}");
    }
}

/// What is told until `last` is, which comes within reason.
fn told(watch: &mut DeviceWatch, last: (&str, Change)) -> Vec<(String, Change)> {
    let mut all = Vec::new();
    wait::until("the last change", || {
        for change in watch.changes().expect("the kernel answers") {
            all.push((change.name, change.what));
        }
        all.iter()
            .any(|(name, what)| (name.as_str(), *what) == last)
            .then_some(())
    });
    all
}

#[test]
fn what_becomes_of_a_device_is_told() {
    if netns::skip("what_becomes_of_a_device_is_told") {
        return;
    }
    let (host, other) = (silent("host"), silent("other"));
    veth((&host, "old"), (&other, "eth0"));
    let mut watch = host.enter(|| DeviceWatch::open().unwrap());
    assert_eq!(watch.changes().unwrap(), [], "what was there is no news");
    let readable = |watch: &DeviceWatch| {
        let now = Timespec::default();
        poll(
            &mut [PollFd::from_borrowed_fd(watch.fd(), PollFlags::IN)],
            Some(&now),
        )
        .unwrap()
            > 0
    };
    assert!(!readable(&watch));

    veth((&host, "new"), (&other, "eth1"));
    assert!(readable(&watch));
    let changes = told(&mut watch, ("new", Change::Up));
    assert_eq!(changes[0], ("new".to_owned(), Change::Appeared));
    host.ip("link set new mtu 1300");
    assert_eq!(
        told(&mut watch, ("new", Change::Mtu(1300))),
        [("new".to_owned(), Change::Mtu(1300))]
    );
    host.ip("link set new name newer");
    assert_eq!(
        told(&mut watch, ("newer", Change::Up)),
        [
            ("new".to_owned(), Change::Gone),
            ("newer".to_owned(), Change::Appeared),
            ("newer".to_owned(), Change::Up),
        ]
    );
    host.ip("link set newer down");
    let changes = told(&mut watch, ("newer", Change::Down));
    assert_eq!(changes, [("newer".to_owned(), Change::Down)]);
    host.ip("link del newer");
    let changes = told(&mut watch, ("newer", Change::Gone));
    assert_eq!(changes, [("newer".to_owned(), Change::Gone)]);
}

#[test]
fn leaving_a_bridge_is_no_end() {
    if netns::skip("leaving_a_bridge_is_no_end") {
        return;
    }
    let (host, other) = (silent("host"), silent("other"));
    veth((&host, "cable"), (&other, "eth0"));
    host.ip("link add switch type bridge");
    let mut watch = host.enter(|| DeviceWatch::open().unwrap());
    host.ip("link set cable master switch");
    host.ip("link set cable nomaster");
    host.ip("link set cable mtu 1300");
    let changes = told(&mut watch, ("cable", Change::Mtu(1300)));
    assert!(
        !changes
            .iter()
            .any(|(name, what)| name == "cable" && *what == Change::Gone),
        "{changes:?}"
    );
}

#[test]
fn a_device_made_again_has_another_index() {
    if netns::skip("a_device_made_again_has_another_index") {
        return;
    }
    let (host, other) = (silent("host"), silent("other"));
    veth((&host, "cable"), (&other, "eth0"));
    let before = find(&host, "cable").unwrap().index;
    host.ip("link del cable");
    wait::until("its other end to be gone", || {
        find(&other, "eth0").is_none().then_some(())
    });
    veth((&host, "cable"), (&other, "eth0"));
    assert_ne!(find(&host, "cable").unwrap().index, before);
}

/// More changes than the kernel keeps for one listener.
#[test]
fn what_was_missed_is_said() {
    if netns::skip("what_was_missed_is_said") {
        return;
    }
    let host = silent("host");
    host.ip("link add cable type veth peer name other");
    let mut watch = host.enter(|| DeviceWatch::open().unwrap());
    let flips = host.sh(
        "for n in $(seq 400); do echo link set cable mtu $((1300 + n % 2)); done | ip -batch -",
    );
    assert!(flips.status.success(), "{flips:?}");
    host.ip("link set cable mtu 1200");
    let changes = wait::until("the loss", || {
        let changes = watch.changes().unwrap();
        changes
            .iter()
            .any(|change| change.what == Change::Lost)
            .then_some(changes)
    });
    let lost = changes
        .iter()
        .find(|change| change.what == Change::Lost)
        .unwrap();
    assert_eq!((lost.name.as_str(), lost.index), ("", 0));
    // It has looked again by itself: what comes next is told as usual.
    host.ip("link set cable up");
    told(&mut watch, ("cable", Change::Up));
}
