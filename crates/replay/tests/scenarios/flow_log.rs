//! Rules of VPC Flow Logs (semantics G) as packet traces: what the interfaces' logs say of them. Every trace begins at [`START`], which is the
//! beginning of a window of 60 s and of 600 s.

use secgroup_flowlog::{Destination, Encoding, Traffic};
use secgroup_model::{
    AccountId, InstanceId, Inventory, NetworkInterfaceId, Subnet, SubnetId, Tags, Vpc, VpcId,
};
use secgroup_replay::{FlowLogPlan, Plan, run};
use secgroup_testkit::capture::Pcap;
use secgroup_testkit::trace::Trace;

use crate::support::policy;

/// In seconds since 1970; those of the documents' ICMP sample (G25).
const START: u64 = 1_432_917_000;

/// A log to be.
struct Case {
    policy: Inventory,
    format: &'static str,
    interval: u32,
    traffic: Traffic,
}

/// A log of the default format, one record a flow.
fn log(rules: &str) -> Case {
    let mut policy = policy(rules);
    // No trace is about it.
    policy.interfaces.remove(&NetworkInterfaceId::new("J"));
    Case {
        policy,
        format: "",
        interval: 600,
        traffic: Traffic::All,
    }
}

impl Case {
    fn format(mut self, format: &'static str) -> Self {
        self.format = format;
        self
    }

    fn interval(mut self, seconds: u32) -> Self {
        self.interval = seconds;
        self
    }

    fn traffic(mut self, traffic: Traffic) -> Self {
        self.traffic = traffic;
        self
    }

    fn policy(mut self, change: impl FnOnce(&mut Inventory)) -> Self {
        change(&mut self.policy);
        self
    }

    /// The records of a trace, sorted; times are seconds since the start.
    #[track_caller]
    fn of(self, trace: &str, expected: &[&str]) {
        let folder = tempfile::tempdir().unwrap();
        let (capture, to) = (folder.path().join("a.pcap"), folder.path().join("a.log"));
        let frames = Trace::parse(trace).frames(START * 1_000_000_000);
        std::fs::write(&capture, Pcap::nano().file(&frames)).unwrap();
        let format = match self.format {
            "" => secgroup_flowlog::Format::default(),
            names => {
                let fields: Vec<_> = names
                    .split(' ')
                    .map(|name| format!("${{{name}}}"))
                    .collect();
                fields.join(" ").parse().unwrap()
            }
        };
        let plan = Plan {
            flow_log: Some(FlowLogPlan {
                destination: Destination::File(to.clone()),
                encoding: Encoding::Text,
                format: format.clone(),
                traffic: self.traffic,
                interval: self.interval,
                account: "123456789010".to_owned(),
                region: "us-east-1".to_owned(),
            }),
            ..Plan::new(vec![capture], self.policy)
        };
        run(plan, &mut |_| {}).unwrap();
        let text = std::fs::read_to_string(to).unwrap();
        let mut lines = text.lines();
        let header = lines.next().unwrap();
        assert_eq!(
            header.replace(' ', "} ${"),
            format.to_string()[2..format.to_string().len() - 1]
        );
        let mut records: Vec<_> = lines
            .map(|line| {
                line.split(' ')
                    .map(since_start)
                    .collect::<Vec<_>>()
                    .join(" ")
            })
            .collect();
        records.sort();
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(records, expected);
    }
}

/// A time as seconds since the start, with a mark; any other word as it is.
fn since_start(word: &str) -> String {
    match word.parse::<u64>() {
        Ok(time) if time.abs_diff(START) < 100_000 => format!("+{}", time - START),
        _ => word.to_owned(),
    }
}

const OPEN: &str = "i ingress tcp 22 from 0.0.0.0/0\n i ingress icmp -1/-1 from 0.0.0.0/0";
/// What most of these are about.
const SHORT: &str =
    "interface-id srcaddr dstaddr srcport dstport packets start end action log-status";

#[test]
fn an_allowed_request_and_its_answer_are_two_records() {
    // G15: although no egress rule permits anything. G7: four pings are 336 bytes. G6: ports are 0.
    log(OPEN).of(
        "
        +27   203.0.113.12 > 10.0.0.10  ping seq 1 len 56 |
        +0.1  10.0.0.10 > 203.0.113.12  pong seq 1 len 56 |
        +38   203.0.113.12 > 10.0.0.10  ping seq 2 len 56 |
        +38   203.0.113.12 > 10.0.0.10  ping seq 3 len 56 |
        +38.9 203.0.113.12 > 10.0.0.10  ping seq 4 len 56 |
        ",
        &[
            "2 123456789010 I 203.0.113.12 10.0.0.10 0 0 1 4 336 +27 +142 ACCEPT OK",
            "2 123456789010 I 10.0.0.10 203.0.113.12 0 0 1 1 84 +27 +27 ACCEPT OK",
        ],
    );
}

#[test]
fn what_is_denied_is_one_record() {
    // G15.
    log(OPEN).of(
        "
        +1 172.31.9.69:49761 > 10.0.0.10:3389 tcp S |
        +1 172.31.9.69:49761 > 10.0.0.10:3389 tcp S |
        ",
        &["2 123456789010 I 172.31.9.69 10.0.0.10 49761 3389 6 2 80 +1 +2 REJECT OK"],
    );
}

#[test]
fn packets_after_the_close_are_rejected() {
    // G14: the same flow has a record for each action.
    log(OPEN).format(SHORT).of(
        "
        0  203.0.113.7:40000 > 10.0.0.10:22 tcp S  |
        1  10.0.0.10:22 > 203.0.113.7:40000 tcp SA |
        2  203.0.113.7:40000 > 10.0.0.10:22 tcp A  |
        3  203.0.113.7:40000 > 10.0.0.10:22 tcp R  |
        20 10.0.0.10:22 > 203.0.113.7:40000 tcp A  |
        21 203.0.113.7:40000 > 10.0.0.10:22 tcp A  |
        ",
        &[
            "I 203.0.113.7 10.0.0.10 40000 22 3 +0 +3 ACCEPT OK",
            "I 10.0.0.10 203.0.113.7 22 40000 1 +1 +1 ACCEPT OK",
            "I 10.0.0.10 203.0.113.7 22 40000 1 +20 +20 REJECT OK",
            "I 203.0.113.7 10.0.0.10 40000 22 1 +21 +21 REJECT OK",
        ],
    );
}

#[test]
fn flags_of_one_interval_are_those_of_the_documents() {
    // G8: the client's SYN and FIN are 3, the server's SYN-ACK and FIN 19.
    log(OPEN).format("srcaddr tcp-flags").of(
        "
        0  203.0.113.7:43638 > 10.0.0.10:22 tcp S  |
        +0 10.0.0.10:22 > 203.0.113.7:43638 tcp SA |
        +0 203.0.113.7:43638 > 10.0.0.10:22 tcp A  |
        +0 203.0.113.7:43638 > 10.0.0.10:22 tcp PA \"x\" |
        +0 203.0.113.7:43638 > 10.0.0.10:22 tcp FA |
        +0 10.0.0.10:22 > 203.0.113.7:43638 tcp FA |
        +0 203.0.113.7:43638 > 10.0.0.10:22 tcp A  |
        ",
        &["203.0.113.7 3", "10.0.0.10 19"],
    );
}

#[test]
fn flags_of_several_intervals_are_those_of_the_documents() {
    // G9: SYN, then nothing but acknowledgements, then FIN.
    log(OPEN)
        .format("start srcaddr packets tcp-flags")
        .interval(60)
        .of(
            "
        0    203.0.113.7:43638 > 10.0.0.10:22 tcp S  |
        +1   10.0.0.10:22 > 203.0.113.7:43638 tcp SA |
        +1   203.0.113.7:43638 > 10.0.0.10:22 tcp A  |
        61   203.0.113.7:43638 > 10.0.0.10:22 tcp A  |
        +1   10.0.0.10:22 > 203.0.113.7:43638 tcp PA \"x\" |
        121  203.0.113.7:43638 > 10.0.0.10:22 tcp FA |
        +1   10.0.0.10:22 > 203.0.113.7:43638 tcp FA |
        ",
            &[
                "+0 203.0.113.7 2 2",
                "+1 10.0.0.10 1 18",
                "+61 203.0.113.7 1 0",
                "+62 10.0.0.10 1 0",
                "+121 203.0.113.7 1 1",
                "+122 10.0.0.10 1 1",
            ],
        );
}

#[test]
fn an_interval_without_traffic_says_so() {
    // G16, G17; the first and the last are as long as somebody watched.
    log(OPEN).interval(60).of(
        "
        30  203.0.113.7 > 203.0.113.8  ping |
        70  203.0.113.7 > 10.0.0.10    ping len 56 |
        200 203.0.113.7 > 203.0.113.8  ping |
        ",
        &[
            "2 123456789010 I - - - - - - - +30 +60 - NODATA",
            "2 123456789010 I 203.0.113.7 10.0.0.10 0 0 1 1 84 +70 +70 ACCEPT OK",
            "2 123456789010 I - - - - - - - +120 +180 - NODATA",
            "2 123456789010 I - - - - - - - +180 +200 - NODATA",
        ],
    );
}

#[test]
fn exempt_traffic_is_not_logged() {
    // G20, H48: the metadata service, time, DHCP; neighbour discovery is of the same kind.
    log(OPEN).of(
        "
        0  10.0.0.10:40000 > 169.254.169.254:80  tcp S |
        1  10.0.0.10:123 > 169.254.169.123:123   udp   |
        2  10.0.0.10:68 > 10.0.0.1:67            udp   |
        3  2001:db8::10 > ff02::1:ff00:1  icmp6 135/0 ttl 255 len 16 |
        9  10.0.0.10:40000 > 169.254.169.254:80  tcp A |
        ",
        &["2 123456789010 I - - - - - - - +0 +9 - NODATA"],
    );
}

#[test]
fn traffic_of_the_other_kind_is_neither_recorded_nor_missing() {
    // G19, and G16: NODATA would say that there was no traffic.
    let trace = "
        0 203.0.113.7 > 10.0.0.10 ping |
        1 203.0.113.7:5 > 10.0.0.10:5 udp |
        ";
    let accepted = "I 203.0.113.7 10.0.0.10 0 0 1 +0 +0 ACCEPT OK";
    let rejected = "I 203.0.113.7 10.0.0.10 5 5 1 +1 +1 REJECT OK";
    for (traffic, expected) in [
        (Traffic::Accepted, vec![accepted]),
        (Traffic::Rejected, vec![rejected]),
        (Traffic::All, vec![accepted, rejected]),
    ] {
        log(OPEN)
            .format(SHORT)
            .traffic(traffic)
            .of(trace, &expected);
    }
    let accepted_only = "0 203.0.113.7 > 10.0.0.10 ping |";
    log(OPEN)
        .format(SHORT)
        .traffic(Traffic::Rejected)
        .of(accepted_only, &[]);
}

#[test]
fn later_fragments_belong_to_the_flow_of_their_first() {
    // G21.
    log("i ingress udp 53 from 0.0.0.0/0").format(SHORT).of(
        "
        0  203.0.113.7:5000 > 10.0.0.10:53 udp len 92 piece 0..48+ ipid 77 |
        1  203.0.113.7:5000 > 10.0.0.10:53 udp len 92 piece 48..100 ipid 77 |
        2  203.0.113.7:5000 > 10.0.0.10:53 udp len 92 piece 48..100 ipid 78 |
        ",
        &[
            "I 203.0.113.7 10.0.0.10 5000 53 2 +0 +1 ACCEPT OK",
            // Of this one the first was not seen.
            "I 203.0.113.7 10.0.0.10 0 0 1 +2 +2 REJECT OK",
        ],
    );
}

#[test]
fn the_interface_s_end_is_shown_as_its_primary_address() {
    // G5, H49.
    let secondary = |policy: &mut Inventory| {
        let id = NetworkInterfaceId::new("I");
        let interface = policy.interfaces.get_mut(&id).unwrap();
        interface.addresses.push("10.0.0.11".parse().unwrap());
    };
    log(OPEN)
        .policy(secondary)
        .format("srcaddr dstaddr pkt-srcaddr pkt-dstaddr flow-direction action")
        .of(
            "
            0 203.0.113.7 > 10.0.0.11  ping |
            1 10.0.0.11 > 203.0.113.7  pong |
            2 10.0.0.11:5 > 203.0.113.7:5  udp |
            ",
            &[
                "203.0.113.7 10.0.0.10 203.0.113.7 10.0.0.11 ingress ACCEPT",
                "10.0.0.10 203.0.113.7 10.0.0.11 203.0.113.7 egress ACCEPT",
                "10.0.0.10 203.0.113.7 10.0.0.11 203.0.113.7 egress REJECT",
            ],
        );
}

#[test]
fn places_are_told_as_far_as_they_are_known() {
    // G10, G12; 1 is a way through the VPC.
    let placed = |policy: &mut Inventory| {
        let (vpc, subnet) = (VpcId::new("vpc-1"), SubnetId::new("subnet-1"));
        policy.vpcs.insert(
            vpc.clone(),
            Vpc {
                id: vpc.clone(),
                owner: AccountId::new("210987654321"),
                cidrs: vec!["10.0.0.0/16".parse().unwrap()],
                ipv6_cidrs: vec!["2001:db8::/56".parse().unwrap()],
                is_default: false,
                tags: Tags::new(),
                origin: None,
            },
        );
        policy.subnets.insert(
            subnet.clone(),
            Subnet {
                id: subnet.clone(),
                vpc: vpc.clone(),
                cidr: Some("10.0.0.0/24".parse().unwrap()),
                ipv6_cidr: None,
                availability_zone: Some("us-east-1b".to_owned()),
                tags: Tags::new(),
                origin: None,
            },
        );
        let id = NetworkInterfaceId::new("I");
        let interface = policy.interfaces.get_mut(&id).unwrap();
        interface.vpc = Some(vpc);
        interface.subnet = Some(subnet);
        interface.instance = Some(InstanceId::new("i-1"));
    };
    log("i egress all to 0.0.0.0/0\n i egress all to ::/0")
        .policy(placed)
        .format("version account-id vpc-id subnet-id instance-id az-id region type dstaddr traffic-path ecs-task-id reject-reason")
        .of(
            "
            0 10.0.0.10:5 > 10.0.9.9:5  udp |
            1 10.0.0.10:5 > 203.0.113.7:5  udp |
            2 [2001:db8::10]:5 > [2001:db8:0:12::7]:5  udp |
            ",
            &[
                "8 210987654321 vpc-1 subnet-1 i-1 use1-az2 us-east-1 IPv4 10.0.9.9 1 - -",
                "8 210987654321 vpc-1 subnet-1 i-1 use1-az2 us-east-1 IPv4 203.0.113.7 - - -",
                "8 210987654321 vpc-1 subnet-1 i-1 use1-az2 us-east-1 IPv6 2001:db8:0:12::7 1 - -",
            ],
        );
}

#[test]
fn who_asks_why_is_told() {
    // The fields that AWS lacks. What was told differently has a record of its own.
    log("i ingress tcp 22 from 203.0.113.0/24\n i ingress udp 53 from 0.0.0.0/0\n i egress all to 0.0.0.0/0")
        .format("srcaddr packets action reason tracking group-id rule-id")
        .of(
            "
            0 203.0.113.7:40000 > 10.0.0.10:22 tcp S  |
            1 10.0.0.10:22 > 203.0.113.7:40000 tcp SA |
            2 203.0.113.7:40000 > 10.0.0.10:22 tcp A  |
            3 198.51.100.1:5 > 10.0.0.10:53    udp    |
            4 192.0.2.1:40000 > 10.0.0.10:22   tcp S  |
            5 203.0.113.9:40000 > 10.0.0.10:22 tcp A  |
            6 203.0.113.9:40000 > 10.0.0.10:22 tcp S  |
            ",
            &[
                "203.0.113.7 2 ACCEPT new tracked i i_ingress_tcp_22_from_203.0.113.0/24",
                "10.0.0.10 1 ACCEPT established tracked i i_ingress_tcp_22_from_203.0.113.0/24",
                "198.51.100.1 1 ACCEPT untracked untracked i i_ingress_udp_53_from_0.0.0.0/0",
                "192.0.2.1 1 REJECT no-rule - - -",
                "203.0.113.9 1 REJECT invalid-state - - -",
                "203.0.113.9 1 ACCEPT new tracked i i_ingress_tcp_22_from_203.0.113.0/24",
            ],
        );
}
