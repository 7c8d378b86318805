//! The portable backend against the real kernel: two hosts, each on a cable to the firewall's.

use std::process::Command;

use secgroup_io::live::device::DeviceError;
use secgroup_io::live::pnet::{Pnet, PnetSettings};
use secgroup_io::live::{BURST, Gone, LiveFrame, Port, ReceiveError, Receiver, VnetHeader};
use secgroup_testkit::frame;
use secgroup_testkit::netns::{self, Namespace, veth};
use secgroup_testkit::process::Process;
use secgroup_testkit::station::{Station, Tags, cross};

use crate::pump::{Pump, exchange, is_readable, wait_for};

/// Two hosts, `192.0.2.1` and `192.0.2.2`, and a third between them with the other ends of their
/// cables.
struct Lab {
    a: Namespace,
    b: Namespace,
    middle: Namespace,
}

impl Lab {
    fn new() -> Self {
        let [a, b, middle] = ["a", "b", "m"].map(Namespace::new);
        for host in [&a, &b, &middle] {
            host.quiet();
        }
        veth((&a, "eth0"), (&middle, "left"));
        veth((&b, "eth0"), (&middle, "right"));
        a.ip("addr add 192.0.2.1/24 dev eth0");
        b.ip("addr add 192.0.2.2/24 dev eth0");
        Self { a, b, middle }
    }

    fn open(&self, device: &str) -> Result<Pnet, DeviceError> {
        let settings = PnetSettings {
            device: device.to_owned(),
        };
        self.middle.enter(|| Pnet::open(&settings))
    }

    fn pump(&self) -> Pump {
        let ports =
            ["left", "right"].map(|device| Box::new(self.open(device).unwrap()) as Box<dyn Port>);
        Pump::start(ports.into(), |from| 1 - from)
    }
}

/// What a port says, asked whenever it is readable; that it need not be asked often is part of the
/// test.
fn what_it_says(port: &mut Pnet) -> ReceiveError {
    for _ in 0..16 {
        wait_for(port);
        if let Err(error) = port.receive(BURST) {
            return error;
        }
    }
    panic!("it is readable all the time, and says nothing");
}

#[test]
fn tcp_with_all_offloads_on_arrives_whole() {
    if netns::skip("tcp_with_all_offloads_on_arrives_whole") {
        return;
    }
    let lab = Lab::new();
    let pump = lab.pump();
    exchange(&lab.a, &lab.b, "192.0.2.2:8000".parse().unwrap(), 16 << 20);
    let mut done = pump.stop();
    assert!(
        done.longest > 20_000,
        "the longest frame has {} bytes",
        done.longest
    );
    assert_eq!(
        (done.sent.too_large, done.sent.failed, done.sent.down),
        (0, 0, 0)
    );
    for port in &mut done.ports {
        let drops = port.drops();
        assert_eq!((drops.truncated, drops.vlan, drops.offload), (0, 0, 0));
        assert_eq!((port.backend(), port.mtu()), ("pnet", Some(1500)));
    }
}

#[test]
fn tagged_frames_are_dropped_and_counted_and_never_go_on_untagged() {
    if netns::skip("tagged_frames_are_dropped_and_counted_and_never_go_on_untagged") {
        return;
    }
    let lab = Lab::new();
    let pump = lab.pump();
    let plain = frame::udp("192.0.2.1:1", "192.0.2.2:2", b"plain");
    let mut frames = vec![plain.clone()];
    // More than the socket that counts them has room for.
    for vid in 0..200 {
        frames.push(frame::with_vlan(plain.clone(), vid));
        frames.push(frame::with_qinq(plain.clone(), 7, vid));
    }
    let mut there = Tags::open(&lab.b, "eth0");
    let mut here = Station::open(&lab.a, "eth0");
    assert_eq!(cross(&mut here, &mut there, &frames), [plain]);
    let mut done = pump.stop();
    assert_eq!(done.ports[0].drops().vlan, 400);
    assert_eq!(done.ports[0].drops().vlan, 400, "and not again");
    assert_eq!(done.ports[1].drops().vlan, 0);
}

#[test]
fn a_deleted_device_is_gone_and_does_not_spin() {
    if netns::skip("a_deleted_device_is_gone_and_does_not_spin") {
        return;
    }
    let lab = Lab::new();
    let mut port = lab.open("left").unwrap();
    lab.middle.ip("link del left");
    let mut said = what_it_says(&mut port);
    if matches!(said, ReceiveError::Down) {
        // It was down before it was deleted.
        said = what_it_says(&mut port);
    }
    assert!(matches!(said, ReceiveError::Gone(Gone::Deleted)), "{said}");
    assert_eq!(port.transmit(&[LiveFrame::whole(&[0; 60])]).down, 1);
}

#[test]
fn a_device_that_goes_down_says_so_once_and_comes_back() {
    if netns::skip("a_device_that_goes_down_says_so_once_and_comes_back") {
        return;
    }
    let lab = Lab::new();
    let mut port = lab.open("left").unwrap();
    let mut here = Station::open(&lab.a, "eth0");
    for _ in 0..2 {
        lab.middle.ip("link set left down");
        assert!(matches!(what_it_says(&mut port), ReceiveError::Down));
        while is_readable(&port) {
            assert_eq!(port.receive(BURST).unwrap(), 0);
        }
        assert_eq!(port.transmit(&[LiveFrame::whole(&[0; 60])]).down, 1);
        // Up again, and heard again.
        lab.middle.ip("link set left up");
        lab.middle.ip("link set left mtu 1400");
        let request = frame::arp("192.0.2.1", "192.0.2.9");
        here.send(&request);
        let mut heard = 0;
        for _ in 0..16 {
            wait_for(&port);
            heard = port.receive(BURST).unwrap();
            if heard > 0 {
                break;
            }
        }
        assert_eq!(heard, 1);
        assert!(port.frame(0).data.starts_with(&request));
        assert_eq!(port.receive(BURST).unwrap(), 0);
        assert_eq!(port.mtu(), Some(1400));
    }
    lab.middle.ip("link set left down");
    assert!(matches!(what_it_says(&mut port), ReceiveError::Down));
    // The socket has nothing to say about this; the news of devices have.
    lab.middle.ip("link del left");
    let said = what_it_says(&mut port);
    assert!(matches!(said, ReceiveError::Gone(Gone::Deleted)), "{said}");
}

#[test]
fn what_is_sent_is_not_heard_and_what_does_not_go_is_said() {
    if netns::skip("what_is_sent_is_not_heard_and_what_does_not_go_is_said") {
        return;
    }
    let lab = Lab::new();
    let mut port = lab.open("left").unwrap();
    let mut other = lab.open("left").unwrap();
    let snapped = LiveFrame {
        wire_len: 1500,
        ..LiveFrame::whole(&[0; 60])
    };
    let nonsense = LiveFrame {
        vnet: VnetHeader {
            flags: VnetHeader::NEEDS_CSUM,
            csum_start: u16::MAX,
            ..VnetHeader::default()
        },
        ..LiveFrame::whole(&[0; 60])
    };
    let (large, huge) = (vec![0; 1519], vec![0; 70_000]);
    let request = frame::arp("192.0.2.9", "192.0.2.1");
    let frames = [
        LiveFrame::whole(&request),
        snapped,
        nonsense,
        LiveFrame::whole(&large),
        LiveFrame::whole(&huge),
    ];
    let done = port.transmit(&frames);
    assert_eq!(
        (done.sent, done.failed, done.too_large),
        (1, 2, 2),
        "{done:?}"
    );
    // The host on the other side answers, and that is all that is heard.
    for port in [&mut port, &mut other] {
        wait_for(port);
        assert_eq!(port.receive(BURST).unwrap(), 1);
        assert_eq!(port.frame(0).data[20..22], [0, 2], "an ARP answer");
    }
}

#[test]
fn what_cannot_be_opened_says_why() {
    if netns::skip("what_cannot_be_opened_says_why") {
        return;
    }
    let lab = Lab::new();
    assert!(matches!(lab.open("absent"), Err(DeviceError::NoDevice(_))));
    lab.middle.ip("link set right down");
    assert!(matches!(lab.open("right"), Err(DeviceError::Down(_))));
    lab.middle.ip("tuntap add tun0 mode tun");
    lab.middle.ip("link set tun0 up");
    assert!(matches!(lab.open("tun0"), Err(DeviceError::NotEthernet(_))));
}

/// Run again without capabilities by `the_missing_capability_is_named`; by itself it does nothing.
#[test]
fn without_capabilities() {
    if std::env::var_os("SECGROUP_WITHOUT_CAPABILITIES").is_none() {
        return;
    }
    let device = "left".to_owned();
    let error = Pnet::open(&PnetSettings { device }).unwrap_err();
    assert!(matches!(error, DeviceError::NotPermitted { .. }), "{error}");
}

#[test]
fn the_missing_capability_is_named() {
    if netns::skip("the_missing_capability_is_named") {
        return;
    }
    let lab = Lab::new();
    let program = std::env::current_exe().unwrap();
    let mut command = Command::new("ip");
    command.args([
        "netns",
        "exec",
        lab.middle.name(),
        "capsh",
        "--drop=cap_net_raw,cap_net_admin",
    ]);
    command.args(["--", "-c"]);
    command.arg(format!(
        "{} --exact pnet::without_capabilities",
        program.display()
    ));
    command.env("SECGROUP_WITHOUT_CAPABILITIES", "1");
    let mut child = Process::spawn("capsh", &mut command);
    assert_eq!(child.code(), 0, "{}", child.output());
    assert!(child.output().contains("1 passed"), "{}", child.output());
}
