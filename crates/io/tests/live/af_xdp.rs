//! AF_XDP against the real kernel: two hosts, a firewall's namespace between them, and a forwarder in it.

use std::io::Write;
use std::net::{TcpListener, TcpStream};

use secgroup_io::live::af_xdp::{AfXdp, AfXdpError, AfXdpSettings, CopyMode, XdpMode};
use secgroup_io::live::tap::{Netns, Tap, TapSettings};
use secgroup_io::live::{
    BURST, Gone, LiveFrame, Port, ReceiveError, Receiver, Transmitted, VnetHeader,
};
use secgroup_packet::{Frame, LinkType, Parsed};
use secgroup_testkit::netns::{self, Namespace, veth};
use secgroup_testkit::process::Process;
use secgroup_testkit::station::{Hear, Station, Tags, cross};
use secgroup_testkit::{frame, wait};

use crate::pump::{Pump, Pumped, exchange};

/// Two hosts, and between them one that forwards nothing by itself.
struct Path {
    a: Namespace,
    firewall: Namespace,
    b: Namespace,
}

impl Path {
    /// `eth0` of `a` to `inside`, `eth0` of `b` to `outside`.
    fn new() -> Self {
        let path = Self {
            a: Namespace::new("a"),
            firewall: Namespace::new("fw"),
            b: Namespace::new("b"),
        };
        path.firewall.quiet();
        veth((&path.a, "eth0"), (&path.firewall, "inside"));
        veth((&path.b, "eth0"), (&path.firewall, "outside"));
        for (host, number) in [(&path.a, 1), (&path.b, 2)] {
            host.ip(&format!("addr add 192.0.2.{number}/24 dev eth0"));
            host.ip(&format!("addr add 2001:db8::{number}/64 dev eth0 nodad"));
        }
        path
    }

    fn open(&self, device: &str, mode: XdpMode) -> AfXdp {
        let settings = AfXdpSettings {
            mode,
            ..AfXdpSettings::new(device)
        };
        self.firewall.enter(|| AfXdp::open(&settings)).unwrap()
    }

    fn pump(&self, mode: XdpMode) -> Pump {
        let ports = ["inside", "outside"].map(|device| Box::new(self.open(device, mode)) as _);
        Pump::start(ports.into(), |from| 1 - from)
    }

    /// Has the ends cut their TCP into segments themselves, as they must where the program is not in the driver.
    fn without_segmentation(&self) {
        for host in [&self.a, &self.b] {
            assert!(host.sh("ethtool -K eth0 tso off gso off").status.success());
        }
    }

    /// Waits until the program is off `inside`: a program that another test is starting has our descriptors until it runs.
    fn is_without_program(&self) {
        wait::until("a device without a program", || {
            (self.program("inside") == "none").then_some(())
        });
    }

    /// What `ip` says of the program on a device.
    fn program(&self, device: &str) -> &'static str {
        let said = self.firewall.ip(&format!("-d link show {device}"));
        match () {
            () if said.contains("xdpgeneric") => "generic",
            () if said.contains("prog/xdp") => "native",
            () => "none",
        }
    }
}

fn checksums_are_right(data: &[u8]) -> bool {
    let frame = Frame {
        link: LinkType::Ethernet,
        data,
        wire_len: u32::try_from(data.len()).unwrap(),
    };
    match frame.parse() {
        Ok(Parsed::Ip(packet)) => frame.verify_checksums(&packet).is_ok(),
        other => panic!("not an IP packet: {other:?}"),
    }
}

#[test]
fn ping_and_tcp_arrive_whole_through_a_program_in_the_driver() {
    if netns::skip("ping_and_tcp_arrive_whole_through_a_program_in_the_driver") {
        return;
    }
    let path = Path::new();
    let pump = path.pump(XdpMode::Auto);
    assert_eq!(path.program("inside"), "native");
    passes(&path);
    ended_well(pump.stop());
    path.is_without_program();
}

#[test]
fn ping_and_tcp_arrive_whole_through_a_generic_program() {
    if netns::skip("ping_and_tcp_arrive_whole_through_a_generic_program") {
        return;
    }
    let path = Path::new();
    path.without_segmentation();
    let pump = path.pump(XdpMode::Generic);
    assert_eq!(path.program("inside"), "generic");
    passes(&path);
    ended_well(pump.stop());
}

/// The ends leave checksums to their devices, which leave them to us.
fn passes(path: &Path) {
    for address in ["192.0.2.2", "2001:db8::2"] {
        let ping = path.a.sh(&format!("ping -c 3 -i 0.01 -W 5 {address}"));
        assert!(ping.status.success(), "{ping:?}");
    }
    for address in ["192.0.2.2:8000", "[2001:db8::2]:8000"] {
        exchange(&path.a, &path.b, address.parse().unwrap(), 2 << 20);
    }
}

fn ended_well(mut pumped: Pumped) {
    let lost = Transmitted {
        sent: 0,
        no_room: 0,
        ..pumped.sent
    };
    assert_eq!(lost.lost(), 0, "{pumped:?}");
    for port in &mut pumped.ports {
        let drops = port.drops();
        assert_eq!((drops.truncated, drops.offload), (0, 0));
        assert_eq!(port.backend(), "af-xdp");
    }
}

#[test]
fn checksums_cross_between_a_tap_and_af_xdp() {
    if netns::skip("checksums_cross_between_a_tap_and_af_xdp") {
        return;
    }
    let path = Path::new();
    let workload = Namespace::new("workload");
    let settings = TapSettings {
        netns: Some(Netns::named(workload.name()).unwrap()),
        addresses: vec![
            ("192.0.2.3".parse().unwrap(), 24),
            ("2001:db8::3".parse().unwrap(), 64),
        ],
        ..TapSettings::named("eth0")
    };
    let tap = Tap::open(&settings, 0).unwrap();
    // A tap takes and gives checksums as they are; segmentation has to be done before.
    let offload = workload.sh("ethtool -K eth0 tso off gso off");
    assert!(offload.status.success(), "{offload:?}");
    let outside = path.open("outside", XdpMode::Native);
    let pump = Pump::start(vec![Box::new(tap), Box::new(outside)], |from| 1 - from);
    for address in ["192.0.2.2:8000", "[2001:db8::2]:8000"] {
        exchange(&workload, &path.b, address.parse().unwrap(), 1 << 20);
    }
    let pumped = pump.stop();
    assert_eq!((pumped.sent.failed, pumped.sent.too_large), (0, 0));
}

#[test]
fn vlan_tags_stay_in_the_frame() {
    if netns::skip("vlan_tags_stay_in_the_frame") {
        return;
    }
    for mode in [XdpMode::Native, XdpMode::Generic] {
        let path = Path::new();
        let pump = path.pump(mode);
        let (mut from, mut to) = (Station::open(&path.a, "eth0"), Tags::open(&path.b, "eth0"));
        let plain = frame::udp("192.0.2.1:1", "192.0.2.2:2", b"tagged");
        let frames = [
            plain.clone(),
            frame::with_vlan(plain.clone(), 100),
            frame::with_qinq(plain.clone(), 7, 8),
        ];
        let heard = cross(&mut from, &mut to, &frames);
        let heard: Vec<_> = heard.iter().filter(|f| f.ends_with(b"tagged")).collect();
        assert_eq!(heard, frames.iter().collect::<Vec<_>>(), "{mode:?}");
        pump.stop();
    }
}

#[test]
fn what_is_left_undone_is_done_or_refused_on_the_way_out() {
    if netns::skip("what_is_left_undone_is_done_or_refused_on_the_way_out") {
        return;
    }
    let path = Path::new();
    path.firewall.ip("link set outside mtu 600");
    let mut port = path.open("outside", XdpMode::Auto);
    assert_eq!(port.mtu(), Some(600));
    let mut to = Tags::open(&path.b, "eth0");

    let whole = frame::udp("192.0.2.1:1", "192.0.2.2:2", b"unfinished");
    let mut partial = whole.clone();
    // The sum of the pseudo-header: 192.0.2.1, 192.0.2.2, UDP, 18 bytes.
    let sum: u32 = 0xc000 + 0x0201 + 0xc000 + 0x0202 + 17 + 18;
    let sum = u16::try_from((sum & 0xffff) + (sum >> 16)).unwrap();
    partial[40..42].copy_from_slice(&sum.to_be_bytes());
    assert!(!checksums_are_right(&partial));
    let left = |flags, gso_type| LiveFrame {
        vnet: VnetHeader {
            flags,
            gso_type,
            csum_start: 34,
            csum_offset: 6,
            ..VnetHeader::default()
        },
        ..LiveFrame::whole(&partial)
    };
    let large = frame::udp("192.0.2.1:1", "192.0.2.2:2", &[1; 600 - 28 + 1]);
    let largest = frame::udp("192.0.2.1:1", "192.0.2.2:2", &[1; 600 - 28]);
    let tagged = frame::with_vlan(largest.clone(), 5);
    let done = port.transmit(&[
        LiveFrame::whole(&large),
        left(VnetHeader::NEEDS_CSUM, 1),
        left(VnetHeader::NEEDS_CSUM, 0),
        LiveFrame::whole(&largest),
        LiveFrame::whole(&tagged),
    ]);
    let expected = Transmitted {
        sent: 3,
        too_large: 1,
        failed: 1,
        ..Transmitted::default()
    };
    assert_eq!(done, expected);
    let mut heard = Vec::new();
    wait::until("three frames", || {
        let new = to.hear();
        heard.extend(new.filter(|frame| frame[..6] == whole[..6]));
        (heard.len() == 3).then_some(())
    });
    assert_eq!(heard, [whole, largest, tagged]);

    path.firewall.ip("link set outside mtu 1500");
    wait::until("the new MTU", || {
        port.receive(BURST).unwrap();
        (port.mtu() == Some(1500)).then_some(())
    });
    assert_eq!(port.transmit(&[LiveFrame::whole(&large)]).sent, 1);
}

#[test]
fn a_frame_that_fits_no_chunk_is_counted() {
    if netns::skip("a_frame_that_fits_no_chunk_is_counted") {
        return;
    }
    let path = Path::new();
    let warned = path.open("inside", XdpMode::Generic);
    assert!(warned.warnings()[0].to_string().contains("tso off"));
    drop(warned);
    let pump = path.pump(XdpMode::Generic);
    let listener = path.b.enter(|| TcpListener::bind("192.0.2.2:9").unwrap());
    let connect = || TcpStream::connect("192.0.2.2:9").unwrap();
    let mut sender = path.a.enter(connect);
    let _receiver = listener.accept().unwrap();
    sender.write_all(&[1; 60_000]).unwrap();
    let mut pumped = pump.stop();
    let count = wait::until("a count", || {
        let drops = pumped.ports[0].drops();
        (drops.truncated > 0).then_some(drops)
    });
    assert_eq!(count.ring, 0);
}

#[test]
fn a_device_that_goes_says_so() {
    if netns::skip("a_device_that_goes_says_so") {
        return;
    }
    for mode in [XdpMode::Native, XdpMode::Generic] {
        let path = Path::new();
        let mut port = path.open("inside", mode);
        let mut next = || {
            wait::until("news of the device", || match port.receive(BURST) {
                Ok(_) => None,
                Err(error) => Some((error, crate::pump::is_readable(&port))),
            })
        };
        path.firewall.ip("link set inside down");
        assert!(matches!(next(), (ReceiveError::Down, _)));
        path.firewall.ip("link del inside");
        assert!(matches!(next(), (ReceiveError::Gone(Gone::Deleted), _)));
        let told_again = port.receive(BURST);
        assert!(matches!(told_again, Err(ReceiveError::Gone(Gone::Deleted))));
        let frame = frame::udp("192.0.2.1:1", "192.0.2.2:2", b"late");
        assert_eq!(port.transmit(&[LiveFrame::whole(&frame)]).down, 1);

        // Up to its end, and another of its name is another device.
        let mut port = path.open("outside", mode);
        path.firewall.ip("link del outside");
        veth((&path.b, "eth0"), (&path.firewall, "outside"));
        let error = wait::until("news of the device", || port.receive(BURST).err());
        assert!(matches!(error, ReceiveError::Gone(Gone::Deleted)));
    }
}

#[test]
fn a_device_that_comes_back_up_goes_on() {
    if netns::skip("a_device_that_comes_back_up_goes_on") {
        return;
    }
    let path = Path::new();
    let pump = path.pump(XdpMode::Auto);
    let ping = || path.a.sh("ping -c 1 -W 1 192.0.2.2").status.success();
    wait::until("a first answer", || ping().then_some(()));
    path.firewall.ip("link set outside down");
    assert!(!ping());
    path.firewall.ip("link set outside up");
    wait::until("an answer after the device came up", || {
        ping().then_some(())
    });
    pump.stop();
}

#[test]
fn a_port_opens_again_at_once() {
    if netns::skip("a_port_opens_again_at_once") {
        return;
    }
    let path = Path::new();
    for _ in 0..5 {
        drop(path.open("inside", XdpMode::Auto));
    }
    let first = path.open("inside", XdpMode::Auto);
    let settings = AfXdpSettings::new("inside");
    let second = path.firewall.enter(|| AfXdp::open(&settings));
    assert!(matches!(second, Err(AfXdpError::Busy { queue: 0, .. })));
    drop(first);
    path.is_without_program();
}

#[test]
fn what_a_device_or_driver_cannot_do_is_said() {
    if netns::skip("what_a_device_or_driver_cannot_do_is_said") {
        return;
    }
    let path = Path::new();
    let refusal = |settings: AfXdpSettings| {
        let opened = path.firewall.enter(|| AfXdp::open(&settings));
        opened.unwrap_err().to_string()
    };
    let usual = AfXdpSettings::new("inside");
    assert_eq!(
        refusal(AfXdpSettings::new("nothing")),
        "there is no device 'nothing'"
    );
    let odd = AfXdpSettings {
        frames: 100,
        ..usual.clone()
    };
    assert!(refusal(odd).contains("power of two"));
    let zero_copy = AfXdpSettings {
        copy: CopyMode::ZeroCopy,
        ..usual.clone()
    };
    assert!(refusal(zero_copy).contains("has no zero-copy"));
    let native = AfXdpSettings {
        mode: XdpMode::Native,
        ..AfXdpSettings::new("br0")
    };
    path.firewall.ip("link add br0 type bridge");
    path.firewall.ip("link set br0 up");
    assert!(refusal(native).contains("native"));
    path.firewall.ip("link set inside mtu 9000");
    assert!(refusal(usual.clone()).contains("MTU of 9000"));
    path.firewall.ip("link set inside mtu 1500");
    let port = path.open("inside", XdpMode::Auto);
    assert!(port.is_native() && !port.is_zero_copy());
    assert_eq!(port.warnings(), []);
    let other = AfXdpSettings {
        mode: XdpMode::Generic,
        ..usual
    };
    assert!(refusal(other).contains("other settings"));
}

#[test]
fn the_program_goes_with_its_process() {
    if netns::skip("the_program_goes_with_its_process") {
        return;
    }
    let path = Path::new();
    let test = std::env::current_exe().unwrap();
    let mut command = path.firewall.command(test.to_str().unwrap());
    command.args(["--ignored", "--exact", "--nocapture"]);
    command.arg("af_xdp::holds_the_device_until_it_is_killed");
    let mut holder = Process::spawn("a process with a port", &mut command);
    holder.wait_for("it is open");
    assert_eq!(path.program("inside"), "native");
    holder.signal(rustix::process::Signal::KILL);
    assert_eq!(holder.code(), 128 + 9);
    // Opened while the kernel is still cleaning up.
    let port = path.open("inside", XdpMode::Auto);
    drop(port);
    path.is_without_program();
}

#[test]
#[ignore = "the other half of the_program_goes_with_its_process, which runs it in a process of its own"]
fn holds_the_device_until_it_is_killed() {
    let port = AfXdp::open(&AfXdpSettings::new("inside")).unwrap();
    println!("it is open");
    loop {
        std::thread::park();
        assert!(port.is_native());
    }
}

#[test]
fn each_queue_of_a_device_has_its_shard() {
    if netns::skip("each_queue_of_a_device_has_its_shard") {
        return;
    }
    let (a, firewall) = (Namespace::new("a"), Namespace::new("fw"));
    for host in [&a, &firewall] {
        host.quiet();
    }
    a.ip(&format!(
        "link add eth0 numrxqueues 2 numtxqueues 2 type veth peer name inside numrxqueues 2 numtxqueues 2 netns {}",
        firewall.name()
    ));
    a.ip("link set eth0 up");
    firewall.ip("link set inside up");
    let settings = |queue, queues| AfXdpSettings {
        queue,
        queues,
        ..AfXdpSettings::new("inside")
    };
    let open = |queue, queues| firewall.enter(|| AfXdp::open(&settings(queue, queues)));
    let refused = open(0, 1).unwrap_err().to_string();
    assert!(
        refused.contains("'ethtool -L inside combined 1'"),
        "{refused}"
    );
    assert!(matches!(
        open(2, 2),
        Err(AfXdpError::Queue {
            queue: 2,
            served: 2
        })
    ));

    let mut shards = [open(0, 2).unwrap(), open(1, 2).unwrap()];
    let has_program = || firewall.ip("-d link show inside").contains("prog/xdp");
    let mut from = Station::open(&a, "eth0");
    let flows: Vec<_> = (1..=64)
        .map(|port| frame::udp(&format!("192.0.2.1:{port}"), "192.0.2.2:53", b"flow"))
        .collect();
    for flow in &flows {
        from.send(flow);
    }
    let mut heard = [Vec::new(), Vec::new()];
    wait::until("all frames at both shards", || {
        for (shard, heard) in shards.iter_mut().zip(&mut heard) {
            let count = shard.receive(BURST).unwrap();
            heard.extend((0..count).map(|index| shard.frame(index).data.to_vec()));
        }
        (heard[0].len() + heard[1].len() == flows.len()).then_some(())
    });
    assert!(
        heard.iter().all(|heard| heard.len() > 8),
        "spread over both"
    );
    let [first, second] = shards;
    drop(first);
    assert!(has_program());
    drop(second);
    wait::until("a device without a program", || {
        (!has_program()).then_some(())
    });
}
