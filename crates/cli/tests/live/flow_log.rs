//! Flow logs of live traffic: what is in the files is what was decided, and a file is there when it is whole.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::Signal;
use secgroup_testkit::wait;

use crate::support::{
    ANY, Backend, I, Lab, O, Policy, Server, Setup, connect, everything, live, never_connects,
    never_pings, pings, tcp,
};

/// Records are made every second, and files as well.
const LOGS: &str = "
[[flow_log]]
folder = \"all\"
of = [\"I\"]
interval_seconds = 1
publish_seconds = 1
file_format = \"text\"
format = \"${flow-direction} ${action} ${protocol} ${srcaddr} ${dstaddr} ${dstport} ${packets} ${reason} ${tracking} ${log-status}\"
[[flow_log]]
folder = \"rejected\"
traffic = \"reject\"
interval_seconds = 1
publish_seconds = 1
hive = true
per_hour = true
";

live! {
    fn a_log_is_what_was_decided() { is_what_was_decided(Backend::AfPacketV2); }
    fn a_log_is_what_was_decided_by_several_workers() { is_what_was_decided(Backend::AfPacketSharded); }
    fn a_log_is_what_was_decided_in_host_mode() { is_what_was_decided(Backend::Host); }

    fn a_log_comes_and_goes_with_its_configuration() {
        let mut lab = Lab::prepare(&Setup::hosts(Policy::of_aws()));
        lab.start();
        assert_eq!(lab.daemon().status()["flow_logs"].as_array().unwrap().len(), 0);
        lab.edit_config(|text| format!("{text}{LOGS}"));
        lab.daemon().reload();
        wait::until("two logs", || {
            (lab.daemon().status()["flow_logs"].as_array()?.len() == 2).then_some(())
        });
        never_pings(&lab, &lab.outside, &lab.instance, I);
        let rejected = lab.folder().join("rejected");
        wait::until("a file of what was rejected", || {
            files(&rejected).into_iter().find(|path| path.to_string_lossy().contains("/hour="))
        });
        lab.edit_config(|text| text.replace(LOGS, ""));
        lab.daemon().reload();
        wait::until("no logs", || {
            lab.daemon().status()["flow_logs"].as_array()?.is_empty().then_some(())
        });
        assert_eq!(lab.end(Signal::TERM), 0);
    }

    fn a_folder_that_cannot_be_written_is_said() {
        let mut lab = Lab::prepare(&Setup::hosts(Policy::of_aws()));
        lab.edit_config(|text| format!("{text}{LOGS}"));
        lab.write("all", "this is no folder");
        lab.start();
        pings(&lab.instance, "", O);
        let failure = wait::until("a failure", || {
            let status = lab.daemon().status();
            let logs = status["flow_logs"].as_array()?.clone();
            let failing = logs.iter().find(|log| log["records_lost"].as_u64() > Some(0))?;
            failing["failure"].as_str().map(str::to_owned)
        });
        assert!(failure.starts_with("cannot write "), "{failure}");
        pings(&lab.instance, "", O);
    }
}

fn is_what_was_decided(backend: Backend) {
    let policy = Policy::new(&[tcp(80, ANY)], &everything());
    let mut lab = Lab::prepare(&Setup::hosts(policy).backend(backend));
    lab.edit_config(|text| format!("{text}{LOGS}"));
    lab.start();
    pings(&lab.instance, "", O);
    connect(
        &Server::new(&lab.instance, &format!("{I}:80")),
        &lab.outside,
    );
    never_pings(&lab, &lab.outside, &lab.instance, I);
    never_connects(&lab, &lab.outside, &lab.instance, &format!("{I}:22"));
    let all = lab.folder().join("all");
    // Packets may come on for a moment: both are asked until they agree.
    let records = wait::until("a log that agrees with the counters", || {
        let records = records(&all);
        (sums(&records) == counted(&lab)).then_some(records)
    });
    let has = |wanted: &str| {
        let wanted: Vec<_> = wanted.split(' ').collect();
        let is_it = |record: &&Vec<String>| {
            wanted
                .iter()
                .zip(record.iter())
                .all(|(wanted, word)| *wanted == "_" || wanted == word)
        };
        assert!(
            records.iter().any(|record| is_it(&record)),
            "{wanted:?} in {records:#?}"
        );
    };
    // G15: an answer has a record of its own, whatever the rules say.
    has(&format!("egress ACCEPT 1 {I} {O} 0 _ _ tracked OK"));
    has(&format!(
        "ingress ACCEPT 1 {O} {I} 0 _ established tracked OK"
    ));
    has(&format!("ingress ACCEPT 6 {O} {I} 80 _ _ _ OK"));
    has(&format!("egress ACCEPT 6 {I} {O} _ _ _ _ OK"));
    has(&format!("ingress REJECT 1 {O} {I} 0 _ no-rule - OK"));
    has(&format!("ingress REJECT 6 {O} {I} 22 _ no-rule - OK"));
    assert_eq!(lab.end(Signal::TERM), 0);
    // What was not published when it was told to end is now; nothing is left unfinished.
    let unfinished = fs::read_dir(all.join(".unfinished")).unwrap().count();
    assert_eq!(unfinished, 0);
}

/// Packets by direction and action.
type Packets = BTreeMap<(String, String), u64>;

/// Those of records that are of traffic.
fn sums(records: &[Vec<String>]) -> Packets {
    let mut sums = Packets::new();
    for record in records {
        if let [direction, action, _, _, _, _, packets, .., status] = record.as_slice()
            && status == "OK"
        {
            let key = (direction.clone(), action.clone());
            *sums.entry(key).or_default() += packets.parse::<u64>().unwrap();
        }
    }
    sums
}

/// Those that the daemon counted and that a flow log has.
fn counted(lab: &Lab) -> Packets {
    let interface = lab.daemon().interface("I");
    let mut sums = Packets::new();
    for line in interface["verdicts"].as_array().unwrap() {
        let text = |name: &str| line[name].as_str().unwrap().to_owned();
        let reason = text("reason");
        if ["exempt", "link-local-exceeded", "malformed"].contains(&reason.as_str()) {
            continue;
        }
        let action = if text("verdict") == "allow" {
            "ACCEPT"
        } else {
            "REJECT"
        };
        *sums
            .entry((text("direction"), action.to_owned()))
            .or_default() += line["packets"].as_u64().unwrap();
    }
    sums.retain(|_, packets| *packets > 0);
    sums
}

/// The records of all files of text below a folder, as their words.
fn records(folder: &Path) -> Vec<Vec<String>> {
    let texts = files(folder)
        .into_iter()
        .map(|path| fs::read_to_string(path).unwrap());
    let lines = texts.flat_map(|text| {
        assert!(text.ends_with('\n'), "half a file: {text}");
        text.lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
    });
    lines
        .map(|line| line.split(' ').map(str::to_owned).collect())
        .collect()
}

/// The files that are there to be found.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.join("AWSLogs")];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).into_iter().flatten().flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else {
                found.push(entry.path());
            }
        }
    }
    found
}
