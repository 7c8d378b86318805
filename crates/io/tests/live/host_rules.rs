//! The rules against a kernel: what they queue, what they leave alone, and that nothing of them stays.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::ops::RangeInclusive;
use std::time::{Duration, SystemTime};

use secgroup_io::live::QueueVerdict;
use secgroup_io::live::host_rules::{self, HostRules, HostRulesSettings, QueueRoute, Tool};
use secgroup_io::live::nfqueue::{CurrentFlowMark, FlowMark, NfQueueSettings};
use secgroup_testkit::netns::{self, Namespace};
use secgroup_testkit::wait;

use crate::judge::{CARRY_FOR, HOST4, HOST6, Judge, PEER4, Pair, Seen};

/// Bits for flow marks: enough for a new generation several times a second.
const MASK: u32 = 0xffff_ff00;

/// The tools that work on a kernel with `CONFIG_NFT_COMPAT` or legacy tables.
const IPTABLES: [Tool; 2] = [Tool::Iptables, Tool::IptablesLegacy];

/// Rules of a user in every table, for both families, in both places.
const OF_A_USER: &str = r#"
for tables in iptables-legacy ip6tables-legacy iptables-nft ip6tables-nft; do
    for table in raw mangle filter security; do
        $tables -t $table -N MINE
        $tables -t $table -A MINE -p tcp --dport 1234 -j ACCEPT
        $tables -t $table -A OUTPUT -m comment --comment "-j SECGROUP-OUT" -j MINE
        $tables -t $table -I OUTPUT -o eth7 -j ACCEPT
    done
    $tables -t security -A INPUT -i eth7 -p udp -j MINE
    $tables -t nat -A POSTROUTING -o eth7 -j MASQUERADE
done
nft add table inet mine
nft 'add chain inet mine security { type filter hook input priority security; policy accept; }'
"#;

/// Everything that filters packets in a namespace, as the tools themselves save it.
fn saved(host: &Namespace) -> String {
    let save = "iptables-legacy-save; ip6tables-legacy-save; iptables-nft-save; ip6tables-nft-save; nft list ruleset 2>&1";
    let output = host.sh(save);
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    // The time at which it was saved.
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| format!("{line}\n")).collect()
}

/// A host that has rules of its own.
fn host_with_rules() -> (Namespace, String) {
    let host = Namespace::new("host");
    let made = host.sh(&format!("set -e; {OF_A_USER}"));
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let before = saved(&host);
    assert!(before.matches("MINE").count() > 16, "{before}");
    (host, before)
}

fn route(devices: &[&str], queues: RangeInclusive<u16>) -> QueueRoute {
    QueueRoute {
        devices: devices.iter().map(ToString::to_string).collect(),
        queues,
    }
}

fn settings(tool: Tool, devices: &[&str]) -> HostRulesSettings {
    HostRulesSettings {
        routes: vec![route(devices, 3..=6)],
        flow_mark: Some(FlowMark::fresh(MASK).unwrap()),
        carry_for: CARRY_FOR,
        tool,
    }
}

fn install(host: &Namespace, tool: Tool, devices: &[&str]) -> HostRules {
    host.enter(|| HostRules::install(settings(tool, devices)).unwrap())
}

#[test]
fn what_was_there_before_is_there_afterwards() {
    if netns::skip("what_was_there_before_is_there_afterwards") {
        return;
    }
    let (host, before) = host_with_rules();
    for tool in [Tool::Auto, Tool::Iptables, Tool::IptablesLegacy] {
        let mut rules = install(&host, tool, &["eth0", "eth1"]);
        let during = saved(&host);
        assert!(
            during.contains("SECGROUP") && during.contains("eth1"),
            "{during}"
        );
        // None of the user's lines is gone, and none is in another order.
        let mut lines = during.lines();
        for line in before.lines() {
            assert!(
                lines.any(|other| other == line),
                "{tool:?}: {line}\n{during}"
            );
        }
        host.enter(|| rules.next_generation().unwrap());
        host.enter(|| rules.remove().unwrap());
        assert_eq!(saved(&host), before, "{tool:?}");
        let rules = install(&host, tool, &["eth0"]);
        host.enter(|| drop(rules));
        assert_eq!(saved(&host), before, "dropped, {tool:?}");
    }
}

#[test]
fn leftovers_of_any_tool_are_replaced() {
    if netns::skip("leftovers_of_any_tool_are_replaced") {
        return;
    }
    let (host, before) = host_with_rules();
    for (killed, next) in [
        (Tool::IptablesLegacy, Tool::IptablesLegacy),
        (Tool::IptablesLegacy, Tool::Iptables),
        (Tool::Iptables, Tool::IptablesLegacy),
    ] {
        // As a program that was killed leaves them.
        std::mem::forget(install(&host, killed, &["eth0", "eth9"]));
        let rules = install(&host, next, &["eth0"]);
        let during = saved(&host);
        assert!(!during.contains("eth9"), "{killed:?} {next:?}: {during}");
        host.enter(|| rules.remove().unwrap());
        assert_eq!(saved(&host), before, "{killed:?} {next:?}");
    }
    assert!(host.sh("nft add table inet secgroup").status.success());
    std::mem::forget(install(&host, Tool::Iptables, &["eth0"]));
    host.enter(|| host_rules::clear().unwrap());
    assert_eq!(saved(&host), before);
    host.enter(|| host_rules::clear().unwrap());
}

/// Settings with `count` routes, a device and a queue each.
fn routes(count: u16) -> Vec<QueueRoute> {
    let number = |index| route(&[&format!("eth{index}")], 3 + index..=3 + index);
    (0..count).map(number).collect()
}

#[test]
fn a_change_is_all_that_stays() {
    if netns::skip("a_change_is_all_that_stays") {
        return;
    }
    let (host, before) = host_with_rules();
    for tool in IPTABLES {
        let of = |count| HostRulesSettings {
            routes: routes(count),
            ..settings(tool, &[])
        };
        let change = |rules: &mut HostRules, count| {
            host.enter(|| rules.change(routes(count)).unwrap());
            saved(&host)
        };
        // A run with more routes was killed.
        std::mem::forget(host.enter(|| HostRules::install(of(4)).unwrap()));
        assert!(saved(&host).contains("SECGROUP-DECIDE-4"));
        let mut rules = host.enter(|| HostRules::install(of(1)).unwrap());
        assert!(!saved(&host).contains("SECGROUP-DECIDE-"), "{tool:?}");
        let three = change(&mut rules, 3);
        assert!(three.contains("-A SECGROUP-IN -i eth2 "), "{three}");
        assert!(three.contains("-A SECGROUP-DECIDE-3 -j NFQUEUE --queue-num 5"));
        let two = change(&mut rules, 2);
        assert!(
            !two.contains("eth2") && !two.contains("SECGROUP-DECIDE-3"),
            "{two}"
        );
        assert!(host.enter(|| rules.change(Vec::new())).is_err());
        assert_eq!(saved(&host), two, "what is refused changes nothing");
        host.enter(|| rules.remove().unwrap());
        assert_eq!(saved(&host), before, "{tool:?}");

        std::mem::forget(host.enter(|| HostRules::install(of(3)).unwrap()));
        host.enter(|| host_rules::clear().unwrap());
        assert_eq!(saved(&host), before, "{tool:?}");
    }
}

#[test]
fn rules_know_what_they_are_of() {
    if netns::skip("rules_know_what_they_are_of") {
        return;
    }
    let host = Namespace::new("host");
    let asked = HostRulesSettings {
        routes: vec![route(&["b", "a"], 4..=5), route(&["c"], 3..=3)],
        ..settings(Tool::IptablesLegacy, &[])
    };
    let mut rules = host.enter(|| HostRules::install(asked.clone()).unwrap());
    assert!(rules.is_of(&asked));
    host.enter(|| rules.next_generation().unwrap());
    let in_another_order = vec![route(&["c"], 3..=3), route(&["a", "b", "a"], 4..=5)];
    let same = HostRulesSettings {
        routes: in_another_order,
        ..asked.clone()
    };
    assert!(rules.is_of(&same));
    let with = |change: &dyn Fn(&mut HostRulesSettings)| {
        let mut other = asked.clone();
        change(&mut other);
        other
    };
    for other in [
        with(&|other| other.routes.truncate(1)),
        with(&|other| other.routes.clear()),
        with(&|other| other.routes[0].queues = 4..=6),
        with(&|other| other.routes[1].devices = vec!["d".into()]),
        with(&|other| other.tool = Tool::Auto),
        with(&|other| other.flow_mark = None),
        with(&|other| other.flow_mark = Some(FlowMark::fresh(0xffff).unwrap())),
    ] {
        assert!(!rules.is_of(&other), "{other:?}");
    }
    host.enter(|| rules.change(routes(2)).unwrap());
    assert!(!rules.is_of(&asked));
    assert!(rules.is_of(&with(&|other| other.routes = routes(2))));
}

#[test]
fn to_install_twice_is_to_install_once() {
    if netns::skip("to_install_twice_is_to_install_once") {
        return;
    }
    let (host, before) = host_with_rules();
    for tool in IPTABLES {
        let first = install(&host, tool, &["eth0"]);
        let once = saved(&host);
        let second = install(&host, tool, &["eth0"]);
        let jumps = |text: &str| text.matches("-A INPUT -j SECGROUP-IN").count();
        assert_eq!(
            (jumps(&once), jumps(&saved(&host))),
            (2, 2),
            "one for each family"
        );
        host.enter(|| second.remove().unwrap());
        assert_eq!(saved(&host), before);
        host.enter(|| first.remove().unwrap());
        assert_eq!(saved(&host), before);
    }
}

#[test]
fn a_tool_that_cannot_changes_nothing_and_says_why() {
    if netns::skip("a_tool_that_cannot_changes_nothing_and_says_why") {
        return;
    }
    let (host, before) = host_with_rules();
    let queue = "nft add table t; nft add chain t c; nft add rule t c queue num 1; e=$?; nft delete table t; exit $e";
    let kernel_can = host.sh(queue).status.success();
    match host.enter(|| HostRules::install(settings(Tool::Nft, &["eth0"]))) {
        Ok(rules) => {
            assert!(kernel_can);
            host.enter(|| rules.remove().unwrap());
        }
        Err(error) => {
            assert!(!kernel_can, "{error}");
            assert!(
                error.to_string().starts_with("'nft -f -' failed: "),
                "{error}"
            );
        }
    }
    assert_eq!(saved(&host), before);
}

#[test]
fn only_the_named_devices_are_queued() {
    if netns::skip("only_the_named_devices_are_queued") {
        return;
    }
    let pair = Pair::new();
    for tool in [Tool::Auto, Tool::Iptables, Tool::IptablesLegacy] {
        let rules = pair.rules(3..=3, tool, None);
        assert!(
            !pair.is_reached_at(HOST4) && !pair.is_reached_at(HOST6),
            "{tool:?}"
        );
        let lo = pair
            .host
            .sh("ping -n -c 1 -W 1 127.0.0.1 && ping -n -c 1 -W 1 ::1");
        assert!(lo.status.success(), "{tool:?}: loopback was not named");
        let judge = pair.judge(&NfQueueSettings::new(3), |_| QueueVerdict::Accept);
        for address in [HOST4, HOST6] {
            pair.becomes_reached_at(address);
        }
        drop(judge);
        pair.host.enter(|| rules.remove().unwrap());
    }
}

/// A connection from the peer to the host, and what of it was queued.
struct Talk {
    near: TcpStream,
    far: TcpStream,
    /// Bytes that were said and not yet heard.
    owed: usize,
}

impl Talk {
    fn begin(pair: &Pair) -> Self {
        let listener = pair.host.enter(|| TcpListener::bind((HOST4, 0)).unwrap());
        let address = listener.local_addr().unwrap();
        let far = pair.peer.enter(|| TcpStream::connect(address).unwrap());
        let (near, _) = listener.accept().unwrap();
        for end in [&near, &far] {
            end.set_nodelay(true).unwrap();
            end.set_read_timeout(Some(wait::PATIENCE)).unwrap();
        }
        Self { near, far, owed: 0 }
    }

    /// Whether what one end says does not arrive within a moment. What is on its way is heard later.
    fn is_cut(&mut self) -> bool {
        let mut heard = [0];
        self.far.write_all(b"?").unwrap();
        let moment = Duration::from_millis(300);
        self.near.set_read_timeout(Some(moment)).unwrap();
        let cut = self.near.read_exact(&mut heard).is_err();
        self.near.set_read_timeout(Some(wait::PATIENCE)).unwrap();
        self.owed += usize::from(cut);
        cut
    }

    /// Says something in each direction, and waits until it was heard.
    fn exchange(&mut self, times: usize) {
        let mut owed = vec![0; std::mem::take(&mut self.owed)];
        self.near.read_exact(&mut owed).unwrap();
        let mut heard = [0; 4];
        for _ in 0..times {
            self.far.write_all(b"ping").unwrap();
            self.near.read_exact(&mut heard).unwrap();
            self.near.write_all(b"pong").unwrap();
            self.far.read_exact(&mut heard).unwrap();
        }
    }
}

/// A judge that lets a connection through as a flow once it is established.
fn flow_judge(pair: &Pair, mark: &CurrentFlowMark) -> Judge {
    let settings = NfQueueSettings {
        flow_mark: mark.clone(),
        ..NfQueueSettings::new(3)
    };
    pair.judge(&settings, |seen| match seen.tcp_flags() {
        Some(flags) if flags & 2 == 0 => QueueVerdict::AcceptFlow,
        _ => QueueVerdict::Accept,
    })
}

fn is_tcp(seen: &Seen) -> bool {
    seen.tcp_flags().is_some()
}

#[test]
fn a_marked_flow_is_carried_until_the_next_generation() {
    if netns::skip("a_marked_flow_is_carried_until_the_next_generation") {
        return;
    }
    let pair = Pair::new();
    for tool in IPTABLES {
        let mark = FlowMark::fresh(MASK).unwrap();
        let mut rules = pair.rules(3..=3, tool, Some(mark));
        let current = CurrentFlowMark::default();
        let judge = flow_judge(&pair, &current);

        // Without a mark that the queue knows of, every packet comes.
        let mut unmarked = Talk::begin(&pair);
        let before = judge.count(is_tcp);
        unmarked.exchange(10);
        assert!(judge.count(is_tcp) >= before + 20, "{tool:?}");
        drop(unmarked);

        current.set(Some(pair.next_generation(&mut rules)));
        let mut talk = Talk::begin(&pair);
        talk.exchange(3);
        for _ in 0..3 {
            let before = judge.count(is_tcp);
            talk.exchange(50);
            assert_eq!(
                judge.count(is_tcp),
                before,
                "{tool:?}: the kernel carries it"
            );

            current.set(Some(pair.next_generation(&mut rules)));
            talk.exchange(1);
            let after = judge.count(is_tcp);
            assert!(after > before, "{tool:?}: it came back");
            talk.exchange(2);
        }
        let fins = judge.count(|seen| seen.tcp_flags().is_some_and(|flags| flags & 1 != 0));
        drop(talk);
        wait::until("the FINs of both ends", || {
            let now = judge.count(|seen| seen.tcp_flags().is_some_and(|flags| flags & 1 != 0));
            (now >= fins + 2).then_some(())
        });
        drop(judge);
        pair.host.enter(|| rules.remove().unwrap());
    }
}

/// Nobody renews the rules: their owner was killed, or cannot.
#[test]
fn what_nobody_renews_is_carried_no_longer() {
    if netns::skip("what_nobody_renews_is_carried_no_longer") {
        return;
    }
    for tool in IPTABLES {
        let pair = Pair::new();
        let settings = HostRulesSettings {
            routes: vec![route(&["eth0"], 3..=3)],
            carry_for: Duration::from_secs(2),
            ..settings(tool, &[])
        };
        let mut rules = pair.host.enter(|| HostRules::install(settings).unwrap());
        assert_eq!(rules.carried_until(), None);
        let current = CurrentFlowMark::default();
        let judge = flow_judge(&pair, &current);
        let mut talk = Talk::begin(&pair);
        current.set(Some(pair.next_generation(&mut rules)));
        let until = rules.carried_until().unwrap();
        assert!(until > SystemTime::now() && until <= SystemTime::now() + Duration::from_secs(2));
        talk.exchange(3);
        let carried = judge.count(is_tcp);
        talk.exchange(10);
        let is_carried = judge.count(is_tcp) == carried;
        // On a machine that is busy enough, the time was over before.
        assert!(is_carried || SystemTime::now() > until, "{tool:?}");
        // From here on nobody gives verdicts either.
        drop(judge);
        wait::until("the end of what is carried", || talk.is_cut().then_some(()));
        assert!(SystemTime::now() > until, "{tool:?}");
        std::mem::forget(rules);
        // The next run brings it back, and decides it: a mark of the former means nothing.
        let rules = pair.rules(3..=3, tool, Some(FlowMark::fresh(MASK).unwrap()));
        let judge = flow_judge(&pair, &CurrentFlowMark::default());
        talk.exchange(10);
        assert!(judge.count(is_tcp) >= 20, "{tool:?}");
        pair.host.enter(|| rules.remove().unwrap());
    }
}

/// A connection that is carried when the program is killed, and when the next one begins at once.
#[test]
fn marks_of_a_former_run_mean_nothing() {
    if netns::skip("marks_of_a_former_run_mean_nothing") {
        return;
    }
    for tool in IPTABLES {
        let pair = Pair::new();
        let former = FlowMark::fresh(MASK).unwrap();
        let mut rules = pair.rules(3..=3, tool, Some(former));
        let current = CurrentFlowMark::default();
        let judge = flow_judge(&pair, &current);
        current.set(Some(pair.next_generation(&mut rules)));
        let mut talk = Talk::begin(&pair);
        talk.exchange(3);
        let before = judge.count(is_tcp);
        talk.exchange(10);
        assert_eq!(judge.count(is_tcp), before, "{tool:?}: it is carried");
        drop(judge);
        std::mem::forget(rules);

        let mut rules = pair.rules(3..=3, tool, Some(FlowMark::fresh(MASK).unwrap()));
        let unmarked = CurrentFlowMark::default();
        let judge = flow_judge(&pair, &unmarked);
        talk.exchange(10);
        assert!(judge.count(is_tcp) >= 20, "{tool:?}: each packet came");
        // Nor does one that this run begins to use.
        pair.next_generation(&mut rules);
        let before = judge.count(is_tcp);
        talk.exchange(10);
        assert!(judge.count(is_tcp) >= before + 20, "{tool:?}");
        pair.host.enter(|| rules.remove().unwrap());
    }
}

#[test]
fn a_change_of_routes_brings_every_flow_back() {
    if netns::skip("a_change_of_routes_brings_every_flow_back") {
        return;
    }
    let pair = Pair::new();
    let mark = FlowMark::fresh(MASK).unwrap();
    let mut rules = pair.rules(3..=3, Tool::IptablesLegacy, Some(mark));
    let current = CurrentFlowMark::default();
    current.set(Some(pair.next_generation(&mut rules)));
    let judge = flow_judge(&pair, &current);
    let mut talk = Talk::begin(&pair);
    talk.exchange(3);
    let carried = judge.count(is_tcp);
    talk.exchange(20);
    assert_eq!(judge.count(is_tcp), carried);

    let both = vec![route(&["eth0"], 3..=3), route(&["eth1"], 4..=4)];
    let before = current.get();
    let after = pair.host.enter(|| rules.change(both).unwrap());
    // So soon after the last one there may be no generation yet, and nothing is carried.
    let after = after.unwrap_or_else(|| pair.next_generation(&mut rules));
    assert_ne!(Some(after), before);
    current.set(Some(after));
    talk.exchange(3);
    let back = judge.count(is_tcp);
    assert!(back > carried);
    talk.exchange(20);
    assert_eq!(judge.count(is_tcp), back, "and is carried again");
}

#[test]
fn queue_and_rules_that_disagree_about_the_generation_still_let_the_flow_through() {
    if netns::skip("queue_and_rules_that_disagree_about_the_generation_still_let_the_flow_through")
    {
        return;
    }
    let pair = Pair::new();
    let mark = FlowMark::fresh(MASK).unwrap();
    let mut rules = pair.rules(3..=3, Tool::IptablesLegacy, Some(mark));
    let current = CurrentFlowMark::default();
    current.set(Some(pair.next_generation(&mut rules)));
    let judge = flow_judge(&pair, &current);
    pair.next_generation(&mut rules); // And the queue is not told.
    let mut talk = Talk::begin(&pair);
    let before = judge.count(is_tcp);
    talk.exchange(10);
    assert!(
        judge.count(is_tcp) >= before + 40,
        "each packet came round once more"
    );
}

#[test]
fn the_marks_of_others_are_kept() {
    if netns::skip("the_marks_of_others_are_kept") {
        return;
    }
    let pair = Pair::new();
    let users = "set -e
        iptables-legacy -t mangle -A OUTPUT -p tcp -j MARK --set-mark 0x12
        iptables-legacy -t mangle -A POSTROUTING -p tcp -m mark --mark 0x12
        iptables-legacy -t mangle -A POSTROUTING -p tcp -m mark ! --mark 0x12";
    assert!(pair.host.sh(users).status.success());
    let mark = FlowMark::fresh(MASK).unwrap();
    let mut rules = pair.rules(3..=3, Tool::IptablesLegacy, Some(mark));
    let current = CurrentFlowMark::default();
    current.set(Some(pair.next_generation(&mut rules)));
    let judge = flow_judge(&pair, &current);
    Talk::begin(&pair).exchange(20);
    assert!(judge.count(|seen| is_tcp(seen) && seen.tcp_flags() != Some(2)) > 0);
    let counters = pair
        .host
        .sh("iptables-legacy -t mangle -L POSTROUTING -v -n -x");
    let text = String::from_utf8(counters.stdout).unwrap();
    let packets: Vec<u64> = text
        .lines()
        .filter(|line| line.contains("mark match"))
        .map(|line| line.split_whitespace().next().unwrap().parse().unwrap())
        .collect();
    assert!(packets[0] >= 20 && packets[1] == 0, "{text}");
    assert!(
        pair.host
            .sh(&format!("ping -n -c 1 -W 1 {PEER4}"))
            .status
            .success()
    );
}
