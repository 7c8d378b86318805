//! `secgroup diff`.

use std::path::{Path, PathBuf};

use secgroup_analysis::Difference;
use secgroup_model::{Inventory, VpcId};
use secgroup_replay::{CaptureReport, Comparison, ComparisonReport, SessionSettings, compare};
use serde::Serialize;

use crate::args::{Diff, take_policies};
use crate::commands::outputs;
use crate::commands::page::PageFile;
use crate::commands::replay::{check_vpc, settings};
use crate::progress::Progress;
use crate::render::Made;
use crate::{Failure, Outcome, policy, render, say};

/// The difference, in the shape in which `--json` prints it.
#[derive(Debug, Serialize)]
pub(crate) struct DiffReport {
    /// Whether there is any.
    pub(crate) differs: bool,
    /// By analysis: of all traffic.
    #[serde(flatten)]
    pub(crate) difference: Difference,
    /// On captures, where some were given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) captures: Option<ComparisonReport>,
}

/// Compares two policies.
pub(crate) fn run(args: &Diff) -> Result<Outcome, Failure> {
    check_usage(args)?;
    let (Some(old), Some(new)) = (inventory(&args.old, args)?, inventory(&args.new, args)?) else {
        return Ok(Outcome::BadInput);
    };
    let vpc = args.vpc.as_deref().map(VpcId::new);
    if let Some(vpc) = &vpc {
        check_vpc(&old, vpc)?;
        check_vpc(&new, vpc)?;
    }
    let page = args.report.as_deref().map(PageFile::create).transpose()?;
    let settings = SessionSettings {
        vpc,
        ..settings(&args.engine)
    };
    let difference = secgroup_analysis::diff(&old, &new, &settings.defaults.always_track);
    let captures = if args.captures.is_empty() {
        None
    } else {
        Some(on_captures(args, &old, &new, settings)?)
    };
    let report = DiffReport {
        differs: differs(&difference, captures.as_ref()),
        difference,
        captures,
    };
    if let Some(page) = page {
        let names = [&args.old, &args.new].map(|path| path.display().to_string());
        let [old, new] = &names;
        let made = Made::now(policies(args));
        page.write(&render::difference_page(&report, (old, new), &made))?;
    }
    if args.json {
        say::show_json(&report)?;
    } else {
        say::show(&render::difference(&report, args.top))?;
    }
    let read = report.captures.as_ref().map(|captures| &*captures.captures);
    Ok(
        match (tell_errors(read.unwrap_or_default()), report.differs) {
            (true, _) => Outcome::BadInput,
            (false, true) => Outcome::CheckFailed,
            (false, false) => Outcome::Done,
        },
    )
}

/// The policies with their files, for the page.
fn policies(args: &Diff) -> Vec<(String, Vec<String>)> {
    let name = |path: &Path| path.display().to_string();
    let mut policies = vec![
        ("Old policy".to_owned(), vec![name(&args.old)]),
        ("New policy".to_owned(), vec![name(&args.new)]),
    ];
    if !args.common.is_empty() {
        let common = args.common.iter().map(|path| name(path)).collect();
        policies.push(("In both".to_owned(), common));
    }
    policies
}

/// Says which captures ended in an error; whether one did.
pub(crate) fn tell_errors(captures: &[CaptureReport]) -> bool {
    let errors = captures.iter().filter_map(|capture| capture.error.as_ref());
    errors.map(|error| say::tell_error(error)).count() > 0
}

fn differs(difference: &Difference, captures: Option<&ComparisonReport>) -> bool {
    !difference.is_empty() || captures.is_some_and(|found| found.changed_flow_count > 0)
}

fn check_usage(args: &Diff) -> Result<(), Failure> {
    let from_stdin = |path: &&PathBuf| outputs::is_standard(path);
    if args.captures.iter().filter(from_stdin).count() > 1 {
        return Err("standard input ('-') can be read only once".into());
    }
    if let Some(report) = &args.report {
        let inputs = args
            .captures
            .iter()
            .chain(&args.common)
            .chain([&args.old, &args.new]);
        outputs::check_apart("--report", report, inputs)?;
    }
    let policies = take_policies(args.captures.clone(), &mut Vec::new()).len();
    if policies != args.captures.len() {
        let message = "a policy stands where captures are expected: diff compares two policies; \
                       merge files with --with, or put those of one policy into a folder";
        return Err(message.into());
    }
    Ok(())
}

fn inventory(path: &Path, args: &Diff) -> Result<Option<Inventory>, Failure> {
    let mut files = files(path)?;
    files.extend(args.common.iter().cloned());
    let Some(mut inventory) = policy::read(&files, &args.reading) else {
        return Ok(None);
    };
    policy::attach(&mut inventory, &args.attaching)?;
    Ok(Some(inventory))
}

/// The file, or the policy files of the folder by name.
fn files(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let folder = |error| format!("cannot read the folder {}: {error}", path.display());
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(path).map_err(folder)? {
        entries.push(entry.map_err(folder)?.path());
    }
    entries.sort_unstable();
    let mut files = Vec::new();
    take_policies(entries, &mut files);
    if files.is_empty() {
        let path = path.display();
        let names = ".json, .yaml, .yml or .template";
        return Err(format!("the folder {path} has no policy: no file is named {names}").into());
    }
    Ok(files)
}

fn on_captures(
    args: &Diff,
    old: &Inventory,
    new: &Inventory,
    settings: SessionSettings,
) -> Result<ComparisonReport, Failure> {
    let progress = Progress::over(&args.captures);
    let plan = Comparison {
        captures: args.captures.clone(),
        old,
        new,
        settings,
        top: args.top,
    };
    let report = compare(&plan, &mut |position| progress.show(position));
    progress.done();
    Ok(report?)
}
