//! What people run through a firewall, with all offloads left on.

use std::net::SocketAddr;

use secgroup_testkit::netns::Namespace;
use secgroup_testkit::process::Process;
use secgroup_testkit::wait;
use serde_json::Value;

use crate::support::{
    ANY, ANY6, Backend, I, I6, Lab, O, O6, Policy, ROUTER, Server, Setup, connect, everything,
    live, never_pings, ping, pings, tcp, udp,
};

/// Runs a program that has to end well, and gives what it printed.
#[track_caller]
fn run(host: &Namespace, line: &str) -> String {
    let output = host.sh(line);
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line}\n{printed}{complained}");
    printed
}

/// Starts a server, and returns when it listens on TCP.
#[track_caller]
fn serve(host: &Namespace, line: &str, address: &str) -> Process {
    let mut server = Process::spawn(
        line,
        host.command("sh").args(["-c", &format!("exec {line}")]),
    );
    let address: SocketAddr = address.parse().expect("an address and a port");
    let listening = wait::maybe(wait::PATIENCE, || {
        let ended = server.ended().is_some();
        let open = host.enter(|| std::net::TcpStream::connect(address)).is_ok();
        (open || ended).then_some(open)
    });
    assert!(listening == Some(true), "{server:?}");
    server
}

live! {
    fn ssh_and_netcat() {
        let lab = Lab::new(&Setup::hosts(Policy::new(&[tcp(22, ANY), tcp(7, ANY6)], &everything())));
        let folder = lab.folder().display().to_string();
        run(&lab.instance, &format!("ssh-keygen -q -t ed25519 -N '' -f {folder}/key && cp {folder}/key.pub {folder}/authorized && chmod 600 {folder}/authorized && mkdir -p /run/sshd"));
        let options = format!("-o HostKey={folder}/key -o AuthorizedKeysFile={folder}/authorized -o PidFile=none -o StrictModes=no -o UsePAM=no -o PermitRootLogin=yes -o ListenAddress={I}");
        let _server = serve(&lab.instance, &format!("/usr/sbin/sshd -D -e -f /dev/null {options}"), &format!("{I}:22"));
        let client = format!("ssh -i {folder}/key -F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile={folder}/known");
        let said = run(&lab.outside, &format!("{client} root@{I} 'echo through; cat' < /dev/null"));
        assert_eq!(said, "through\n");
        let mut listener = Process::spawn("nc", lab.instance.command("nc").args(["-6", "-l", "-n", "-v", I6, "7"]));
        listener.wait_for("Listening");
        run(&lab.outside, &format!("echo over IPv6 | nc -6 -N -w 5 {I6} 7"));
        listener.wait_for("over IPv6");
    }

    fn curl_over_tls() {
        let lab = Lab::new(&Setup::hosts(Policy::new(&[tcp(443, ANY), tcp(443, ANY6)], &everything())));
        let folder = lab.folder().display().to_string();
        run(&lab.instance, &format!("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {folder}/key.pem -out {folder}/cert.pem -days 1 -subj /CN=web -addext 'subjectAltName=IP:{I},IP:{I6}' 2>&1"));
        run(&lab.instance, &format!("head -c 300000 /dev/urandom > {folder}/page"));
        let _server = serve(&lab.instance, &format!("sh -c 'cd {folder} && exec openssl s_server -quiet -accept 443 -cert cert.pem -key key.pem -WWW'"), &format!("{I}:443"));
        for host in [I.to_owned(), format!("[{I6}]")] {
            run(&lab.outside, &format!("curl -sS --fail -m 10 --http1.0 --cacert {folder}/cert.pem -o {folder}/got https://{host}/page && cmp {folder}/page {folder}/got"));
        }
    }

    fn dig_over_udp_and_tcp() {
        let lab = Lab::new(&Setup::hosts(Policy::of_aws()));
        let _server = serve(&lab.outside, "dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --pid-file= --user=root --bind-interfaces --address=/example.test/192.0.2.1 --txt-record=large.test,xxxxxxxx", &format!("{O}:53"));
        for way in ["+notcp", "+tcp"] {
            for server in [O, O6] {
                let said = run(&lab.instance, &format!("dig +short +tries=1 +time=5 {way} @{server} www.example.test"));
                assert_eq!(said, "192.0.2.1\n");
            }
        }
    }

    fn iperf3_tcp_and_udp_both_ways() {
        let lab = Lab::new(&Setup::hosts(Policy::new(&[tcp(5201, ANY), udp(5201, ANY)], &everything())));
        let mut server = Process::spawn("iperf3", lab.instance.command("iperf3").args(["-s", "--forceflush"]));
        server.wait_for("Server listening");
        for reverse in ["", "-R"] {
            let sums = iperf3(&lab, &format!("-n 200M {reverse}"));
            let received = sums["sum_received"]["bytes"].as_u64().unwrap();
            assert!(received >= 190 << 20, "{sums:#}");
            let sums = iperf3(&lab, &format!("-u -b 20M -n 1M -l 1400 {reverse}"));
            assert_eq!(sums["sum"]["lost_packets"], 0, "{sums:#}");
        }
        // Frames of many segments and with unfinished checksums went through as they were.
        let ports = lab.daemon().interface("I")["ports"].clone();
        for port in ports.as_array().unwrap() {
            for lost in ["truncated", "offload_drops"] {
                assert_eq!(port[lost], 0, "{port:#}");
            }
        }
    }

    /// Time exceeded from a router on the way, port unreachable from the end, both about probes that were let out.
    fn traceroute_sees_the_way() {
        let lab = Lab::new(&Setup::hosts(Policy::of_aws()));
        for probes in ["", "-I", "-T -p 81"] {
            let said = run(&lab.instance, &format!("traceroute -n -q 1 -w 2 {probes} {O}"));
            assert!(said.contains(&format!(" 1  {ROUTER} ")), "{said}");
            assert!(said.contains(&format!(" 2  {O} ")), "{said}");
        }
        let said = run(&lab.instance, &format!("traceroute -6 -n -q 1 -w 2 {O6}"));
        assert!(said.contains(&format!(" 2  {O6} ")), "{said}");
        assert!(lab.daemon().packets("I", "ingress", "related") > 0);
    }

    /// A router on the way with a smaller MTU says so, and is heard without a rule (scenario 27).
    fn path_mtu_discovery() {
        let lab = Lab::new(&Setup::hosts(Policy::of_aws()));
        for (host, device) in [(&lab.network, "out0"), (&lab.outside, "eth0")] {
            host.ip(&format!("link set {device} mtu 1280"));
        }
        // The answer of a router to a datagram that it may not cut.
        let said = String::from_utf8_lossy(&lab.instance.sh(&format!("ping -n -c 1 -W 2 -M do -s 1400 {O}")).stdout).into_owned();
        assert!(said.contains("mtu = 1280") || said.contains("mtu=1280"), "{said}");
        let said = run(&lab.instance, &format!("tracepath -n -m 4 {O}"));
        assert!(said.contains("pmtu 1280"), "{said}");
        let said = run(&lab.instance, &format!("tracepath -6 -n -m 4 {O6}"));
        assert!(said.contains("pmtu 1280"), "{said}");
        connect(&Server::new(&lab.outside, &format!("{O}:80")), &lab.instance);
        connect(&Server::new(&lab.outside, &format!("[{O6}]:80")), &lab.instance);
        assert!(lab.daemon().packets("I", "ingress", "related") >= 2);
    }

    /// Where the two devices of an interface differ, we are the router that says so.
    fn unequal_mtus_are_told() {
        let setup = Setup { mtu: [9000, 1500], ..Setup::hosts(Policy::of_aws()) };
        let mut lab = Lab::new(&setup);
        lab.daemon_mut().logs("MTU");
        for (probe, server) in [
            (format!("ping -n -c 1 -W 2 -M do -s 4000 {O}"), format!("{O}:80")),
            (format!("ping -6 -n -c 1 -W 2 -M do -s 4000 {O6}"), format!("[{O6}]:80")),
        ] {
            let said = String::from_utf8_lossy(&lab.instance.sh(&probe).stdout).into_owned();
            assert!(said.contains("1500"), "{probe}: {said}");
            connect(&Server::new(&lab.outside, &server), &lab.instance);
        }
        let interface = lab.daemon().interface("I");
        assert!(interface["oversize"].as_u64().unwrap() >= 2, "{interface:#}");
        assert!(interface["oversize_told"].as_u64().unwrap() >= 2, "{interface:#}");
    }

    /// IPv6 between neighbours comes up without a rule; a ping does not.
    fn neighbour_discovery_without_rules() {
        let lab = Lab::new(&Setup::hosts(Policy::new(&[], &[udp(0, ANY).to(65_535)])));
        let lost = format!("ping -n -c 1 -W 0.2 {}", crate::support::ROUTER6);
        assert!(!lab.instance.sh(&lost).status.success());
        let neighbours = lab.instance.ip(&format!("-6 neigh show {}", crate::support::ROUTER6));
        assert!(neighbours.contains("lladdr"), "{neighbours:?}");
        // The router asks, too.
        let lost = format!("ping -n -c 1 -W 0.2 {I6}");
        assert!(!lab.network.sh(&lost).status.success());
        let neighbours = lab.network.ip(&format!("-6 neigh show {I6}"));
        assert!(neighbours.contains("lladdr"), "{neighbours:?}");
        never_pings(&lab, &lab.outside, &lab.instance, I);
    }

    /// A lease, and nothing else, without a rule.
    fn dhcp_without_rules() {
        let lab = Lab::new(&Setup::hosts(Policy::new(&[], &[])));
        let folder = lab.folder().display().to_string();
        lab.instance.ip("-4 addr flush dev eth0");
        let mut server = Process::spawn("dnsmasq", lab.network.command("dnsmasq").args([
            "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--user=root", "--pid-file=", "--interface=br0",
            "--bind-interfaces", "--dhcp-range=10.0.0.10,10.0.0.10", "--log-dhcp", "--log-facility=-",
            &format!("--dhcp-leasefile={folder}/leases"),
        ]));
        server.wait_for("DHCP, IP range");
        let script = lab.write("lease.sh", "#!/bin/sh\n[ -z \"$new_ip_address\" ] || ip addr add \"$new_ip_address/24\" dev \"$interface\"\n");
        std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        run(&lab.instance, &format!("timeout 20 dhclient -4 -1 -d -sf {} -lf {folder}/client -pf {folder}/pid eth0 2> {folder}/log & \
            client=$!; i=0; until grep -q bound {folder}/log; do i=$((i+1)); [ $i -lt 1000 ] || {{ cat {folder}/log; kill $client; exit 1; }}; sleep 0.01; done; kill $client", script.display()));
        assert!(lab.instance.ip("-4 addr show dev eth0").contains(I));
        assert!(lab.daemon().packets("I", "ingress", "exempt") >= 2);
    }

    /// TCP at full size and by every backend that takes it: the offloads of the ends are left alone.
    fn large_frames_cross_the_default_backend_whole() {
        let lab = Lab::new(&Setup::hosts(Policy::open()).backend(Backend::AfPacketV2));
        let server = Server::new(&lab.instance, &format!("{I}:80"));
        for _ in 0..4 {
            connect(&server, &lab.outside);
        }
        let port = lab.daemon().interface("I")["ports"][1].clone();
        let frames = port["received"].as_u64().unwrap();
        let bytes = lab.daemon().interface("I")["verdicts"].as_array().unwrap().iter()
            .filter(|line| line["direction"] == "ingress")
            .map(|line| line["bytes"].as_u64().unwrap())
            .sum::<u64>();
        assert!(bytes / frames > 1500, "{bytes} bytes in {frames} frames: no frame of many segments");
    }

    fn ping_in_a_hurry() {
        let lab = Lab::new(&Setup::hosts(Policy::new(&ping(), &everything())));
        pings(&lab.outside, "-f -c 500 -q", I);
        pings(&lab.instance, "-f -c 500 -q", O6);
    }
}

/// A run of iperf3 from the host outside; its sums.
#[track_caller]
fn iperf3(lab: &Lab, options: &str) -> Value {
    // A server that is still busy with the run before says so, or is about to listen again.
    let result = wait::until("the server of iperf3", || {
        let output = lab
            .outside
            .sh(&format!("timeout 20 iperf3 -J -c {I} {options}"));
        let result: Value = serde_json::from_slice(&output.stdout).expect("iperf3 -J prints JSON");
        let error = result["error"].as_str().unwrap_or_default();
        let later = error.contains("busy") || error.contains("refused");
        (!later).then_some(result)
    });
    assert!(result["error"].is_null(), "{}", result["error"]);
    result["end"].clone()
}
