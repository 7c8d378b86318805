//! A port that the host does not hear, against the real kernel.
//!
//! The firewall's host has an address on *another* device, and the workload sends to it with the hardware address of its own port: nothing but
//! the shield stands between them.

use std::net::UdpSocket;
use std::time::Duration;

use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
use secgroup_io::live::device::Device;
use secgroup_io::live::shield::{Shield, ShieldError};
use secgroup_testkit::netns::{self, Namespace, veth};
use secgroup_testkit::station::{Station, cross};
use secgroup_testkit::{frame, wait};

/// An address of the host, on a device that the workload has no cable to.
const HOST: &str = "198.51.100.1";

struct Hosts {
    workload: Namespace,
    firewall: Namespace,
    _elsewhere: Namespace,
}

impl Hosts {
    fn new() -> Self {
        let hosts = Self {
            workload: Namespace::new("workload"),
            firewall: Namespace::new("fw"),
            _elsewhere: Namespace::new("elsewhere"),
        };
        let (workload, firewall) = (&hosts.workload, &hosts.firewall);
        for which in ["all", "default"] {
            firewall.sysctl(&format!("net.ipv4.conf.{which}.rp_filter"), "0");
            firewall.sysctl(&format!("net.ipv4.conf.{which}.arp_ignore"), "0");
        }
        veth((firewall, "uplink"), (&hosts._elsewhere, "eth0"));
        firewall.ip(&format!("addr add {HOST}/24 dev uplink"));
        veth((workload, "eth0"), (firewall, "port"));
        workload.ip("addr add 192.0.2.2/24 dev eth0");
        let mac = hosts.device().mac.unwrap();
        workload.ip(&format!("neigh add 192.0.2.1 lladdr {mac} dev eth0"));
        workload.ip(&format!("route add {HOST} via 192.0.2.1 dev eth0"));
        hosts
    }

    /// The host knows its way back through the port: the worst case.
    fn route_back(&self) {
        self.firewall.ip("route add 192.0.2.2 dev port");
    }

    fn device(&self) -> Device {
        let device = self.firewall.enter(|| Device::find("port"));
        device.unwrap().expect("the device is there")
    }

    fn raise(&self) -> Shield {
        let device = self.device();
        self.firewall.enter(|| Shield::raise(&device)).unwrap()
    }

    fn setting(&self, name: &str) -> String {
        let read = || std::fs::read_to_string(format!("/proc/sys/net/{name}")).unwrap();
        self.firewall.enter(read).trim().to_owned()
    }

    fn pings(&self, address: &str) -> bool {
        let ping = format!("ping -c 1 -W 1 {address}");
        self.workload.sh(&ping).status.success()
    }

    fn connects(&self, port: u16) -> bool {
        let connect = format!("nc -z -w 1 {HOST} {port}");
        self.workload.sh(&connect).status.success()
    }

    /// The IPv6 address that the host has on the port by itself.
    fn link_local(&self) -> String {
        wait::until("a link-local address on the port", || {
            let said = self
                .firewall
                .ip("-6 -o addr show dev port scope link -tentative");
            let address = said
                .split_whitespace()
                .find(|word| word.starts_with("fe80"))?;
            Some(format!("{}%eth0", address.split('/').next()?))
        })
    }
}

/// Whether a datagram of the workload reaches a socket of the host.
fn reaches(hosts: &Hosts, socket: &UdpSocket, number: u8) -> bool {
    let from = hosts
        .workload
        .enter(|| UdpSocket::bind("192.0.2.2:0").unwrap());
    from.send_to(&[number], (HOST, 5000)).unwrap();
    let mut heard = [0];
    socket.recv(&mut heard).is_ok() && heard == [number]
}

fn host_socket(hosts: &Hosts) -> UdpSocket {
    let socket = hosts
        .firewall
        .enter(|| UdpSocket::bind((HOST, 5000)).unwrap());
    let patience = Duration::from_millis(300);
    socket.set_read_timeout(Some(patience)).unwrap();
    socket
}

#[test]
fn the_host_hears_nothing_of_what_we_hear() {
    if netns::skip("the_host_hears_nothing_of_what_we_hear") {
        return;
    }
    let hosts = Hosts::new();
    hosts.route_back();
    let (firewall, link_local) = (&hosts.firewall, hosts.link_local());
    let socket = host_socket(&hosts);
    let listener = firewall.enter(|| std::net::TcpListener::bind((HOST, 22)).unwrap());

    // The hole that is to be closed.
    wait::until("an answer from the host", || {
        hosts.pings(HOST).then_some(())
    });
    assert!(hosts.connects(22));
    assert!(reaches(&hosts, &socket, 1));
    wait::until("an answer by IPv6", || {
        hosts.pings(&link_local).then_some(())
    });

    let shield = hosts.raise();
    assert_eq!((shield.is_complete(), shield.gap()), (true, None));
    assert!(!hosts.pings(HOST));
    assert!(!hosts.connects(22));
    assert!(!reaches(&hosts, &socket, 2));
    assert!(!hosts.pings(&link_local));
    hosts.workload.ip("neigh flush dev eth0 nud all");
    assert!(!hosts.pings("192.0.2.1"));
    assert_eq!(hosts.setting("ipv6/conf/port/disable_ipv6"), "1");
    // A packet socket hears all the same.
    let mut from = Station::open(&hosts.workload, "eth0");
    let mut to = Station::open(firewall, "port");
    let sent = frame::udp("192.0.2.2:1", "198.51.100.1:2", b"heard");
    let heard = cross(&mut from, &mut to, std::slice::from_ref(&sent));
    assert!(heard.contains(&sent));

    drop(shield);
    let mac = hosts.device().mac.unwrap();
    let neighbour = format!("neigh replace 192.0.2.1 lladdr {mac} dev eth0");
    hosts.workload.ip(&neighbour);
    wait::until("the host's answer again", || {
        hosts.pings(HOST).then_some(())
    });
    assert_eq!(hosts.setting("ipv6/conf/port/disable_ipv6"), "0");
    drop(listener);
}

#[test]
fn without_the_program_the_settings_keep_most_of_it_out() {
    if netns::skip("without_the_program_the_settings_keep_most_of_it_out") {
        return;
    }
    let hosts = Hosts::new();
    let socket = host_socket(&hosts);
    assert!(reaches(&hosts, &socket, 1), "the hole that is to be closed");

    let device = hosts.device();
    let shield = hosts.firewall.enter(|| {
        // Of this thread alone, which ends with the call.
        let mut ours = capabilities(None).unwrap();
        ours.effective -= CapabilitySet::BPF | CapabilitySet::SYS_ADMIN;
        set_capabilities(None, ours).unwrap();
        Shield::raise(&device).unwrap()
    });
    let gap = shield.gap().unwrap();
    assert!(!shield.is_complete());
    assert!(gap.contains("needs Linux 6.6 and CAP_BPF"), "{gap}");
    assert!(!reaches(&hosts, &socket, 2));
    hosts.workload.ip("neigh flush dev eth0 nud all");
    assert!(!hosts.pings(HOST), "the host answers no ARP");
    let settings = [
        "ipv4/conf/port/arp_ignore",
        "ipv4/conf/port/rp_filter",
        "ipv6/conf/port/disable_ipv6",
    ];
    assert_eq!(settings.map(|name| hosts.setting(name)), ["8", "1", "1"]);
    drop(shield);
    assert_eq!(settings.map(|name| hosts.setting(name)), ["0", "0", "0"]);
}

#[test]
fn a_device_that_the_host_uses_is_no_port() {
    if netns::skip("a_device_that_the_host_uses_is_no_port") {
        return;
    }
    let hosts = Hosts::new();
    hosts.firewall.ip("addr add 192.0.2.1/24 dev port");
    let refused = Shield::check(&hosts.device());
    assert!(matches!(refused, Err(ShieldError::HasAddress { .. })));
    hosts.firewall.ip("addr flush dev port");
    assert_eq!(Shield::check(&hosts.device()), Ok(()));
    hosts.firewall.ip("link add br0 type bridge");
    hosts.firewall.ip("link set port master br0");
    let refused = Shield::check(&hosts.device());
    assert!(matches!(refused, Err(ShieldError::HasMaster { .. })));
    hosts.firewall.ip("link set port nomaster");
    assert_eq!(Shield::check(&hosts.device()), Ok(()));
}
