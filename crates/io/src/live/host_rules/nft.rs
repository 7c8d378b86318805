//! The rules as a table of nftables.

use std::fmt::Write;

use super::carried::Carried;
use super::program::run;
use super::{Contents, HostRulesError, QueueRoute};
use crate::live::nfqueue::FlowMark;

/// Our table. It is there if and only if we put it there.
const TABLE: &str = "inet secgroup";

/// Replaces our table in one step.
pub(super) fn install(contents: Contents<'_>) -> Result<(), HostRulesError> {
    apply(&text(contents))
}

/// Deletes our table, if it is there.
pub(super) fn clear() -> Result<(), HostRulesError> {
    match nft(&["list", "tables"], "") {
        Ok(tables) if tables.lines().any(|line| line == format!("table {TABLE}")) => {
            apply(&format!("delete table {TABLE}\n"))
        }
        Ok(_) => Ok(()),
        // Where it is not installed, nobody used it.
        Err(HostRulesError::NotFound { .. }) => Ok(()),
        // Nor where the kernel has no nftables.
        Err(HostRulesError::Failed { said, .. }) if !said.contains("not permitted") => Ok(()),
        Err(error) => Err(error),
    }
}

fn apply(text: &str) -> Result<(), HostRulesError> {
    nft(&["-f", "-"], text).map(drop)
}

fn nft(arguments: &[&str], input: &str) -> Result<String, HostRulesError> {
    run("nft", "nftables", arguments, input)
}

/// The table, in place of the one that may be there.
fn text(contents: Contents<'_>) -> String {
    // "add" makes sure that there is one to delete.
    let mut text = format!("add table {TABLE}\ndelete table {TABLE}\ntable {TABLE} {{\n");
    if let Some(carried) = contents.carried {
        text.push_str(&remember_chain(carried.mark));
        for (index, route) in contents.routes.iter().enumerate() {
            text.push_str(&flow_chains(carried, index, &queue(route)));
        }
    }
    for (hook, device) in [("input", "iifname"), ("output", "oifname")] {
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "\tchain {hook} {{\n\t\ttype filter hook {hook} priority security; policy accept;\n"
        );
        for (index, route) in contents.routes.iter().enumerate() {
            let devices = route.devices.iter().map(|device| format!("\"{device}\""));
            let devices = devices.collect::<Vec<_>>().join(", ");
            let decide = match contents.carried {
                Some(_) => format!("goto decide{}", suffix(index)),
                None => queue(route),
            };
            let _ = writeln!(text, "\t\t{device} {{ {devices} }} {decide}");
        }
        text.push_str("\t}\n");
    }
    text.push_str("}\n");
    text
}

/// What sends a packet to the queues of a route.
fn queue(route: &QueueRoute) -> String {
    match route.queues.clone().into_inner() {
        (first, last) if first == last => format!("queue num {first}"),
        (first, last) => format!("queue num {first}-{last}"),
    }
}

/// What the names of a route's chains end with: nothing for the first route, `_2` for the second.
fn suffix(index: usize) -> String {
    match index {
        0 => String::new(),
        index => format!("_{}", index + 1),
    }
}

/// What a packet meets that was accepted as a flow. Chains that are gone to return to the hook, which accepts.
fn remember_chain(mark: FlowMark) -> String {
    let (others, value) = (!mark.mask(), mark.value());
    format!(
        "\tchain remember {{\n\
         \t\tct mark set ct mark & {others:#010x} | {value:#010x}\n\
         \t\tmeta mark set meta mark & {others:#010x}\n\
         \t}}\n"
    )
}

/// What a packet of a route meets where flows are marked.
fn flow_chains(carried: Carried, index: usize, queue: &str) -> String {
    let (mask, value) = (carried.mark.mask(), carried.mark.value());
    let end = carried.last_second() + 1;
    let suffix = suffix(index);
    format!(
        "\tchain carry{suffix} {{\n\
         \t\tmeta l4proto != tcp return\n\
         \t\ttcp flags & (fin | syn | rst) == 0x0 return\n\
         \t\t{queue}\n\
         \t}}\n\
         \tchain decide{suffix} {{\n\
         \t\tmeta mark & {mask:#010x} == {value:#010x} goto remember\n\
         \t\tct mark & {mask:#010x} == {value:#010x} ct state established meta time < {end} goto carry{suffix}\n\
         \t\t{queue}\n\
         \t}}\n"
    )
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use secgroup_testkit::netns;

    use super::*;

    fn routes() -> Vec<QueueRoute> {
        vec![QueueRoute {
            devices: vec!["eth0".into(), "eth1".into()],
            queues: 4..=7,
        }]
    }

    fn text_of(routes: &[QueueRoute], mark: Option<FlowMark>) -> String {
        let carried = mark.map(|mark| Carried {
            mark,
            until: Some(UNIX_EPOCH + Duration::from_secs(1_795_287_305)),
        });
        text(Contents { routes, carried })
    }

    #[test]
    fn every_packet_goes_to_the_queues() {
        let expected = r#"add table inet secgroup
delete table inet secgroup
table inet secgroup {
	chain input {
		type filter hook input priority security; policy accept;
		iifname { "eth0", "eth1" } queue num 4-7
	}
	chain output {
		type filter hook output priority security; policy accept;
		oifname { "eth0", "eth1" } queue num 4-7
	}
}
"#;
        assert_eq!(text_of(&routes(), None), expected);
        let mut one = routes();
        one[0].queues = 9..=9;
        assert!(text_of(&one, None).contains("} queue num 9\n"));
    }

    #[test]
    fn marked_flows_are_carried() {
        let mark = FlowMark::fresh(0xffff_0000).unwrap();
        let expected = r#"add table inet secgroup
delete table inet secgroup
table inet secgroup {
	chain remember {
		ct mark set ct mark & 0x0000ffff | VALUE
		meta mark set meta mark & 0x0000ffff
	}
	chain carry {
		meta l4proto != tcp return
		tcp flags & (fin | syn | rst) == 0x0 return
		queue num 4-7
	}
	chain decide {
		meta mark & 0xffff0000 == VALUE goto remember
		ct mark & 0xffff0000 == VALUE ct state established meta time < 1795287306 goto carry
		queue num 4-7
	}
	chain input {
		type filter hook input priority security; policy accept;
		iifname { "eth0", "eth1" } goto decide
	}
	chain output {
		type filter hook output priority security; policy accept;
		oifname { "eth0", "eth1" } goto decide
	}
}
"#;
        let value = format!("{:#010x}", mark.value());
        assert_eq!(
            text_of(&routes(), Some(mark)),
            expected.replace("VALUE", &value)
        );
    }

    /// With another route, to queue 9.
    fn two_routes() -> Vec<QueueRoute> {
        let mut routes = routes();
        routes.push(QueueRoute {
            devices: vec!["wlan0".into()],
            queues: 9..=9,
        });
        routes
    }

    #[test]
    fn each_route_goes_to_its_own_queues() {
        let unmarked = text_of(&two_routes(), None);
        for rule in [
            "\t\tiifname { \"eth0\", \"eth1\" } queue num 4-7\n\t\tiifname { \"wlan0\" } queue num 9\n\t}\n",
            "\t\toifname { \"eth0\", \"eth1\" } queue num 4-7\n\t\toifname { \"wlan0\" } queue num 9\n\t}\n",
        ] {
            assert!(unmarked.contains(rule), "{unmarked}");
        }
        let mark = FlowMark::fresh(0xffff_0000).unwrap();
        let expected = r#"	chain carry_2 {
		meta l4proto != tcp return
		tcp flags & (fin | syn | rst) == 0x0 return
		queue num 9
	}
	chain decide_2 {
		meta mark & 0xffff0000 == VALUE goto remember
		ct mark & 0xffff0000 == VALUE ct state established meta time < 1795287306 goto carry_2
		queue num 9
	}
	chain input {
		type filter hook input priority security; policy accept;
		iifname { "eth0", "eth1" } goto decide
		iifname { "wlan0" } goto decide_2
	}
	chain output {
		type filter hook output priority security; policy accept;
		oifname { "eth0", "eth1" } goto decide
		oifname { "wlan0" } goto decide_2
	}
}
"#;
        let marked = text_of(&two_routes(), Some(mark));
        let value = format!("{:#010x}", mark.value());
        assert!(
            marked.ends_with(&expected.replace("VALUE", &value)),
            "{marked}"
        );
        assert_eq!(marked.matches("chain remember ").count(), 1, "{marked}");
    }

    #[test]
    fn the_tool_takes_the_text() {
        if netns::skip("the_tool_takes_the_text") {
            return;
        }
        let host = netns::Namespace::new("host");
        let mark = FlowMark::fresh(0x00ff_ff00).unwrap();
        for text in [
            text_of(&routes(), None),
            text_of(&routes(), Some(mark)),
            text_of(&two_routes(), None),
            text_of(&two_routes(), Some(mark)),
        ] {
            let checked = |text: &str| host.enter(|| nft(&["-c", "-f", "-"], text).map(drop));
            // Where the kernel cannot queue, everything else still has to be right.
            let accepting = text.replace("queue num 4-7", "accept");
            checked(&accepting.replace("queue num 9", "accept")).unwrap();
            let queue = "table inet t {\n\tchain c {\n\t\tqueue num 4-7\n\t}\n}\n";
            assert_eq!(checked(&text).is_ok(), checked(queue).is_ok());
        }
    }
}
