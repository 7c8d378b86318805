//! `secgroup audit`.

use std::fs;
use std::path::Path;

use secgroup_analysis::USUAL;
use secgroup_import::{Diagnostic, Severity, load_texts, write_template};
use secgroup_model::{Inventory, VpcId};
use secgroup_replay::{AuditReport, SessionSettings, audit};

use crate::args::{Audit, take_policies};
use crate::commands::diff::tell_errors;
use crate::commands::outputs;
use crate::commands::page::PageFile;
use crate::commands::replay::{check_vpc, settings};
use crate::progress::Progress;
use crate::render::Made;
use crate::{Failure, Outcome, policy, render, say};

/// Audits the policy, prints what was found, writes the suggestion.
pub(crate) fn run(mut args: Audit) -> Result<Outcome, Failure> {
    args.captures = take_policies(args.captures, &mut args.policy.files);
    check_usage(&args)?;
    let Some(mut inventory) = policy::read(&args.policy.files, &args.reading) else {
        return Ok(Outcome::BadInput);
    };
    policy::attach(&mut inventory, &args.attaching)?;
    let vpc = args.vpc.as_deref().map(VpcId::new);
    if let Some(vpc) = &vpc {
        check_vpc(&inventory, vpc)?;
    }
    let usual: Vec<_> = USUAL
        .into_iter()
        .chain(args.usual.iter().copied())
        .collect();
    let page = args.report.as_deref().map(PageFile::create).transpose()?;
    let progress = Progress::over(&args.captures);
    let options = policy::options(&args.reading);
    let plan = secgroup_replay::Audit {
        captures: args.captures.clone(),
        policy: &inventory,
        settings: SessionSettings {
            vpc,
            ..settings(&args.engine)
        },
        usual: &usual,
        top: args.top,
        reread: &|suggestion| {
            let text = write_template(suggestion, &[]);
            let import = load_texts(&[("the suggestion", &text)], &options);
            match import
                .diagnostics
                .iter()
                .find(|d| d.severity == Severity::Error)
            {
                None => Ok(import.inventory),
                Some(Diagnostic { message, .. }) => Err(format!(
                    "the policy cannot be written as a template: {message}"
                )),
            }
        },
    };
    let audited = audit(&plan, &mut |position| progress.show(position));
    progress.done();
    let (report, suggestion) = audited?;
    if let Some(page) = page {
        let names = args
            .policy
            .files
            .iter()
            .map(|file| file.display().to_string());
        let made = Made::now(vec![("Policy".to_owned(), names.collect())]);
        page.write(&render::audit_page(&report, &made))?;
    }
    let outcome = outcome(&report);
    if let (Some(path), Outcome::Done) = (&args.suggest, outcome) {
        write(path, &args, &report, &suggestion)?;
    }
    if args.json {
        say::show_json(&report)?;
    } else {
        say::show(&render::audit(&report))?;
    }
    Ok(outcome)
}

fn check_usage(args: &Audit) -> Result<(), Failure> {
    if args.captures.is_empty() {
        let known = "files named .json, .yaml, .yml or .template are policies";
        return Err(format!("there is no capture to audit by ({known}); name one").into());
    }
    if args.captures.iter().any(|path| outputs::is_standard(path)) {
        return Err(
            "captures are read several times, and standard input only once; write it to a \
                    file first"
                .into(),
        );
    }
    let inputs = || args.captures.iter().chain(&args.policy.files);
    let written = [("--suggest", &args.suggest), ("--report", &args.report)];
    for (option, path) in written {
        if let Some(path) = path {
            outputs::check_apart(option, path, inputs())?;
        }
    }
    if let (Some(suggest), Some(report)) = (&args.suggest, &args.report) {
        outputs::check_apart("--report", report, std::iter::once(suggest))?;
    }
    Ok(())
}

/// What was not read was not seen, and a suggestion that turns a verdict is none.
fn outcome(report: &AuditReport) -> Outcome {
    let unread = tell_errors(&report.captures);
    if let Some(problem) = &report.suggestion.problem {
        say::tell_error(problem);
    }
    if unread || !report.suggestion.exact {
        Outcome::BadInput
    } else {
        Outcome::Done
    }
}

fn write(
    path: &Path,
    args: &Audit,
    report: &AuditReport,
    suggestion: &Inventory,
) -> Result<(), Failure> {
    let name = |path: &Path| path.display().to_string();
    let policies: Vec<_> = args.policy.files.iter().map(|path| name(path)).collect();
    let captures: Vec<_> = args.captures.iter().map(|path| name(path)).collect();
    let comment = [
        format!(
            "The narrowest policy that allows what {} allows of",
            policies.join(", ")
        ),
        format!("{} ({} packets).", captures.join(", "), report.packets),
        "Replayed over them, it gives every packet the same verdict. What was not in".to_owned(),
        "them is not allowed: read it before you deploy it.".to_owned(),
    ];
    let text = write_template(suggestion, &comment);
    let failed = |error| format!("cannot write the suggestion to {}: {error}", path.display());
    fs::write(path, text).map_err(failed)?;
    Ok(())
}
