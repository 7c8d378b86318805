//! Watching instead of enforcing: everything passes, and what would have been denied is counted.

use crate::support::{Backend, I, I6, Lab, O, Policy, Server, Setup, connect, live, pings};

live! {
    fn an_inline_audit_lets_everything_pass() { everything_passes(Backend::AfPacketV2); }
    fn a_tap_audit_lets_everything_pass() { everything_passes(Backend::Tap); }
    fn a_host_audit_lets_everything_pass() { everything_passes(Backend::Host); }

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
