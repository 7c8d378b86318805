//! `secgroup top` as a person has it: on a terminal, with keys, beside a daemon that judges real traffic.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use secgroup_testkit::wait;
use serde_json::{Value, json};

use crate::support::{
    ANY, I, Lab, O, Policy, SECGROUP, Server, Setup, Tmux, everything, exchange, lacks_tmux, live,
    pings, tcp,
};

live! {
    fn what_passes_is_seen_sorted_filtered_and_cut() {
        if lacks_tmux("what_passes_is_seen_sorted_filtered_and_cut") {
            return;
        }
        let lab = lab();
        let terminal = Tmux::open(lab.folder(), 110, 30);
        terminal.command("echo what was there before");
        terminal.command(&top(&lab));
        terminal.shows("1 Overview");
        pings(&lab.instance, "", O);
        terminal.line(&["out", "allow", "new"]);

        sees_flows(&lab, &terminal);
        sees_a_denial(&lab, &terminal);
        sees_rules(&lab, &terminal);

        terminal.keys(&["q"]);
        terminal.wait("the screen as it was", |screen| {
            screen.contains("what was there before") && !screen.contains("Overview")
        });
        terminal.command("echo $((6 * 7)), and echoed");
        terminal.shows("42, and echoed");
    }

    /// Ctrl-Z and back, other sizes, a daemon that goes and comes back, and an end by a signal.
    fn the_terminal_is_given_back_whatever_happens() {
        if lacks_tmux("the_terminal_is_given_back_whatever_happens") {
            return;
        }
        let mut lab = lab();
        let terminal = Tmux::open(lab.folder(), 80, 24);
        terminal.command(&top(&lab));
        terminal.shows("1 Overview");
        terminal.keys(&["C-z"]);
        terminal.wait("the shell", |screen| !screen.contains("1 Overview"));
        terminal.command("fg");
        terminal.shows("1 Overview");
        terminal.resize(40, 10);
        terminal.wait("a smaller table", |screen| {
            screen.contains("OUT bit/s") && screen.contains("q quit") && screen.lines().count() <= 10
        });
        terminal.resize(80, 24);
        lab.end(Signal::TERM);
        terminal.shows("trying again: secgroup is not running");
        lab.start();
        terminal.wait("the daemon again", |screen| !screen.contains("trying again"));
        terminal.keys(&["q"]);
        terminal.wait("the shell again", |screen| !screen.contains("1 Overview"));

        let pid = lab.folder().join("pid");
        let line = format!("echo $$ > {}; exec {}", pid.display(), top(&lab));
        terminal.command(&format!("sh -c '{line}'; echo ended with $?"));
        terminal.shows("1 Overview");
        let text = std::fs::read_to_string(&pid).unwrap();
        let pid = Pid::from_raw(text.trim().parse().unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        let after = terminal.wait("the end", |screen| screen.contains("ended with 143"));
        assert!(!after.contains("1 Overview"), "{after}");
    }

    /// What is printed for programs is what `status` and its siblings say.
    fn the_same_is_printed_as_json() {
        let lab = lab();
        let server = Server::new(&lab.instance, &format!("{I}:22"));
        let (here, there) = server.connection(&lab.outside);
        knock(&lab);
        let run = std::thread::scope(|scope| {
            let top = scope.spawn(|| lab.daemon().command(&["top", "--json", "--interval", "1"]));
            while !top.is_finished() {
                exchange(&here, &there, 10_000);
            }
            top.join().unwrap().code(0)
        });
        let told: Value = serde_json::from_str(&run.stdout).unwrap();
        let status = lab.daemon().status();
        assert_eq!(told["status"]["pid"], status["pid"]);
        let flow = told["traffic"]["highest"].as_array().unwrap().iter().find(|line| line["local_port"] == 22);
        let flow = flow.unwrap_or_else(|| panic!("{told:#}"));
        assert_eq!((&flow["tracked"], &flow["state"]), (&json!(true), &json!("established")), "{flow:#}");
        assert!(flow["ingress_bytes"].as_u64() > Some(1000), "{flow:#}");
        let denial = &told["denials"]["flows"][0];
        assert_eq!((&denial["reason"], &denial["destination_port"]), (&json!("no-rule"), &json!(23)), "{told:#}");
        assert_eq!(told["denials"]["told"], lab.daemon().packets("I", "ingress", "no-rule"));
        let rule = &told["rules"]["rules"][0];
        assert_eq!(rule["allows"], format!("tcp 22 from {O}/32"), "{rule:#}");
    }
}

/// Port 22 tracked, port 80 untracked (D8), and nothing else.
fn lab() -> Lab {
    let ingress = [tcp(22, &format!("{O}/32")), tcp(80, ANY)];
    Lab::new(&Setup::hosts(Policy::new(&ingress, &everything())))
}

/// What is typed to look on.
fn top(lab: &Lab) -> String {
    let socket = lab.daemon().socket();
    format!("{SECGROUP} top --interval 0.2 --socket {socket}")
}

/// Tries to connect where no rule lets it.
fn knock(lab: &Lab) {
    let address: SocketAddr = format!("{I}:23").parse().unwrap();
    let attempt = || TcpStream::connect_timeout(&address, Duration::from_millis(20));
    assert!(lab.outside.enter(attempt).is_err());
}

/// A tracked flow and an untracked one while they pass, by a filter; and the tracked one is cut.
fn sees_flows(lab: &Lab, terminal: &Tmux) {
    let [ssh, web] = [22, 80].map(|port| Server::new(&lab.instance, &format!("{I}:{port}")));
    let connections = [ssh.connection(&lab.outside), web.connection(&lab.outside)];
    terminal.keys(&["2"]);
    wait::until("both flows with their rates", || {
        for (here, there) in &connections {
            exchange(here, there, 100_000);
        }
        let screen = terminal.screen();
        let has = |words: [&str; 3]| {
            let mut lines = screen.lines();
            lines.any(|line| words.iter().all(|word| line.contains(word)) && !line.contains(" 0 "))
        };
        let tracked = has(["10.0.0.10:22 ", O, "established"]);
        (tracked && has(["10.0.0.10:80 ", O, "untracked"])).then_some(())
    });
    terminal.types("/:22");
    terminal.keys(&["Enter"]);
    terminal.wait("one flow", |screen| {
        screen.contains("10.0.0.10:22 ") && !screen.contains("10.0.0.10:80 ")
    });
    terminal.keys(&["d"]);
    terminal.shows("Forget 1 connection?");
    terminal.keys(&["y"]);
    terminal.shows("1 connection forgotten");
    let asked = lab
        .daemon()
        .ask(&json!({"flows": {"filter": {"port": 22}, "count_only": true}}));
    assert_eq!(asked["flows"]["matched"], 0, "{asked:#}");
    terminal.keys(&["Escape"]);
}

fn sees_a_denial(lab: &Lab, terminal: &Tmux) {
    knock(lab);
    terminal.keys(&["3"]);
    terminal.line(&["no-rule", "tcp", O, "10.0.0.10:23"]);
    terminal.types("/:23");
    terminal.keys(&["Enter"]);
    // The connection that was cut has packets on their way still.
    terminal.wait("one flow", |screen| !screen.contains("invalid-state"));
    terminal.keys(&["Enter"]);
    terminal.shows("no rule allows it");
    terminal.shows("secgroup explain --live");
    terminal.keys(&["Escape"]);
    terminal.keys(&["Escape"]);
}

/// Hits, as the daemon has them; the other way round; and by a filter.
fn sees_rules(lab: &Lab, terminal: &Tmux) {
    terminal.keys(&["4"]);
    let hits = |peer: &str| {
        let rules = lab.daemon().ask(&json!({"rules": {}}))["rules"]["rules"].clone();
        let all = rules.as_array().unwrap().clone();
        let found = all.iter().find(|rule| rule["allows"] == peer);
        found.unwrap_or_else(|| panic!("{rules:#}"))["packets"]
            .as_u64()
            .unwrap()
    };
    for allows in [format!("tcp 22 from {O}/32"), format!("tcp 80 from {ANY}")] {
        let hits = hits(&allows);
        assert!(hits > 20, "{allows}: {hits}");
        let shown = secgroup_report::words::grouped(hits);
        terminal.line(&[&shown, &allows]);
    }
    let first_hits = |screen: &str| {
        let mut lines = screen.lines().skip_while(|line| !line.contains("ALLOWS"));
        let first = lines.nth(1)?.split_whitespace().next()?;
        Some(first.to_owned())
    };
    let unused = Some("0".to_owned());
    terminal.wait("most hits first", |screen| first_hits(screen) != unused);
    terminal.keys(&["S"]);
    terminal.wait("least hits first", |screen| first_hits(screen) == unused);
    terminal.types("/80");
    terminal.keys(&["Enter"]);
    terminal.wait("one rule", |screen| {
        screen.contains("tcp 80 from") && !screen.contains("tcp 22 from")
    });
}
