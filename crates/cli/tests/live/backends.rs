//! The core on every backend: what a firewall must do whatever carries its frames.

use rustix::process::Signal;
use secgroup_testkit::frame;
use secgroup_testkit::netns::Namespace;
use secgroup_testkit::station::{Tags, cross};
use secgroup_testkit::wait;

use crate::support::{
    ANY6, Backend, Echo, I, I6, Lab, O, O6, Policy, Server, Setup, all, connect, everything, heard,
    live, never_connects, never_pings, ping, pings, tcp, udp,
};

/// The same tests for each backend, in a module of its name.
macro_rules! on_each {
    ($($module:ident => $backend:ident),* $(,)?) => {$(
        mod $module {
            use crate::support::{Backend::$backend as BACKEND, live};

            live! {
                fn ping_goes_out_and_comes_in_by_rule() { super::ping_by_rule(BACKEND); }
                fn tcp_carries_data_where_a_rule_allows() { super::tcp_by_rule(BACKEND); }
                fn udp_carries_datagrams_where_a_rule_allows() { super::udp_by_rule(BACKEND); }
                fn nothing_leaves_without_a_rule() { super::egress_by_rule(BACKEND); }
                fn a_faulty_policy_is_refused() { super::refuses_a_faulty_policy(BACKEND); }
                fn stopping_puts_everything_back() { super::stops_cleanly(BACKEND); }
                fn nothing_passes_once_it_is_killed() { super::fails_closed(BACKEND); }
            }
        }
    )*};
}

on_each! {
    af_packet_v2 => AfPacketV2,
    af_packet_v3 => AfPacketV3,
    pnet => Pnet,
    tap => Tap,
    af_xdp_native => AfXdpNative,
    af_xdp_generic => AfXdpGeneric,
    af_packet_sharded => AfPacketSharded,
    host => Host,
    host_sharded => HostSharded,
}

live! {
    /// If this fails, it is not the firewall.
    fn the_lab_itself_carries_the_traffic() {
        let lab = Lab::new(&Setup::hosts(Policy::default()).backend(Backend::Bridge));
        for (instance, outside) in [(I, O), (I6, O6)] {
            pings(&lab.instance, "", outside);
            pings(&lab.outside, "-s 3200", instance);
        }
        connect(&Server::new(&lab.instance, &format!("{I}:80")), &lab.outside);
        connect(&Server::new(&lab.outside, &format!("[{O6}]:80")), &lab.instance);
        Echo::new(&lab.instance, &format!("{I}:53")).answers(&lab.outside, 5000);
    }

    fn af_packet_v2_keeps_tags() { keeps_tags(Backend::AfPacketV2); }
    fn af_packet_v3_keeps_tags() { keeps_tags(Backend::AfPacketV3); }
    fn tap_keeps_tags() { keeps_tags(Backend::Tap); }
    fn af_xdp_native_keeps_tags() { keeps_tags(Backend::AfXdpNative); }
    fn af_xdp_generic_keeps_tags() { keeps_tags(Backend::AfXdpGeneric); }

    /// What it cannot carry is dropped and counted, never sent on without its tag.
    fn pnet_drops_tagged_frames() {
        let lab = Lab::new(&Setup::stations(Policy::open()).backend(Backend::Pnet));
        let mut wire = lab.wire();
        let plain = frame::udp(&format!("{O}:1"), &format!("{I}:2"), b"data");
        heard(&wire.ingress(&[frame::with_vlan(plain.clone(), 100)]), &[]);
        heard(&wire.ingress(std::slice::from_ref(&plain)), &[&plain]);
        let ports = &lab.daemon().interface("I")["ports"];
        assert_eq!(ports[1]["side"], "outside", "{ports:#}");
        assert_eq!(ports[1]["vlan_drops"], 1, "{ports:#}");
    }
}

/// Scenario 1.
fn ping_by_rule(backend: Backend) {
    let lab = Lab::new(&Setup::hosts(Policy::of_aws()).backend(backend));
    for (instance, outside) in [(I, O), (I6, O6)] {
        pings(&lab.instance, "", outside);
        never_pings(&lab, &lab.outside, &lab.instance, instance);
    }
    lab.policy(&Policy::new(&ping(), &everything()));
    for (instance, outside) in [(I, O), (I6, O6)] {
        pings(&lab.instance, "", outside);
        pings(&lab.outside, "", instance);
    }
}

/// Tracked over IPv4, where the rule names one host, and untracked over IPv6 (D8).
fn tcp_by_rule(backend: Backend) {
    let rules = [
        tcp(12_345, &format!("{O}/32")).to(12_346),
        tcp(12_345, ANY6).to(12_346),
    ];
    let lab = Lab::new(&Setup::hosts(Policy::new(&rules, &everything())).backend(backend));
    for port in [12_345, 12_346] {
        connect(
            &Server::new(&lab.instance, &format!("{I}:{port}")),
            &lab.outside,
        );
        connect(
            &Server::new(&lab.instance, &format!("[{I6}]:{port}")),
            &lab.outside,
        );
    }
    connect(
        &Server::new(&lab.outside, &format!("{O}:443")),
        &lab.instance,
    );
    connect(
        &Server::new(&lab.outside, &format!("[{O6}]:443")),
        &lab.instance,
    );
    for port in [12_344, 12_347] {
        for address in [format!("{I}:{port}"), format!("[{I6}]:{port}")] {
            never_connects(&lab, &lab.outside, &lab.instance, &address);
        }
    }
}

/// From one byte to what the instance's host has to cut into pieces.
fn udp_by_rule(backend: Backend) {
    let rules = [udp(5000, &format!("{O}/32")), udp(5000, ANY6)];
    let lab = Lab::new(&Setup::hosts(Policy::new(&rules, &everything())).backend(backend));
    for (instance, outside) in [
        (I.to_owned(), O.to_owned()),
        (format!("[{I6}]"), format!("[{O6}]")),
    ] {
        let inside = Echo::new(&lab.instance, &format!("{instance}:5000"));
        let beyond = Echo::new(&lab.outside, &format!("{outside}:5000"));
        for length in [1, 1400, 9000] {
            inside.answers(&lab.outside, length);
            beyond.answers(&lab.instance, length);
        }
        let denied = Echo::new(&lab.instance, &format!("{instance}:5001"));
        denied.hears_nothing(&lab, &lab.outside);
    }
}

fn egress_by_rule(backend: Backend) {
    let egress = [udp(0, &format!("{O}/32")).to(65_535)];
    let lab = Lab::new(&Setup::hosts(Policy::new(&[], &egress)).backend(backend));
    for (listen, address) in [(O, format!("{O}:80")), (O6, format!("[{O6}]:80"))] {
        never_connects(&lab, &lab.instance, &lab.outside, &address);
        never_pings(&lab, &lab.instance, &lab.outside, listen);
    }
    Echo::new(&lab.outside, &format!("[{O6}]:53")).hears_nothing(&lab, &lab.instance);
    Echo::new(&lab.outside, &format!("{O}:53")).answers(&lab.instance, 100);
}

fn refuses_a_faulty_policy(backend: Backend) {
    let lab = Lab::new(
        &Setup::hosts(Policy::new(&[tcp(80, &format!("{O}/32"))], &everything())).backend(backend),
    );
    let server = Server::new(&lab.instance, &format!("{I}:80"));
    let (here, there) = server.connection(&lab.outside);
    let yaml = Policy::new(&[all("10.0.0.0/99")], &everything()).yaml();
    lab.write("policy.yaml", &yaml);
    let refused = lab.daemon().command(&["reload"]);
    assert_ne!(refused.code, 0, "{refused:?}");
    let said = format!("{}{}", refused.stdout, refused.stderr);
    assert!(said.contains("10.0.0.0/99"), "{refused:?}");
    let status = lab.daemon().status();
    assert_eq!(status["policy"]["generation"], 1, "{status:#}");
    assert_eq!(status["reloads"]["refused"], 1, "{status:#}");
    // What was in force stays in force.
    crate::support::exchange(&here, &there, 1000);
    connect(&server, &lab.outside);
    never_connects(&lab, &lab.outside, &lab.instance, &format!("{I}:81"));
}

/// Scenario 68: 802.1Q and 802.1ad, both families, both ways.
fn keeps_tags(backend: Backend) {
    let lab = Lab::new(&Setup::stations(Policy::new(&ping(), &everything())).backend(backend));
    let mut wire = lab.wire();
    let mut inside = Tags::open(&lab.instance, "eth0");
    let mut outside = Tags::open(&lab.network, "in0");
    for (instance, host) in [(I, O), (I6, O6)] {
        for tagged in [
            |plain| frame::with_vlan(plain, 100),
            |plain| frame::with_qinq(plain, 7, 100),
        ] {
            let request = tagged(frame::ping(host, instance, 1, 1));
            let reply = tagged(frame::pong(instance, host, 1, 1));
            let arrived = cross(
                &mut wire.outside,
                &mut inside,
                std::slice::from_ref(&request),
            );
            heard(&arrived, &[&request]);
            let arrived = cross(&mut wire.inside, &mut outside, std::slice::from_ref(&reply));
            heard(&arrived, &[&reply]);
            // A tag is no way round the rules.
            let denied = tagged(frame::tcp(
                &endpoint(host, 40_000),
                &endpoint(instance, 22),
                "S",
                b"",
            ));
            heard(&cross(&mut wire.outside, &mut inside, &[denied]), &[]);
        }
    }
}

fn endpoint(address: &str, port: u16) -> String {
    if address.contains(':') {
        format!("[{address}]:{port}")
    } else {
        format!("{address}:{port}")
    }
}

fn stops_cleanly(backend: Backend) {
    let mut lab = Lab::prepare(&Setup::hosts(Policy::of_aws()).backend(backend));
    let before = belongings(&lab);
    lab.start();
    assert_ne!(belongings(&lab), before, "it leaves everything alone");
    if backend != Backend::Tap {
        pings(&lab.instance, "", O);
    }
    let code = lab.end(Signal::TERM);
    assert_eq!(code, 0);
    // The kernel takes programs off devices in its own time.
    let _ = wait::maybe(wait::PATIENCE, || {
        (belongings(&lab) == before).then_some(())
    });
    let after = belongings(&lab);
    let only_in = |these: &str, others: &str| -> Vec<String> {
        let others: Vec<_> = others.lines().collect();
        let these = these.lines().filter(|line| !others.contains(line));
        these.map(str::to_owned).collect()
    };
    let (gone, new) = (only_in(&before, &after), only_in(&after, &before));
    assert!(
        after == before,
        "not put back: gone {gone:#?}, new {new:#?}"
    );
}

fn fails_closed(backend: Backend) {
    let mut lab = Lab::new(&Setup::hosts(Policy::open()).backend(backend));
    let server = Server::new(&lab.instance, &format!("{I}:80"));
    let (_here, _there) = server.connection(&lab.outside);
    lab.end(Signal::KILL);
    let before = crate::support::heard_by(&lab.outside);
    let silent = |host: &Namespace, address: &str| {
        let line = format!("ping -n -c 3 -i 0.01 -W 0.1 {address}");
        assert!(!host.sh(&line).status.success(), "{line} was answered");
    };
    for (instance, outside) in [(I, O), (I6, O6)] {
        silent(&lab.instance, outside);
        silent(&lab.outside, instance);
    }
    assert_eq!(
        crate::support::heard_by(&lab.outside),
        before,
        "the instance was heard"
    );
}

/// What the daemon could leave changed on the host that it runs on, and on the instance's.
fn belongings(lab: &Lab) -> String {
    let script = "
        ip -d link show | sed -E 's/ qlen [0-9]+//'
        ip address show | sed 's/ tentative//'
        for device in $(ls /sys/class/net); do ethtool -k $device; done
        # Tables that are empty do nothing, and iptables never takes them away.
        nft list ruleset | grep -vE '^table|^[[:space:]]*(chain|type|}|$)'
        iptables-legacy-save | grep -v '^#' | sed 's/\\[.*\\]//'
        ip6tables-legacy-save | grep -v '^#' | sed 's/\\[.*\\]//'
        grep . /proc/sys/net/ipv4/conf/*/arp_* /proc/sys/net/ipv6/conf/*/disable_ipv6
    ";
    let of = |host: &Namespace| {
        let text = String::from_utf8_lossy(&host.sh(script).stdout).into_owned();
        // A lifetime counts down.
        let lasting = text.lines().filter(|line| !line.contains("valid_lft"));
        lasting.collect::<Vec<_>>().join("\n")
    };
    format!("{}\n=====\n{}", of(&lab.firewall), of(&lab.instance))
}
