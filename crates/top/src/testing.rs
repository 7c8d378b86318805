//! A daemon of paper for the tests of this crate: samples with what each test is about, and a screen to read.

use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use secgroup_daemon::protocol::{
    DenialLine, DenialPage, FlowLine, FlowPage, FlowState, InterfaceReport, InterfaceState,
    PolicyReport, PortReport, Reloads, RuleLine, RulePage, StatusDocument, TrafficLine,
    TrafficPage, VerdictReport,
};
use secgroup_packet::Direction;

use crate::app::{Action, App};
use crate::asking::Update;
use crate::draw::draw;
use crate::sample::Sample;
use crate::theme::Theme;

/// When the daemon of paper started, in seconds since 1970.
pub(crate) const STARTED: u64 = 1_700_000_000;

/// What it says so many seconds after its start; nothing has passed and nothing was denied.
pub(crate) fn quiet(second: u64) -> Sample {
    Sample {
        at: Duration::from_secs(second),
        status: StatusDocument {
            version: "0.1.0".to_owned(),
            pid: 42,
            started_at: STARTED,
            uptime_seconds: second,
            audit: false,
            policy: PolicyReport {
                generation: 7,
                files: vec!["web.yaml".to_owned()],
                ..PolicyReport::default()
            },
            reloads: Reloads::default(),
            workers: Vec::new(),
            interfaces: vec![interface("web", Vec::new())],
            flow_logs: Vec::new(),
            flow_log_packets_lost: 0,
            warnings: Vec::new(),
        },
        traffic: TrafficPage::default(),
        connections: FlowPage {
            matched: 0,
            flows: Vec::new(),
        },
        denials: DenialPage::default(),
        rules: RulePage::default(),
    }
}

/// The same, busy: `second` times 100 packets of 1000 bytes came in, half as many went out, and ten a second were denied.
pub(crate) fn busy(second: u64) -> Sample {
    let verdicts = vec![
        verdict(Direction::Ingress, "allow", "established", second * 100),
        verdict(Direction::Egress, "allow", "established", second * 50),
        verdict(Direction::Ingress, "deny", "no-rule", second * 10),
    ];
    let mut sample = quiet(second);
    sample.status.interfaces = vec![interface("web", verdicts)];
    sample.traffic = TrafficPage {
        over_milliseconds: 2_000,
        flows: 2,
        highest: vec![https(), untracked()],
        packets_untold: 0,
    };
    sample.connections = FlowPage {
        matched: 2,
        flows: vec![https_connection(), idle_ssh()],
    };
    sample.denials = DenialPage {
        told: second * 10,
        untold: 0,
        flows: vec![denied_ssh(second), denied_ping(second.saturating_sub(30))],
    };
    sample.rules = RulePage {
        generation: 7,
        matched: 3,
        rules: vec![
            rule("web[0]", "tcp 443 from 0.0.0.0/0", second * 150),
            rule("web[1]", "tcp 80 from 0.0.0.0/0", second * 4),
            rule("web[2]", "tcp 22 from 192.0.2.0/24", 0),
        ],
    };
    sample
}

pub(crate) fn interface(name: &str, verdicts: Vec<VerdictReport>) -> InterfaceReport {
    InterfaceReport {
        name: name.to_owned(),
        id: format!("eni-{name}"),
        mode: "inline".to_owned(),
        state: InterfaceState::Open,
        why: None,
        audit: false,
        workers: vec![0],
        connections: 2,
        allowance: Some(100),
        verdicts,
        ports: vec![PortReport {
            side: "outside".to_owned(),
            device: "eth1".to_owned(),
            backend: "af-packet".to_owned(),
            ..PortReport::default()
        }],
        not_ip_passed: 0,
        not_ip_dropped: 0,
        oversize: 0,
        oversize_told: 0,
    }
}

pub(crate) fn verdict(
    direction: Direction,
    verdict: &str,
    reason: &str,
    packets: u64,
) -> VerdictReport {
    VerdictReport {
        direction,
        verdict: verdict.to_owned(),
        reason: reason.to_owned(),
        packets,
        bytes: packets * 1000,
    }
}

/// 125 kB in 2 s one way, 1.25 MB the other: 0.5 and 5 Mbit/s.
fn https() -> TrafficLine {
    TrafficLine {
        interface: "web".to_owned(),
        protocol: "tcp".to_owned(),
        local: [10, 0, 1, 10].into(),
        local_port: Some(443),
        remote: [203, 0, 113, 7].into(),
        remote_port: Some(50_000),
        tracked: true,
        state: Some(FlowState::Established),
        ingress_rule: Some("web[0]".to_owned()),
        egress_rule: Some("web[0]".to_owned()),
        ingress_packets: 200,
        ingress_bytes: 125_000,
        egress_packets: 1000,
        egress_bytes: 1_250_000,
    }
}

fn untracked() -> TrafficLine {
    TrafficLine {
        local_port: Some(80),
        remote: "2001:db8::7".parse().expect("an address"),
        local: "2001:db8::10".parse().expect("an address"),
        tracked: false,
        state: None,
        ingress_rule: Some("web[1]".to_owned()),
        egress_rule: Some("web[9]".to_owned()),
        ingress_packets: 4000,
        ingress_bytes: 240_000,
        egress_packets: 0,
        egress_bytes: 0,
        ..https()
    }
}

fn https_connection() -> FlowLine {
    FlowLine {
        interface: "web".to_owned(),
        protocol: "tcp".to_owned(),
        local: [10, 0, 1, 10].into(),
        local_port: Some(443),
        remote: [203, 0, 113, 7].into(),
        remote_port: Some(50_000),
        icmp_id: None,
        opened: Direction::Ingress,
        state: FlowState::Established,
        rule: Some("web[0]".to_owned()),
        ingress_packets: 1234,
        ingress_bytes: 1_234_000,
        egress_packets: 5678,
        egress_bytes: 5_678_000,
        expires_in_seconds: 431_999,
    }
}

fn idle_ssh() -> FlowLine {
    FlowLine {
        local_port: Some(22),
        remote: [192, 0, 2, 1].into(),
        rule: Some("web[2]".to_owned()),
        ..https_connection()
    }
}

fn denied_ssh(last: u64) -> DenialLine {
    DenialLine {
        interface: "web".to_owned(),
        direction: Direction::Ingress,
        reason: "no-rule".to_owned(),
        protocol: Some("tcp".to_owned()),
        source: Some([198, 51, 100, 9].into()),
        source_port: Some(40_000),
        destination: Some([10, 0, 1, 10].into()),
        destination_port: Some(22),
        icmp: None,
        flow: Some("tcp 198.51.100.9:40000 > 10.0.1.10:22".to_owned()),
        packets: 17,
        first_seen: STARTED,
        last_seen: STARTED + last,
    }
}

fn denied_ping(last: u64) -> DenialLine {
    DenialLine {
        protocol: Some("icmp".to_owned()),
        source_port: None,
        destination_port: None,
        icmp: Some([8, 0]),
        flow: Some("icmp 8/0 198.51.100.9 > 10.0.1.10".to_owned()),
        packets: 170,
        ..denied_ssh(last)
    }
}

pub(crate) fn rule(id: &str, allows: &str, packets: u64) -> RuleLine {
    RuleLine {
        id: id.to_owned(),
        group: "sg-web".to_owned(),
        group_name: "web".to_owned(),
        direction: Direction::Ingress,
        allows: allows.to_owned(),
        description: None,
        packets,
        bytes: packets * 1000,
    }
}

/// What is shown after these samples.
pub(crate) fn after(samples: impl IntoIterator<Item = Sample>) -> App {
    let mut app = App::new();
    for sample in samples {
        app.take(Update::Sample(Box::new(sample)));
    }
    app
}

/// Presses keys as they are written, `\n` for Enter and `\x1b` for Esc; what the last one asks for.
pub(crate) fn press(app: &mut App, keys: &str) -> Option<Action> {
    let mut action = None;
    for char in keys.chars() {
        let code = match char {
            '\n' => KeyCode::Enter,
            '\x1b' => KeyCode::Esc,
            '\t' => KeyCode::Tab,
            '\x08' => KeyCode::Backspace,
            char => KeyCode::Char(char),
        };
        action = app.key(KeyEvent::new(code, KeyModifiers::NONE));
    }
    action
}

/// What is on a screen of this size.
pub(crate) fn buffer(app: &App, width: u16, height: u16, has_colours: bool) -> Buffer {
    let backend = TestBackend::new(width, height);
    let mut terminal = Terminal::new(backend).expect("it is paper");
    let theme = Theme::new(has_colours);
    let drawn = terminal.draw(|frame| draw(frame, app, theme));
    drawn.expect("it is paper").buffer.clone()
}

/// The same as text, a line each, without blanks at the ends.
pub(crate) fn screen(app: &App, width: u16, height: u16) -> String {
    let buffer = buffer(app, width, height, true);
    let lines = (0..height).map(|y| {
        let cells = (0..width).map(|x| buffer[(x, y)].symbol());
        cells.collect::<String>().trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}
