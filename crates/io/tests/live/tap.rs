//! The workload's own device, against the real kernel: two hosts, each behind a TAP device, and a
//! forwarder between them.

use std::net::UdpSocket;
use std::path::Path;
use std::process::Command;

use secgroup_io::live::tap::{Netns, NetnsError, Tap, TapError, TapSettings};
use secgroup_io::live::{BURST, Gone, LiveFrame, Port, PortDrops, ReceiveError, Receiver};
use secgroup_packet::MacAddress;
use secgroup_testkit::frame;
use secgroup_testkit::netns::{self, Namespace};
use secgroup_testkit::process::Process;
use secgroup_testkit::station::{Station, Tags, cross};
use secgroup_testkit::wait;

use crate::pump::{Pump, exchange, is_readable};

const MAC: MacAddress = MacAddress([0x02, 0x5e, 0x10, 0, 0, 0x0a]);

/// The device `eth0` of a host with the addresses `192.0.2.HOST` and `2001:db8::HOST`.
fn settings(netns: &Netns, host: u8) -> TapSettings {
    TapSettings {
        netns: Some(netns.clone()),
        addresses: vec![
            (format!("192.0.2.{host}").parse().unwrap(), 24),
            (format!("2001:db8::{host}").parse().unwrap(), 64),
        ],
        ..TapSettings::named("eth0")
    }
}

fn netns_of(host: &Namespace) -> Netns {
    Netns::named(host.name()).unwrap()
}

fn open(host: &Namespace, number: u8) -> Box<dyn Port> {
    Box::new(Tap::open(&settings(&netns_of(host), number), 0).unwrap())
}

/// The frames that are there within the patience of a test, at least one.
fn hear(port: &mut dyn Port, mut wanted: impl FnMut(&LiveFrame<'_>) -> bool) -> Vec<Vec<u8>> {
    wait::until("a frame", || {
        let count = port.receive(BURST).unwrap();
        let frames: Vec<_> = (0..count)
            .map(|index| port.frame(index))
            .filter(|frame| wanted(frame))
            .map(|frame| frame.data.to_vec())
            .collect();
        (!frames.is_empty()).then_some(frames)
    })
}

#[test]
fn tcp_with_all_offloads_on_arrives_whole() {
    if netns::skip("tcp_with_all_offloads_on_arrives_whole") {
        return;
    }
    let (a, b) = (Namespace::new("a"), Namespace::new("b"));
    let pump = Pump::start(vec![open(&a, 1), open(&b, 2)], |from| 1 - from);
    for address in ["192.0.2.2:8000", "[2001:db8::2]:8000"] {
        exchange(&a, &b, address.parse().unwrap(), 32 << 20);
    }
    let mut done = pump.stop();
    assert!(
        done.longest > 20_000,
        "the longest frame has {} bytes",
        done.longest
    );
    assert_eq!(done.sent.lost(), 0, "{:?}", done.sent);
    for port in &mut done.ports {
        let drops = port.drops();
        assert_eq!((drops.truncated, drops.offload), (0, 0));
        assert_eq!((port.backend(), port.mtu()), ("tap", Some(1500)));
    }
}

#[test]
fn shards_share_one_device_and_come_and_go() {
    if netns::skip("shards_share_one_device_and_come_and_go") {
        return;
    }
    let (a, b) = (Namespace::new("a"), Namespace::new("b"));
    let of_a = settings(&netns_of(&a), 1);
    let index = || {
        a.ip("-o link show eth0")
            .split(':')
            .next()
            .unwrap()
            .to_owned()
    };
    // In any order, and from several threads at once.
    let mut shards: Vec<Box<dyn Port>> = std::thread::scope(|scope| {
        let of_a = &of_a;
        let opening = [2, 0, 1].map(|shard| scope.spawn(move || Tap::open(of_a, shard)));
        opening
            .map(|open| Box::new(open.join().unwrap().unwrap()) as Box<dyn Port>)
            .into()
    });
    let made = index();
    shards.push(open(&b, 2));
    let pump = Pump::start(shards, |from| if from == 3 { 0 } else { 3 });
    // Each socket is a flow: the kernel spreads what the workload begins over the queues.
    let server = b.enter(|| UdpSocket::bind("192.0.2.2:9").unwrap());
    server.set_read_timeout(Some(wait::PATIENCE)).unwrap();
    for _ in 0..64 {
        let client = a.enter(|| UdpSocket::bind("192.0.2.1:0").unwrap());
        client.send_to(b"flow", "192.0.2.2:9").unwrap();
        server.recv_from(&mut [0; 8]).unwrap();
    }
    let mut done = pump.stop();
    assert!(
        done.received[..3].iter().all(|&frames| frames > 0),
        "{:?}",
        done.received
    );

    // One goes, as with a worker that panicked; the others carry everything, and it comes back.
    drop(done.ports.remove(2));
    assert_eq!(index(), made);
    done.ports.insert(2, Box::new(Tap::open(&of_a, 1).unwrap()));
    assert_eq!(index(), made, "the device is the same");
    let pump = Pump::start(done.ports, |from| if from == 3 { 0 } else { 3 });
    exchange(&a, &b, "192.0.2.2:8000".parse().unwrap(), 1 << 20);
    drop(pump.stop());
    // Not at once where another test is just starting a program, which holds all descriptors for a
    // moment.
    wait::until("the device to go with its last queue", || {
        (!a.ip("-o link").contains(": eth0")).then_some(())
    });
}

#[test]
fn a_flow_comes_out_of_the_queue_that_last_wrote_it() {
    if netns::skip("a_flow_comes_out_of_the_queue_that_last_wrote_it") {
        return;
    }
    let a = Namespace::new("a");
    a.quiet();
    let of_a = TapSettings {
        netns: Some(netns_of(&a)),
        mac: Some(MacAddress(frame::DESTINATION_MAC)),
        addresses: vec![("192.0.2.1".parse().unwrap(), 24)],
        ..TapSettings::named("eth0")
    };
    let mut queues = [0, 1, 2].map(|shard| Tap::open(&of_a, shard).unwrap());
    a.ip("neigh add 192.0.2.2 lladdr 02:00:00:00:00:01 dev eth0");
    let echo = a.enter(|| UdpSocket::bind("192.0.2.1:7").unwrap());
    echo.set_read_timeout(Some(wait::PATIENCE)).unwrap();
    for port in 1000..1048_u16 {
        let queue = usize::from(port % 3);
        let request = frame::udp(&format!("192.0.2.2:{port}"), "192.0.2.1:7", b"echo");
        assert_eq!(
            queues[queue].transmit(&[LiveFrame::whole(&request)]).sent,
            1
        );
        let (_, peer) = echo.recv_from(&mut [0; 8]).unwrap();
        echo.send_to(b"answer", peer).unwrap();
        let heard = hear(&mut queues[queue], |frame| frame.data.ends_with(b"answer"));
        assert_eq!(heard.len(), 1, "flow {port} at queue {queue}");
    }
}

#[test]
fn a_program_runs_in_a_namespace_of_its_own() {
    if netns::skip("a_program_runs_in_a_namespace_of_its_own") {
        return;
    }
    let before = std::fs::read_link("/proc/thread-self/ns/net").unwrap();
    let own = Netns::create_anonymous().unwrap();
    let b = Namespace::new("b");
    let inside = TapSettings {
        mac: Some(MAC),
        mtu: 1400,
        gateways: vec!["192.0.2.2".parse().unwrap(), "2001:db8::2".parse().unwrap()],
        ..settings(&own, 1)
    };
    let port: Box<dyn Port> = Box::new(Tap::open(&inside, 0).unwrap());
    let pump = Pump::start(vec![port, open(&b, 2)], |from| 1 - from);
    b.ip("addr add 203.0.113.1/32 dev lo");
    b.ip("addr add 2001:db8:1::1/128 dev lo");
    let run = |line: &str| {
        let mut command = Command::new("sh");
        command
            .args(["-c", line])
            .stdout(std::process::Stdio::piped());
        let output = own.spawn(&mut command).unwrap().wait_with_output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{line}: {said}");
        said
    };
    let link = run("ip -o link show eth0");
    assert!(
        link.contains("mtu 1400") && link.contains("link/ether 02:5e:10:00:00:0a"),
        "{link}"
    );
    let addresses = run("ip -o addr");
    for address in ["127.0.0.1/8", "192.0.2.1/24", "2001:db8::1/64"] {
        assert!(addresses.contains(address), "{addresses}");
    }
    assert!(
        !addresses
            .lines()
            .any(|line| { line.contains("2001:db8::1") && line.contains("tentative") })
    );
    assert!(run("ip route").contains("default via 192.0.2.2 dev eth0"));
    assert!(run("ip -6 route").contains("default via 2001:db8::2 dev eth0"));
    run("ping -c 1 -W 10 203.0.113.1");
    run("ping -c 1 -W 10 2001:db8:1::1");
    run("ping -c 1 127.0.0.1");
    pump.stop();
    let after = std::fs::read_link("/proc/thread-self/ns/net").unwrap();
    assert_eq!(after, before, "the test itself stays where it was");
}

#[test]
fn namespaces_are_found_by_path_and_by_process() {
    if netns::skip("namespaces_are_found_by_path_and_by_process") {
        return;
    }
    let a = Namespace::new("a");
    let by_path = Netns::at(&a.path()).unwrap();
    let first = Tap::open(&settings(&by_path, 1), 0).unwrap();
    assert!(a.ip("-o addr show eth0").contains("192.0.2.1/24"));
    let mut idle = Command::new("sleep");
    idle.arg("600");
    let mut resident = by_path.spawn(&mut idle).unwrap();
    let by_process = Netns::of_process(resident.id());
    // Known to be the same namespace: another queue of the same device.
    let second = by_process.map(|netns| Tap::open(&settings(&netns, 1), 1));
    resident.kill().unwrap();
    resident.wait().unwrap();
    drop((first, second.unwrap().unwrap()));

    let missing = Netns::of_process(resident.id()).unwrap_err();
    assert!(
        missing
            .to_string()
            .starts_with("there is no network namespace at /proc/")
    );
    let other = Netns::at(Path::new("/proc/self/ns/uts"))
        .unwrap()
        .enter(|| ());
    assert!(matches!(other, Err(NetnsError::NotOne(_))), "{other:?}");
}

#[test]
fn vlan_tags_stay_in_the_frame() {
    if netns::skip("vlan_tags_stay_in_the_frame") {
        return;
    }
    let (a, b) = (Namespace::new("a"), Namespace::new("b"));
    for host in [&a, &b] {
        host.quiet();
    }
    let bare = |host| TapSettings {
        netns: Some(netns_of(host)),
        ..TapSettings::named("eth0")
    };
    let ports = [&a, &b].map(|host| Box::new(Tap::open(&bare(host), 0).unwrap()) as Box<dyn Port>);
    let pump = Pump::start(ports.into(), |from| 1 - from);
    let plain = frame::udp("192.0.2.1:1", "192.0.2.2:2", b"plain");
    let frames = [
        plain.clone(),
        frame::with_vlan(plain.clone(), 100),
        frame::with_qinq(plain, 7, 8),
    ];
    let mut there = Tags::open(&b, "eth0");
    assert_eq!(
        cross(&mut Station::open(&a, "eth0"), &mut there, &frames),
        frames
    );
    pump.stop();
}

#[test]
fn a_device_that_is_down_takes_nothing_and_comes_back() {
    if netns::skip("a_device_that_is_down_takes_nothing_and_comes_back") {
        return;
    }
    let a = Namespace::new("a");
    let mut port = open(&a, 1);
    let request = frame::arp("192.0.2.2", "192.0.2.1");
    a.ip("link set eth0 down");
    assert_eq!(port.transmit(&[LiveFrame::whole(&request); 2]).down, 2);
    a.ip("link set eth0 up");
    let snapped = LiveFrame {
        wire_len: 61,
        ..LiveFrame::whole(&[0; 60])
    };
    let done = port.transmit(&[
        LiveFrame::whole(&request),
        snapped,
        LiveFrame::whole(&[0; 13]),
    ]);
    assert_eq!((done.sent, done.failed), (1, 2));
    let is_answer =
        |frame: &LiveFrame<'_>| frame.data.get(12..22) == Some(&[8, 6, 0, 1, 8, 0, 6, 4, 0, 2]);
    assert_eq!(hear(&mut *port, is_answer).len(), 1);
}

#[test]
fn a_deleted_device_is_gone_and_is_made_again() {
    if netns::skip("a_deleted_device_is_gone_and_is_made_again") {
        return;
    }
    let a = Namespace::new("a");
    let of_a = settings(&netns_of(&a), 1);
    let [mut first, second] = [0, 1].map(|shard| Tap::open(&of_a, shard).unwrap());
    while first.receive(BURST).unwrap() > 0 {}
    a.ip("link del eth0");
    assert!(is_readable(&first));
    assert!(matches!(
        first.receive(BURST),
        Err(ReceiveError::Gone(Gone::Deleted))
    ));
    assert_eq!(first.transmit(&[LiveFrame::whole(&[0; 60])]).down, 1);
    assert_eq!(first.drops(), PortDrops::default());
    // The dead queue of the second shard is still open: the new device is configured all the same.
    let again = Tap::open(&of_a, 0).unwrap();
    assert!(a.ip("-o addr show eth0").contains("192.0.2.1/24"));
    drop(second);
    let joined = Tap::open(&of_a, 1).unwrap();
    drop((again, joined));
}

#[test]
fn what_is_lost_before_it_is_read_is_counted() {
    if netns::skip("what_is_lost_before_it_is_read_is_counted") {
        return;
    }
    let a = Namespace::new("a");
    a.quiet();
    let bare = TapSettings {
        netns: Some(netns_of(&a)),
        ..TapSettings::named("eth0")
    };
    let mut port = Tap::open(&bare, 0).unwrap();
    let mut other_shard = Tap::open(&bare, 1).unwrap();
    let mut station = Station::open(&a, "eth0");
    let burst = frame::arp("192.0.2.1", "192.0.2.2");
    for _ in 0..1500 {
        station.send(&burst);
    }
    let heard: usize = [&mut port, &mut other_shard]
        .into_iter()
        .map(|port| {
            std::iter::from_fn(|| Some(port.receive(BURST).unwrap()))
                .take_while(|&n| n > 0)
                .sum::<usize>()
        })
        .sum();
    assert_eq!(port.drops().ring + heard as u64, 1500);
    assert!(port.drops().ring > 0);
    assert_eq!(other_shard.drops().ring, 0, "counted once");
}

#[test]
fn what_cannot_be_made_says_why_and_leaves_nothing() {
    if netns::skip("what_cannot_be_made_says_why_and_leaves_nothing") {
        return;
    }
    let a = Namespace::new("a");
    a.ip("link add veth0 type veth peer name veth1");
    a.ip("tuntap add tap0 mode tap multi_queue");
    let of = |name: &str| TapSettings {
        name: name.to_owned(),
        ..settings(&netns_of(&a), 1)
    };
    // Someone else's device is not joined, whatever its kind.
    for taken in ["veth0", "tap0"] {
        let error = Tap::open(&of(taken), 0).unwrap_err();
        assert!(matches!(error, TapError::Exists(_)), "{error}");
        assert!(error.to_string().contains(&format!("ip link del {taken}")));
    }
    let wrong = [
        TapSettings {
            mtu: 1 << 20,
            ..of("eth0")
        },
        TapSettings {
            addresses: vec![("192.0.2.1".parse().unwrap(), 33)],
            ..of("eth0")
        },
        TapSettings {
            gateways: vec!["224.0.0.1".parse().unwrap()],
            ..of("eth0")
        },
    ];
    for (settings, what) in
        wrong
            .into_iter()
            .zip(["MTU 1048576", "192.0.2.1/33", "gateway 224.0.0.1"])
    {
        let error = Tap::open(&settings, 0).unwrap_err();
        assert!(matches!(error, TapError::Setting { .. }), "{error}");
        assert!(error.to_string().contains(what), "{error}");
        wait::until("nothing to be left of it", || {
            (!a.ip("-o link").contains(": eth0")).then_some(())
        });
    }
    assert!(matches!(Tap::open(&of("tap%d"), 0), Err(TapError::Name(_))));
}

/// Run again without capabilities by `the_missing_capability_is_named`; by itself it does nothing.
#[test]
fn without_capabilities() {
    if std::env::var_os("SECGROUP_WITHOUT_CAPABILITIES").is_none() {
        return;
    }
    let error = Tap::open(&TapSettings::named("sgt-nocap"), 0).unwrap_err();
    assert!(matches!(error, TapError::NotPermitted), "{error}");
    assert!(
        error.to_string().contains("setcap cap_net_admin"),
        "{error}"
    );
    let error = Netns::create_anonymous().unwrap_err();
    assert!(matches!(error, NetnsError::NotPermitted), "{error}");
}

#[test]
fn the_missing_capability_is_named() {
    if netns::skip("the_missing_capability_is_named") {
        return;
    }
    let mut command = Command::new("capsh");
    let program = std::env::current_exe().unwrap();
    command.args(["--drop=cap_net_admin,cap_sys_admin", "--", "-c"]);
    command.arg(format!(
        "{} --exact tap::without_capabilities",
        program.display()
    ));
    command.env("SECGROUP_WITHOUT_CAPABILITIES", "1");
    let mut child = Process::spawn("capsh", &mut command);
    assert_eq!(child.code(), 0, "{}", child.output());
    assert!(child.output().contains("1 passed"), "{}", child.output());
}
