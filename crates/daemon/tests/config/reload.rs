//! What a changed configuration takes.

use secgroup_daemon::config::ConfigChange;

use crate::good;

const BEFORE: &str = r#"
policy = ["web.yaml"]

[workers]
count = 2

[[interface]]
name = "web"
mode = "inline"
inside = "tap0"
outside = "uplink0"

[[interface]]
name = "db"
mode = "host"
devices = ["eth0"]
"#;

/// What replacing a piece of the text changes.
fn change(from: &str, to: &str) -> ConfigChange {
    assert!(BEFORE.contains(from), "{from}");
    good(BEFORE).changes(&good(&BEFORE.replace(from, to)))
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

#[test]
fn the_same_file_changes_nothing() {
    assert!(good(BEFORE).changes(&good(BEFORE)).is_empty());
    assert!(change("count = 2", "# two of them\ncount = 2\nbusy_poll = false").is_empty());
}

#[test]
fn each_change_is_of_its_kind() {
    let nothing = ConfigChange::default;
    let web = || names(&["web"]);
    for (from, to, expected) in [
        (
            "\"web.yaml\"",
            "\"db.yaml\"",
            ConfigChange {
                policy: true,
                watch: true,
                ..nothing()
            },
        ),
        (
            "[workers]",
            "region = \"eu-west-1\"\n[workers]",
            ConfigChange {
                policy: true,
                ..nothing()
            },
        ),
        (
            "[workers]",
            "watch = false\n[workers]",
            ConfigChange {
                watch: true,
                ..nothing()
            },
        ),
        (
            "[workers]",
            "audit = true\n[workers]",
            ConfigChange {
                audit: names(&["web", "db"]),
                ..nothing()
            },
        ),
        (
            "[workers]",
            "log = { level = \"debug\" }\n[workers]",
            ConfigChange {
                log: true,
                ..nothing()
            },
        ),
        (
            "[workers]",
            "[tracking]\nexemptions = false\n[workers]",
            ConfigChange {
                policy: true,
                ..nothing()
            },
        ),
        (
            "count = 2",
            "count = 2\nbusy_poll = true",
            ConfigChange {
                needs_restart: vec!["workers.busy_poll"],
                ..nothing()
            },
        ),
        (
            "tap0\"",
            "tap0\"\naudit = true",
            ConfigChange {
                audit: web(),
                ..nothing()
            },
        ),
        (
            "tap0\"",
            "tap1\"",
            ConfigChange {
                reopened: web(),
                ..nothing()
            },
        ),
        (
            "tap0\"",
            "tap0\"\nshards = 2",
            ConfigChange {
                reopened: web(),
                ..nothing()
            },
        ),
        (
            "tap0\"",
            "tap0\"\nallowance = 5",
            ConfigChange {
                policy: true,
                ..nothing()
            },
        ),
        (
            "tap0\"",
            "tap0\"\nsource_dest_check = false",
            ConfigChange {
                policy: true,
                ..nothing()
            },
        ),
        (
            "name = \"web\"",
            "name = \"app\"",
            ConfigChange {
                added: names(&["app"]),
                removed: web(),
                ..nothing()
            },
        ),
        (
            "mode = \"host\"",
            "mode = \"host\"\ngroups = [\"DbGroup\"]\naddresses = [\"10.0.3.10\"]",
            ConfigChange {
                policy: true,
                ..nothing()
            },
        ),
    ] {
        assert_eq!(change(from, to), expected, "{from} -> {to}");
    }
}

#[test]
fn what_needs_a_restart_stays_as_it_is_until_then() {
    let before = good(BEFORE);
    let after = good(
        &BEFORE
            .replace("count = 2", "count = 2\nhandoff_frames = 512")
            .replace("web.yaml", "b.yaml"),
    );
    assert_eq!(
        before.changes(&after).needs_restart,
        ["workers.handoff_frames"]
    );
    let kept = after.clone().keeping(&before);
    assert_eq!(kept.workers, before.workers);
    assert_eq!(kept.policy, after.policy);
    assert_eq!(
        before.changes(&kept),
        ConfigChange {
            needs_restart: vec![],
            ..before.changes(&after)
        }
    );
}
