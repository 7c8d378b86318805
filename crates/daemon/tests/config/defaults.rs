//! What is in force where the file says nothing.

use std::path::PathBuf;
use std::time::Duration;

use secgroup_daemon::config::{
    Backend, Firewall, LogFormat, LogLevel, Mode, Port, QueueRange, Ring, Viewers,
};
use secgroup_datapath::{AlwaysTrack, TcpMode, Timeouts};

use crate::{good, parse};

const LEAST: &str = r#"
policy = ["web.yaml"]

[[interface]]
name = "web"
mode = "inline"
inside = "tap0"
outside = "uplink0"
"#;

#[test]
fn defaults_are_safe() {
    let config = good(LEAST);
    assert_eq!(
        config.policy.files,
        [PathBuf::from("/etc/secgroup/web.yaml")]
    );
    assert_eq!(config.policy.options, secgroup_import::Options::default());
    assert!(config.watch);
    assert_eq!(
        config.daemon.socket,
        PathBuf::from("/run/secgroup/control.sock")
    );
    assert_eq!(config.daemon.state, PathBuf::from("/var/lib/secgroup"));
    assert!(config.daemon.handover);
    assert_eq!((config.workers.count, config.workers.handoff), (1, 4096));
    assert!(config.workers.pin.is_empty() && !config.workers.busy_poll);
    let engine = &config.engine;
    assert_eq!((engine.capacity, engine.capacity_v6), (1 << 18, 1 << 16));
    assert_eq!(engine.tcp, TcpMode::Strict);
    assert_eq!(engine.start_grace, Duration::from_secs(300));
    assert_eq!(engine.change_grace, Duration::from_secs(300));
    assert!(engine.icmp_related && !engine.verify_checksums);
    assert_eq!(engine.timeouts, Timeouts::default());
    assert_eq!(config.defaults, secgroup_control::Defaults::default());
    assert_eq!(config.log.format, LogFormat::Human);
    assert_eq!(
        (config.log.level, config.log.denied_per_second),
        (LogLevel::Info, 10)
    );
    assert_eq!(config.host.firewall, Firewall::Auto);
    assert_eq!((config.host.mark_mask, config.host.copy_bytes), (None, 256));
    assert_eq!(
        (config.metrics, config.page),
        (None, None),
        "nothing listens unasked"
    );
}

#[test]
fn the_page_is_for_this_host_and_for_others_who_have_a_key() {
    let page = |text: &str| good(&format!("{LEAST}\n{text}")).page.unwrap();
    let default = page("[page]");
    assert_eq!(default.listen.to_string(), "127.0.0.1:9274");
    assert_eq!(default.viewers, Viewers::ThisHost);
    let keys = Viewers::KeysIn(PathBuf::from("/etc/secgroup/page-keys.toml"));
    let own = "[page]\nkeys = \"page-keys.toml\"";
    for (text, viewers) in [
        (
            "[page]\nlisten = \"[::ffff:127.0.0.1]:9274\"".to_owned(),
            &Viewers::ThisHost,
        ),
        (own.to_owned(), &keys),
        (format!("{own}\nlisten = \"0.0.0.0:9274\""), &keys),
    ] {
        assert_eq!(page(&text).viewers, *viewers, "{text}");
    }
    // Beside an endpoint, of which the interface is one.
    let managed = LEAST.replace(
        "[[interface]]",
        "[api]\n[[interface]]\neni = \"eni-0123456789abcdef0\"",
    );
    let beside = |text: &str| good(&format!("{managed}\n{text}")).page.unwrap().viewers;
    assert_eq!(beside("[page]"), Viewers::ThisHost, "as without it");
    let open = "[page]\nlisten = \"192.0.2.1:9274\"";
    assert_eq!(beside(open), Viewers::KeysOfApi);
    assert_eq!(beside(&format!("{open}\nkeys = \"page-keys.toml\"")), keys);
}

#[test]
fn metrics_are_for_this_host_unless_others_are_let_in() {
    let config = good(&format!("{LEAST}\n[metrics]\n"));
    let metrics = config.metrics.unwrap();
    assert_eq!(
        (metrics.listen.to_string().as_str(), metrics.rules),
        ("127.0.0.1:9273", 1000)
    );
    let open = format!("{LEAST}\n[metrics]\nlisten = \"[::]:9273\"\nbeyond_loopback = true\n");
    let loaded = parse(&open);
    let said = loaded.render(false);
    assert!(
        said.contains("everybody who reaches [::]:9273 can read the metrics"),
        "{said}"
    );
    assert!(loaded.value.is_some(), "{said}");
}

#[test]
fn an_interface_is_enforced_and_shielded_unless_it_is_said_otherwise() {
    let config = good(LEAST);
    let [web] = config.interfaces.as_slice() else {
        panic!("one interface");
    };
    assert!(!web.audit);
    assert_eq!((web.shards, web.worker, web.allowance), (1, None, None));
    assert_eq!((web.source_dest_check, &web.attachment), (None, &None));
    let Mode::Inline {
        inside,
        outside,
        ethertypes,
        shield,
    } = &web.mode
    else {
        panic!("inline");
    };
    assert!(*shield && ethertypes.is_empty());
    assert_eq!(
        (inside.device(), outside.device()),
        (Some("tap0"), Some("uplink0"))
    );
    let Port::Device(device) = inside else {
        panic!("a device");
    };
    assert_eq!(
        device.backend,
        Backend::AfPacket {
            ring: Ring::V2,
            ring_frames: None
        }
    );
}

#[test]
fn what_is_written_is_what_is_in_force() {
    let config = good(
        r#"
        policy = ["/srv/web.yaml", "dumps/groups.json"]
        parameters = { Office = "198.51.100.0/24" }
        audit = true
        workers = { count = "auto", pin = [2, 3] }
        host = { queue = 100, queues = 2, flow_marks = true }

        [tracking]
        tcp = "loose"
        start_grace_seconds = 0
        link_local_pps = 0
        always_track = ["10.1.2.3/8", "2001:db8::/32"]
        allowance = 500
        timeouts = { udp_stream_seconds = 90 }

        [[interface]]
        name = "first"
        mode = "host"
        devices = ["eth0"]
        audit = false

        [[interface]]
        name = "second"
        mode = "host"
        devices = ["eth1", "eth2"]
        source_dest_check = false

        [[interface]]
        name = "lab"
        groups = ["WebGroup"]
        addresses = ["10.0.1.10"]
        mode = "inline"
        backend = "af-xdp"
        inside = { backend = "tap", device = "eth0", netns = "blue", mac = "02-00-5E-10-00-01", addresses = ["10.0.1.10/24"], gateways = ["10.0.1.1"] }
        outside = "veth0"
        ethertypes = ["0x88cc", 0x88f7, 0x88cc]
        shards = 4
        "#,
    );
    assert_eq!(
        config.policy.files,
        ["/srv/web.yaml", "/etc/secgroup/dumps/groups.json"].map(PathBuf::from)
    );
    assert_eq!(
        (config.workers.count, config.workers.pin.as_slice()),
        (4, [2, 3].as_slice())
    );
    assert_eq!(config.engine.tcp, TcpMode::Loose);
    assert_eq!(config.engine.start_grace, Duration::ZERO);
    assert_eq!(config.defaults.link_local_pps, None);
    assert_eq!(config.defaults.allowance, Some(500));
    let ranges = ["10.0.0.0/8", "2001:db8::/32"].map(|range| range.parse().unwrap());
    assert_eq!(
        config.defaults.always_track,
        AlwaysTrack::Peers(ranges.to_vec())
    );
    assert_eq!(config.defaults.timeouts.udp_stream, Duration::from_secs(90));
    assert_eq!(config.defaults.timeouts.udp, Duration::from_secs(30));
    assert_eq!(config.host.mark_mask, Some(0xffff_0000));

    let [first, second, lab] = config.interfaces.as_slice() else {
        panic!("three interfaces");
    };
    assert!(
        first.audit,
        "audit of the whole file cannot be undone for one interface"
    );
    let queues = |first| QueueRange { first, count: 2 };
    assert_eq!(
        first.mode,
        Mode::Host {
            devices: vec!["eth0".into()],
            queues: queues(100)
        }
    );
    assert_eq!(
        second.mode,
        Mode::Host {
            devices: vec!["eth1".into(), "eth2".into()],
            queues: queues(102)
        }
    );
    assert_eq!((first.shards, second.source_dest_check), (2, Some(false)));
    assert!(lab.attachment.is_some());
    let Mode::Inline {
        inside: Port::Device(inside),
        outside: Port::Device(outside),
        ethertypes,
        ..
    } = &lab.mode
    else {
        panic!("inline");
    };
    assert_eq!(ethertypes, &[0x88cc, 0x88f7]);
    assert!(matches!(outside.backend, Backend::AfXdp(_)));
    let Backend::Tap(tap) = &inside.backend else {
        panic!("a tap");
    };
    assert_eq!(tap.netns.as_deref(), Some("blue"));
    assert_eq!(
        tap.mac.map(|mac| mac.to_string()).as_deref(),
        Some("02:00:5e:10:00:01")
    );
    assert_eq!(tap.addresses, ["10.0.1.10/24".parse().unwrap()]);
}

#[test]
fn a_file_without_interfaces_is_possible_and_said() {
    let loaded = parse("policy = [\"web.yaml\"]\n");
    assert!(loaded.value.is_some());
    assert!(
        loaded
            .render(false)
            .starts_with("warning: there is no interface: nothing is enforced")
    );
}

#[test]
fn a_file_that_is_not_there_or_no_text_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secgroup.toml");
    let said = |path| secgroup_daemon::config::Config::load(path).render(false);
    assert!(
        said(&path).starts_with("error: cannot read "),
        "{}",
        said(&path)
    );
    std::fs::write(&path, [0xff, 0xfe, 0, 0]).unwrap();
    assert!(said(&path).contains("is not UTF-8 text"), "{}", said(&path));
}

#[test]
fn whatever_the_text_there_is_an_answer() {
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    println!("seed {seed:#x}");
    let mut next = |below: usize| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    let pieces = [
        "policy",
        "=",
        "[",
        "]",
        "\"",
        "web",
        "\n",
        "[[interface]]",
        "{",
        "}",
        "inside",
        "name",
        "mode",
        "inline",
        "0x",
        "-",
        "9999999999",
        "é",
        "#",
        ".",
        ",",
        "workers",
        "count",
        "true",
        "1.5",
        "1979-05-27",
        "'''",
        "\\u0000",
    ];
    for _ in 0..3000 {
        let text: String = (0..next(40)).map(|_| pieces[next(pieces.len())]).collect();
        let (from, to) = (pieces[next(pieces.len())], pieces[next(pieces.len())]);
        let mangled = LEAST.replacen(from, to, 1 + next(3));
        for text in [text, mangled] {
            let loaded = parse(&text);
            assert!(
                loaded.value.is_some() || !loaded.diagnostics.is_empty(),
                "{text:?}"
            );
            assert!(loaded.diagnostics.is_empty() == loaded.render(false).is_empty());
        }
    }
}
