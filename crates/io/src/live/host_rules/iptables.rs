//! The rules as chains of iptables, in its table `security`, or `mangle` where the kernel has none.
//!
//! | chain | what is in it |
//! |---|---|
//! | `INPUT`, `OUTPUT` | one jump of ours, the first rule |
//! | `SECGROUP-IN`, `SECGROUP-OUT` | which devices |
//! | `SECGROUP-REMEMBER` | a packet that was accepted as a flow: mark its connection |
//! | `SECGROUP-DECIDE` | to the queues, unless the kernel carries the connection |
//! | `SECGROUP-CARRY` | a packet of a marked connection |
//!
//! The last two are those of the first route; the second has a `SECGROUP-DECIDE-2` and a `SECGROUP-CARRY-2`, and so on.
//!
//! Each address family is changed in one step, by `iptables-restore`. What of ours is there already is
//! read first, and taken out in the same step. The table itself stays, empty, where nobody had used it before.
//!
//! `mangle` comes before the user's filter rules instead of behind them; what the filter then drops was
//! decided, and counted, before.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use super::carried::{Carried, utc};
use super::program::run;
use super::{Contents, HostRulesError, QueueRoute};
use crate::live::nfqueue::FlowMark;

/// What the names of all our chains begin with.
const OURS: &str = "SECGROUP-";

/// Our chains that are there once.
const SHARED: [&str; 3] = ["IN", "OUT", "REMEMBER"];

/// Our chains that each route has.
const OF_A_ROUTE: [&str; 2] = ["DECIDE", "CARRY"];

/// Most routes that there can be: each has a queue of its own.
const ROUTES_MAX: u32 = 1 << 16;

/// How long the tool waits for another one that changes rules, in seconds.
const WAIT_FOR_LOCK: &str = "1";

/// Which of the installed programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `iptables`.
    Default,
    /// `iptables-legacy`.
    Legacy,
}

/// Where a program puts rules: the kernel keeps two sets side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    NfTables,
    XTables,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Table {
    Security,
    Mangle,
}

impl Table {
    /// In the order in which they are tried.
    const ALL: [Self; 2] = [Self::Security, Self::Mangle];

    const fn name(self) -> &'static str {
        match self {
            Self::Security => "security",
            Self::Mangle => "mangle",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    V4,
    V6,
}

impl Family {
    /// Those that the kernel speaks. Where it has IPv6, its packets have to be decided as well.
    fn all() -> &'static [Self] {
        if Path::new("/proc/thread-self/net/if_inet6").exists() {
            &[Self::V4, Self::V6]
        } else {
            &[Self::V4]
        }
    }

    /// The file that lists which tables of [`Place::XTables`] are in use.
    const fn tables(self) -> &'static str {
        match self {
            Self::V4 => "/proc/thread-self/net/ip_tables_names",
            Self::V6 => "/proc/thread-self/net/ip6_tables_names",
        }
    }
}

/// Rules that were installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Iptables {
    kind: Kind,
    place: Place,
    table: Table,
}

impl Iptables {
    /// Installs the rules, for all address families or none.
    pub(super) fn install(kind: Kind, contents: Contents<'_>) -> Result<Self, HostRulesError> {
        let place = place(kind)?;
        let table = table(kind)?;
        let installed = Self { kind, place, table };
        if let Err(error) = installed.refill(contents) {
            // The error that counts is the first.
            let _ = installed.clear();
            return Err(error);
        }
        Ok(installed)
    }

    /// Puts these rules in place of those that are there.
    pub(super) fn refill(self, contents: Contents<'_>) -> Result<(), HostRulesError> {
        Family::all().iter().try_for_each(|&family| {
            let there = There::list(self.kind, family, self.table)?;
            restore(
                self.kind,
                family,
                &install_text(self.table, &there, contents),
            )
        })
    }

    /// Removes the rules.
    pub(super) fn clear(self) -> Result<(), HostRulesError> {
        let families = Family::all().iter();
        let cleared = families.map(|&family| clear(self.kind, family, self.table));
        // All are tried, even if one fails.
        cleared.fold(Ok(()), Result::and)
    }

    /// Removes what of ours is anywhere else than `kept`.
    pub(super) fn clear_others(kept: Option<Self>) -> Result<(), HostRulesError> {
        let mut seen = Vec::new();
        for kind in [Kind::Default, Kind::Legacy] {
            // One that is not installed, or does not work, has not installed anything either.
            let Ok(place) = place(kind) else { continue };
            if seen.contains(&place) {
                continue;
            }
            seen.push(place);
            for table in Table::ALL {
                if kept.is_some_and(|kept| (kept.place, kept.table) == (place, table)) {
                    continue;
                }
                for &family in Family::all() {
                    if may_be_used(place, family, table) {
                        clear(kind, family, table)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Its name, for people.
    pub(super) const fn name(self) -> &'static str {
        match (self.place, self.table) {
            (Place::NfTables, Table::Security) => "iptables (nf_tables, security)",
            (Place::NfTables, Table::Mangle) => "iptables (nf_tables, mangle)",
            (Place::XTables, Table::Security) => "iptables (legacy, security)",
            (Place::XTables, Table::Mangle) => "iptables (legacy, mangle)",
        }
    }
}

/// What of ours is in a table.
#[derive(Debug, Default, PartialEq, Eq)]
struct There {
    /// The rules of others' chains that lead to ours, without `-A`.
    jumps: Vec<String>,
    /// Our chains.
    chains: BTreeSet<String>,
}

impl There {
    fn list(kind: Kind, family: Family, table: Table) -> Result<Self, HostRulesError> {
        let arguments = ["-w", WAIT_FOR_LOCK, "-t", table.name(), "-S"];
        let listed = run(program(kind, family), "iptables", &arguments, "")?;
        Ok(Self::parse(&listed))
    }

    fn parse(listed: &str) -> Self {
        let mut there = Self::default();
        for line in listed.lines() {
            if let Some(chain) = line.strip_prefix("-N ")
                && is_ours(chain)
            {
                there.chains.insert(chain.to_owned());
            } else if let Some(rule) = line.strip_prefix("-A ")
                && (rule.starts_with("INPUT ") || rule.starts_with("OUTPUT "))
                && rule.rsplit(' ').next().is_some_and(is_ours)
            {
                there.jumps.push(rule.to_owned());
            }
        }
        there
    }
}

/// Whether a chain is one of ours, of this run or another.
fn is_ours(chain: &str) -> bool {
    let Some(name) = chain.strip_prefix(OURS) else {
        return false;
    };
    match name.split_once('-') {
        None => SHARED.contains(&name) || OF_A_ROUTE.contains(&name),
        Some((name, number)) => OF_A_ROUTE.contains(&name) && is_numbered(number),
    }
}

/// Whether this is how the chains of a route are numbered, from the second one on.
fn is_numbered(number: &str) -> bool {
    let read = number.parse::<u32>();
    read.is_ok_and(|read| (2..=ROUTES_MAX).contains(&read) && read.to_string() == number)
}

/// What the names of a route's chains end with: nothing for the first route, `-2` for the second.
fn suffix(index: usize) -> String {
    match index {
        0 => String::new(),
        index => format!("-{}", index + 1),
    }
}

/// The chains of so many routes.
fn chains(routes: usize) -> Vec<String> {
    let of_routes = (0..routes).flat_map(|index| {
        let suffix = suffix(index);
        OF_A_ROUTE.map(|chain| format!("{OURS}{chain}{suffix}"))
    });
    let shared = SHARED.iter().map(|chain| format!("{OURS}{chain}"));
    shared.chain(of_routes).collect()
}

/// What takes the place of what is there.
fn install_text(table: Table, there: &There, contents: Contents<'_>) -> String {
    let mut text = format!("*{}\n", table.name());
    let chains = chains(contents.routes.len());
    // Naming a chain makes it, or empties the one that is there.
    for chain in &chains {
        line(&mut text, format_args!(":{chain} - [0:0]"));
    }
    for jump in &there.jumps {
        line(&mut text, format_args!("-D {jump}"));
    }
    let unused = there.chains.iter().filter(|chain| !chains.contains(chain));
    remove_chains(&mut text, &unused.collect::<Vec<_>>());
    line(&mut text, format_args!("-I INPUT -j {OURS}IN"));
    line(&mut text, format_args!("-I OUTPUT -j {OURS}OUT"));
    if let Some(carried) = contents.carried {
        remember_rules(&mut text, carried.mark);
    }
    for (index, route) in contents.routes.iter().enumerate() {
        route_rules(&mut text, index, route, contents.carried);
    }
    text.push_str("COMMIT\n");
    text
}

/// What a packet meets that was accepted as a flow. What is gone to with `-g` returns to the hook's chain.
fn remember_rules(text: &mut String, mark: FlowMark) {
    let (mask, value) = (mark.mask(), mark.value());
    for rule in [
        format!("CONNMARK --set-xmark {value:#x}/{mask:#x}"),
        format!("MARK --set-xmark 0x0/{mask:#x}"),
    ] {
        line(text, format_args!("-A {OURS}REMEMBER -j {rule}"));
    }
}

/// Whose packets a route takes, and where they go.
fn route_rules(text: &mut String, index: usize, route: &QueueRoute, carried: Option<Carried>) {
    let suffix = suffix(index);
    let (decide, carry) = (
        format!("{OURS}DECIDE{suffix}"),
        format!("{OURS}CARRY{suffix}"),
    );
    for device in &route.devices {
        line(text, format_args!("-A {OURS}IN -i {device} -g {decide}"));
        line(text, format_args!("-A {OURS}OUT -o {device} -g {decide}"));
    }
    let queue = match route.queues.clone().into_inner() {
        (first, last) if first == last => format!("-j NFQUEUE --queue-num {first}"),
        (first, last) => format!("-j NFQUEUE --queue-balance {first}:{last}"),
    };
    if let Some(carried) = carried {
        let mark = carried.mark;
        let marked = format!("--mark {:#x}/{:#x}", mark.value(), mark.mask());
        let established = format!(
            "-m connmark {marked} -m conntrack --ctstate ESTABLISHED -m time --datestop {}",
            utc(carried.last_second())
        );
        for rule in [
            format!("{decide} -m mark {marked} -g {OURS}REMEMBER"),
            format!("{decide} {established} -g {carry}"),
            format!("{carry} ! -p tcp -j RETURN"),
            format!("{carry} -p tcp -m tcp --tcp-flags SYN,FIN,RST NONE -j RETURN"),
            format!("{carry} {queue}"),
        ] {
            line(text, format_args!("-A {rule}"));
        }
    }
    line(text, format_args!("-A {decide} {queue}"));
}

/// What takes out all that is there; nothing where nothing is.
fn clear_text(table: Table, there: &There) -> Option<String> {
    if there == &There::default() {
        return None;
    }
    let mut text = format!("*{}\n", table.name());
    for jump in &there.jumps {
        line(&mut text, format_args!("-D {jump}"));
    }
    remove_chains(&mut text, &there.chains.iter().collect::<Vec<_>>());
    text.push_str("COMMIT\n");
    Some(text)
}

/// Takes chains out. They lead to each other: all are emptied before one can go.
fn remove_chains(text: &mut String, chains: &[&String]) {
    for step in ["-F", "-X"] {
        for chain in chains {
            line(text, format_args!("{step} {chain}"));
        }
    }
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{line}");
}

fn clear(kind: Kind, family: Family, table: Table) -> Result<(), HostRulesError> {
    let there = There::list(kind, family, table)?;
    clear_text(table, &there).map_or(Ok(()), |text| restore(kind, family, &text))
}

fn restore(kind: Kind, family: Family, text: &str) -> Result<(), HostRulesError> {
    let program = match (kind, family) {
        (Kind::Default, Family::V4) => "iptables-restore",
        (Kind::Default, Family::V6) => "ip6tables-restore",
        (Kind::Legacy, Family::V4) => "iptables-legacy-restore",
        (Kind::Legacy, Family::V6) => "ip6tables-legacy-restore",
    };
    let arguments = ["--noflush", "-w", WAIT_FOR_LOCK];
    run(program, "iptables", &arguments, text).map(drop)
}

const fn program(kind: Kind, family: Family) -> &'static str {
    match (kind, family) {
        (Kind::Default, Family::V4) => "iptables",
        (Kind::Default, Family::V6) => "ip6tables",
        (Kind::Legacy, Family::V4) => "iptables-legacy",
        (Kind::Legacy, Family::V6) => "ip6tables-legacy",
    }
}

/// Where the program of this kind puts its rules, as its version says.
fn place(kind: Kind) -> Result<Place, HostRulesError> {
    let version = run(program(kind, Family::V4), "iptables", &["--version"], "")?;
    Ok(if version.contains("nf_tables") {
        Place::NfTables
    } else {
        Place::XTables
    })
}

/// The first table that the kernel has for all families.
fn table(kind: Kind) -> Result<Table, HostRulesError> {
    let usable = |table| {
        let mut families = Family::all().iter();
        families.try_for_each(|&family| There::list(kind, family, table).map(drop))
    };
    match usable(Table::Security) {
        Ok(()) => Ok(Table::Security),
        Err(_) => usable(Table::Mangle).map(|()| Table::Mangle),
    }
}

/// Whether anybody may have put rules there. To ask the tool for a table of [`Place::XTables`] makes it, so it is
/// not asked about one that is not in use, nor where this user may not know.
fn may_be_used(place: Place, family: Family, table: Table) -> bool {
    match place {
        Place::NfTables => true,
        Place::XTables => fs::read_to_string(family.tables())
            .is_ok_and(|names| names.lines().any(|name| name == table.name())),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn routes() -> Vec<QueueRoute> {
        vec![QueueRoute {
            devices: vec!["eth0".into(), "eth1".into()],
            queues: 4..=7,
        }]
    }

    const fn deciding(routes: &[QueueRoute]) -> Contents<'_> {
        Contents {
            routes,
            carried: None,
        }
    }

    /// The chains as `-S` lists them where they were installed, between rules of others.
    const LISTED: &str = "-P INPUT ACCEPT
-P OUTPUT ACCEPT
-N SECGROUP-IN
-N MINE
-N SECGROUP-MINE
-N SECGROUP-OUT
-A INPUT -j SECGROUP-IN
-A INPUT -i eth9 -j MINE
-A INPUT -j SECGROUP-MINE
-A INPUT -i eth0 -j SECGROUP-IN
-A OUTPUT -m comment --comment \"-j SECGROUP-OUT\" -j MINE
-A OUTPUT -j SECGROUP-OUT
-A MINE -j SECMARK --selctx x
-A SECGROUP-IN -i eth0 -g SECGROUP-DECIDE
";

    #[test]
    fn every_packet_goes_to_the_queues() {
        let expected = "*security
:SECGROUP-IN - [0:0]
:SECGROUP-OUT - [0:0]
:SECGROUP-REMEMBER - [0:0]
:SECGROUP-DECIDE - [0:0]
:SECGROUP-CARRY - [0:0]
-I INPUT -j SECGROUP-IN
-I OUTPUT -j SECGROUP-OUT
-A SECGROUP-IN -i eth0 -g SECGROUP-DECIDE
-A SECGROUP-OUT -o eth0 -g SECGROUP-DECIDE
-A SECGROUP-IN -i eth1 -g SECGROUP-DECIDE
-A SECGROUP-OUT -o eth1 -g SECGROUP-DECIDE
-A SECGROUP-DECIDE -j NFQUEUE --queue-balance 4:7
COMMIT
";
        let text = install_text(Table::Security, &There::default(), deciding(&routes()));
        assert_eq!(text, expected);
        let mut one = routes();
        one[0].queues = 9..=9;
        let text = install_text(Table::Mangle, &There::default(), deciding(&one));
        assert!(text.starts_with("*mangle\n"));
        assert!(text.contains("-j NFQUEUE --queue-num 9\n"));
    }

    #[test]
    fn each_route_goes_to_its_own_queues() {
        let mark = FlowMark::fresh(0xffff_0000).unwrap();
        let mut two = routes();
        two[0].devices.pop();
        two.push(QueueRoute {
            devices: vec!["wlan0".into()],
            queues: 9..=9,
        });
        let expected = "*security
:SECGROUP-IN - [0:0]
:SECGROUP-OUT - [0:0]
:SECGROUP-REMEMBER - [0:0]
:SECGROUP-DECIDE - [0:0]
:SECGROUP-CARRY - [0:0]
:SECGROUP-DECIDE-2 - [0:0]
:SECGROUP-CARRY-2 - [0:0]
-D INPUT -j SECGROUP-IN
-F SECGROUP-CARRY-3
-F SECGROUP-DECIDE-3
-X SECGROUP-CARRY-3
-X SECGROUP-DECIDE-3
-I INPUT -j SECGROUP-IN
-I OUTPUT -j SECGROUP-OUT
-A SECGROUP-REMEMBER -j CONNMARK --set-xmark VALUE/0xffff0000
-A SECGROUP-REMEMBER -j MARK --set-xmark 0x0/0xffff0000
-A SECGROUP-IN -i eth0 -g SECGROUP-DECIDE
-A SECGROUP-OUT -o eth0 -g SECGROUP-DECIDE
-A SECGROUP-DECIDE -m mark --mark VALUE/0xffff0000 -g SECGROUP-REMEMBER
-A SECGROUP-DECIDE -m connmark --mark VALUE/0xffff0000 -m conntrack --ctstate ESTABLISHED -m time --datestop 2026-11-21T18:55:05 -g SECGROUP-CARRY
-A SECGROUP-CARRY ! -p tcp -j RETURN
-A SECGROUP-CARRY -p tcp -m tcp --tcp-flags SYN,FIN,RST NONE -j RETURN
-A SECGROUP-CARRY -j NFQUEUE --queue-balance 4:7
-A SECGROUP-DECIDE -j NFQUEUE --queue-balance 4:7
-A SECGROUP-IN -i wlan0 -g SECGROUP-DECIDE-2
-A SECGROUP-OUT -o wlan0 -g SECGROUP-DECIDE-2
-A SECGROUP-DECIDE-2 -m mark --mark VALUE/0xffff0000 -g SECGROUP-REMEMBER
-A SECGROUP-DECIDE-2 -m connmark --mark VALUE/0xffff0000 -m conntrack --ctstate ESTABLISHED -m time --datestop 2026-11-21T18:55:05 -g SECGROUP-CARRY-2
-A SECGROUP-CARRY-2 ! -p tcp -j RETURN
-A SECGROUP-CARRY-2 -p tcp -m tcp --tcp-flags SYN,FIN,RST NONE -j RETURN
-A SECGROUP-CARRY-2 -j NFQUEUE --queue-num 9
-A SECGROUP-DECIDE-2 -j NFQUEUE --queue-num 9
COMMIT
";
        let more = "-N SECGROUP-IN
-N SECGROUP-DECIDE
-N SECGROUP-DECIDE-2
-N SECGROUP-DECIDE-3
-N SECGROUP-CARRY-3
-A INPUT -j SECGROUP-IN
";
        let carried = Carried {
            mark,
            until: Some(UNIX_EPOCH + Duration::from_secs(1_795_287_305)),
        };
        let contents = Contents {
            routes: &two,
            carried: Some(carried),
        };
        let text = install_text(Table::Security, &There::parse(more), contents);
        let value = format!("{:#x}", mark.value());
        assert_eq!(text, expected.replace("VALUE", &value));
    }

    #[test]
    fn only_chains_of_exactly_our_names_are_ours() {
        for ours in chains(12) {
            assert!(is_ours(&ours), "{ours}");
        }
        assert!(is_ours("SECGROUP-DECIDE-65536"));
        for other in [
            "SECGROUP-",
            "SECGROUP-MINE",
            "SECGROUP-IN-2",
            "SECGROUP-REMEMBER-2",
            "SECGROUP-DECIDE-",
            "SECGROUP-DECIDE-1",
            "SECGROUP-DECIDE-02",
            "SECGROUP-DECIDE-+2",
            "SECGROUP-DECIDE-2-3",
            "SECGROUP-DECIDE-65537",
            "SECGROUP-CARRY-two",
            "SECGROUP-CARRY2",
            "secgroup-CARRY-2",
            "CARRY-2",
        ] {
            assert!(!is_ours(other), "{other}");
        }
    }

    #[test]
    fn what_is_there_is_replaced_and_what_is_not_ours_stays() {
        let there = There::parse(LISTED);
        let text = install_text(Table::Security, &there, deciding(&routes()));
        let removed: Vec<_> = text.lines().filter(|line| line.starts_with("-D")).collect();
        assert_eq!(
            removed,
            [
                "-D INPUT -j SECGROUP-IN",
                "-D INPUT -i eth0 -j SECGROUP-IN",
                "-D OUTPUT -j SECGROUP-OUT"
            ]
        );
    }

    #[test]
    fn all_of_ours_goes_and_nothing_else() {
        let expected = "*security
-D INPUT -j SECGROUP-IN
-D INPUT -i eth0 -j SECGROUP-IN
-D OUTPUT -j SECGROUP-OUT
-F SECGROUP-IN
-F SECGROUP-OUT
-X SECGROUP-IN
-X SECGROUP-OUT
COMMIT
";
        let text = clear_text(Table::Security, &There::parse(LISTED));
        assert_eq!(text.as_deref(), Some(expected));
        assert_eq!(
            clear_text(Table::Security, &There::parse("-P INPUT ACCEPT\n")),
            None
        );
    }
}
