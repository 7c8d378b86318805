//! `replay --annotate`, as Wireshark's tshark reads it: one comment for each verdict line, and interfaces by name.

use std::process::Command;

use serde_json::Value;

use crate::support::{CAPTURES, Folder, LAB, secgroup, verdicts};

/// What tshark says of a capture: for each packet its number, interface and comments; `None` where there is no tshark.
fn tshark(capture: &str, filter: &str) -> Option<Vec<[String; 3]>> {
    let fields = ["frame.number", "frame.interface_name", "frame.comment"];
    let mut command = Command::new("tshark");
    command.args([
        "-r",
        capture,
        "-Y",
        filter,
        "-T",
        "fields",
        "-E",
        "separator=|",
        "-E",
        "aggregator=;",
    ]);
    command.args(fields.iter().flat_map(|field| ["-e", field]));
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => {
            let required = std::env::var_os("SECGROUP_REQUIRE_NETNS").is_some();
            assert!(!required, "tshark: {error}");
            eprintln!("skipped: no tshark ({error})");
            return None;
        }
    };
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let rows = text.lines().map(|line| {
        let mut fields = line.split('|').map(str::to_owned);
        std::array::from_fn(|_| fields.next().unwrap_or_default())
    });
    Some(rows.collect())
}

fn text<'a>(line: &'a Value, field: &str) -> &'a str {
    line[field].as_str().unwrap_or_default()
}

/// Whether a comment says what a verdict line says.
fn agrees(comment: &str, line: &Value) -> bool {
    let said = |name: &str| {
        let value = text(line, name);
        value.is_empty()
            || comment
                .split(' ')
                .any(|word| word == format!("{name}={value}"))
    };
    [
        "verdict",
        "reason",
        "interface",
        "direction",
        "rule",
        "group",
    ]
    .into_iter()
    .all(said)
}

#[test]
fn tshark_reads_what_the_verdict_lines_say() {
    let folder = Folder::new();
    for capture in CAPTURES {
        let capture = format!("configs/captures/{capture}");
        let annotated = folder.path("annotated.pcapng");
        secgroup(&[
            "replay",
            "--policy",
            LAB,
            "--annotate",
            &annotated,
            &capture,
        ])
        .code(0);
        let lines = verdicts(&["--policy", LAB, &capture]);
        let Some(packets) = tshark(&annotated, "frame") else {
            return;
        };
        let last = lines.last().unwrap()["packet"].as_u64().unwrap();
        assert_eq!(
            packets.len() as u64,
            last,
            "{capture}: every packet is there"
        );
        for [number, interface, comments] in &packets {
            let packet = Value::from(number.parse::<u64>().unwrap());
            let of_packet: Vec<_> = lines
                .iter()
                .filter(|line| line["packet"] == packet)
                .collect();
            let comments: Vec<_> = comments.split(';').collect();
            assert_eq!(
                comments.len(),
                of_packet.len(),
                "{capture} {number}: {comments:?}"
            );
            for (comment, line) in comments.iter().zip(&of_packet) {
                assert!(
                    agrees(comment, line),
                    "{capture} {number}: {comment} is not {line}"
                );
            }
            let first = text(of_packet[0], "interface");
            let expected = if first.is_empty() { "none" } else { first };
            assert_eq!(interface, expected, "{capture} {number}");
        }
    }
}

#[test]
fn filters_find_denials_and_connection_states() {
    let folder = Folder::new();
    let capture = "configs/captures/web-server.pcap";
    let annotated = folder.path("annotated.pcapng");
    secgroup(&["replay", "--policy", LAB, "--annotate", &annotated, capture]).code(0);
    let lines = verdicts(&["--policy", LAB, capture]);
    let Some(denied) = tshark(&annotated, "frame.comment contains \"verdict=deny\"") else {
        return;
    };
    let expected = lines.iter().filter(|line| line["verdict"] == "deny");
    let expected: Vec<_> = expected.map(|line| line["packet"].to_string()).collect();
    let found: Vec<_> = denied.into_iter().map(|[number, ..]| number).collect();
    assert!(!found.is_empty());
    assert_eq!(found, expected);
    let states = [
        "syn-sent",
        "syn-recv",
        "established",
        "fin-wait",
        "time-wait",
        "udp",
        "icmp",
    ];
    for state in states {
        let filter = format!("frame.comment contains \"state={state} \"");
        assert!(!tshark(&annotated, &filter).unwrap().is_empty(), "{state}");
    }
}
