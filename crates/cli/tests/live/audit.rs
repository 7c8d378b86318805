//! Watching instead of enforcing: everything passes, and what would have been denied is counted.

use secgroup_testkit::netns::Namespace;
use secgroup_testkit::wait;

use crate::support::{
    Backend, I, I6, Lab, O, Policy, Server, Setup, connect, live, never_pings, pings,
};

live! {
    fn an_inline_audit_lets_everything_pass() { everything_passes(Backend::AfPacketV2); }
    fn a_tap_audit_lets_everything_pass() { everything_passes(Backend::Tap); }
    fn a_host_audit_lets_everything_pass() { everything_passes(Backend::Host); }

    fn a_tap_stays_while_audit_is_switched() { devices_stay(Backend::Tap); }
    fn cables_stay_while_audit_is_switched() { devices_stay(Backend::AfPacketSharded); }
    fn queues_stay_while_audit_is_switched() { devices_stay(Backend::HostSharded); }

    /// A capture socket beside a bridge: the host's end of the instance's cable.
    fn a_watched_device_is_counted() {
        let setup = Setup::hosts(Policy::of_aws()).backend(Backend::Bridge);
        let mut lab = Lab::prepare(&setup);
        lab.edit_config(|text| {
            let (head, _) = text.split_once("mode =").unwrap();
            format!("{head}mode = \"watch\"\ndevice = \"ia0\"\nsees = \"instance\"\n")
        });
        lab.start();
        pings(&lab.outside, "", I);
        pings(&lab.instance, "", O);
        connect(&Server::new(&lab.instance, &format!("{I}:80")), &lab.outside);
        let daemon = lab.daemon();
        assert_eq!(daemon.interface("I")["mode"], "watch");
        // Three pings and what came over TCP; the answers to pings are new packets, those of TCP belong to no connection.
        assert!(daemon.packets("I", "ingress", "no-rule") > 3);
        assert_eq!(daemon.packets("I", "egress", "new"), 3 + 1);
        assert!(daemon.packets("I", "egress", "invalid-state") > 0);
    }
}

live! {
    /// A host watches its own device: what it sends is egress.
    fn a_host_watches_itself() {
        let lab = watching(Backend::Host, "device = \"eth0\"\nsees = \"host\"");
        pings(&lab.instance, "", O);
        pings(&lab.outside, "", I);
        // Each answer is a packet of the connection that its question opened, and nobody asked for those from outside.
        counts(&lab, [("egress", "new", 1), ("ingress", "established", 3), ("ingress", "no-rule", 3)]);
    }

    /// Any device that frames come by: here the network's side of a bridge, where the addresses say whose they are.
    fn a_device_between_is_watched_by_addresses() {
        let lab = watching(Backend::Bridge, "device = \"ib0\"\nsees = \"addresses\"");
        pings(&lab.instance, "", O);
        pings(&lab.outside, "", I);
        counts(&lab, [("egress", "new", 1), ("ingress", "established", 3), ("ingress", "no-rule", 3)]);
        // What is neither from nor to the instance is nobody's: here the router's own address resolution and pings.
        let before = lab.daemon().interface("I")["verdicts"].clone();
        pings(&lab.network, "", O);
        assert_eq!(lab.daemon().interface("I")["verdicts"], before);
    }
}

/// A lab whose daemon only watches, as `keys` say.
fn watching(backend: Backend, keys: &str) -> Lab {
    let setup = Setup::hosts(Policy::of_aws()).backend(backend);
    let mut lab = Lab::prepare(&setup);
    lab.edit_config(|text| {
        let (head, _) = text.split_once("mode =").expect("an interface");
        format!("{head}mode = \"watch\"\n{keys}\n")
    });
    lab.start();
    assert_eq!(lab.daemon().interface("I")["mode"], "watch");
    lab
}

/// At least so many packets of each direction and reason, soon: a watcher hears what has passed already.
fn counts(lab: &Lab, expected: [(&str, &str, u64); 3]) {
    for (direction, reason, packets) in expected {
        wait::until(&format!("{packets} {direction} {reason}"), || {
            (lab.daemon().packets("I", direction, reason) >= packets).then_some(())
        });
    }
}

/// Tried first, and enforced then, with `secgroup reload`: the workload keeps its device, and what it set there by itself.
fn devices_stay(backend: Backend) {
    let setup = Setup {
        interface: "audit = true",
        ..Setup::hosts(Policy::of_aws()).backend(backend)
    };
    let lab = Lab::new(&setup);
    lab.instance.ip("addr add 10.0.0.77/24 dev eth0");
    let before = device(&lab.instance);
    for (audit, other) in [("true", "false"), ("false", "true"), ("true", "false")] {
        let is_audited = lab.daemon().interface("I")["audit"].clone();
        assert_eq!(is_audited.to_string(), audit);
        let denied = lab.daemon().packets("I", "ingress", "no-rule");
        if audit == "true" {
            pings(&lab.outside, "", I);
            pings(&lab.outside, "", "10.0.0.77");
        } else {
            never_pings(&lab, &lab.outside, &lab.instance, I);
        }
        assert!(lab.daemon().packets("I", "ingress", "no-rule") > denied);
        lab.edit_config(|text| {
            text.replace(&format!("audit = {audit}"), &format!("audit = {other}"))
        });
        lab.daemon().reload();
        assert_eq!(device(&lab.instance), before, "another device");
    }
    let log = lab.daemon().log();
    assert!(!log.contains("is closed"), "{log}");
    assert_eq!(log.matches("I is open").count(), 1, "{log}");
}

/// The number of the workload's device.
fn device(instance: &Namespace) -> String {
    let shown = instance.ip("-o link show dev eth0");
    let (number, _) = shown.split_once(':').expect("a number first");
    number.to_owned()
}

fn everything_passes(backend: Backend) {
    let setup = Setup {
        top: "audit = true",
        ..Setup::hosts(Policy::new(&[], &[])).backend(backend)
    };
    let lab = Lab::new(&setup);
    pings(&lab.outside, "", I);
    pings(&lab.outside, "", I6);
    connect(
        &Server::new(&lab.instance, &format!("{I}:80")),
        &lab.outside,
    );
    connect(
        &Server::new(&lab.outside, &format!("{O}:80")),
        &lab.instance,
    );
    let daemon = lab.daemon();
    let status = daemon.status();
    assert_eq!(status["audit"], true, "{status:#}");
    assert_eq!(status["interfaces"][0]["audit"], true, "{status:#}");
    for direction in ["ingress", "egress"] {
        assert!(daemon.packets("I", direction, "no-rule") > 3, "{status:#}");
    }
}
