//! `secgroup deploy`, `delete-stack` and `stacks`. Who has the store does the work: an endpoint that runs, or else this process.

use std::fs::File;
use std::io::{IsTerminal, Read, Write, stderr, stdin, stdout};
use std::path::{Path, PathBuf};

use secgroup_ec2::Site;
use secgroup_endpoint::stacks::{self, StackAnswer, StackListed, StackWish, TemplateText};
use secgroup_endpoint::{AdminClient, AdminError, Keys, Service, StateFolder, Storage};
use secgroup_import::Options;
use secgroup_model::AccountId;
use serde::Serialize;

use crate::args::{ApplyArgs, DeleteStack, Deploy, Stacks, StateArgs};
use crate::{Failure, Outcome, render, say};

/// The Region where nothing says which.
const DEFAULT_REGION: &str = "us-east-1";
/// The exit code of a plan that has changes.
const PENDING: u8 = 3;
/// The greatest template, in bytes, as the importer has it.
const TEMPLATE_MAX: u64 = 64 << 20;

/// Deploys a template.
pub(crate) fn deploy(args: &Deploy) -> Result<Outcome, Failure> {
    let stack = match (&args.stack, &args.templates[..]) {
        (Some(name), _) => name.clone(),
        (None, [only]) => stem(only)?,
        (None, _) => return Err("several templates make one stack: name it with --stack".into()),
    };
    let templates = read_all(&args.templates)?;
    let wish = StackWish {
        stack,
        templates: Some(templates),
        parameters: args.parameters.iter().cloned().collect(),
        import_values: args.import_values.iter().cloned().collect(),
        account: args.applying.account.clone(),
        expected: None,
        color: stderr().is_terminal(),
    };
    fulfil(wish, &args.applying)
}

/// Deletes a stack.
pub(crate) fn delete(args: &DeleteStack) -> Result<Outcome, Failure> {
    let wish = StackWish {
        stack: args.stack.clone(),
        account: args.applying.account.clone(),
        color: stderr().is_terminal(),
        ..StackWish::default()
    };
    fulfil(wish, &args.applying)
}

/// Lists stacks.
pub(crate) fn list(args: &Stacks) -> Result<Outcome, Failure> {
    let listed = Worker::find(&args.state, DEFAULT_REGION)?.list()?;
    if args.json {
        say::show_json(&listed)?;
    } else {
        say::show(&render::stacks(&listed))?;
    }
    Ok(Outcome::Done)
}

/// Plans, shows, asks, applies.
fn fulfil(mut wish: StackWish, args: &ApplyArgs) -> Result<Outcome, Failure> {
    let worker = Worker::find(&args.state, &args.region)?;
    let plan = worker.plan(&wish)?;
    let is_new = |answer: &StackAnswer| answer.changes.as_ref().is_some_and(|c| !c.is_empty());
    if plan.changes.is_none() || !is_new(&plan) || args.dry_run {
        show(&plan, args, false)?;
        return Ok(match &plan.changes {
            None => Outcome::CheckFailed,
            Some(_) if is_new(&plan) => Outcome::Code(PENDING),
            Some(_) => Outcome::Done,
        });
    }
    if !args.yes {
        if args.json {
            return Err("with --json, add --yes to apply, or --dry-run to look".into());
        }
        show(&plan, args, false)?;
        if !confirmed()? {
            say::tell("Nothing was changed.\n");
            return Ok(Outcome::CheckFailed);
        }
        wish.expected.clone_from(&plan.digest);
    }
    let done = worker.apply(&wish)?;
    if args.yes || done.changes.is_none() {
        show(&done, args, true)?;
    } else {
        say::show("Done.\n")?;
    }
    Ok(match done.changes {
        Some(_) => Outcome::Done,
        None => Outcome::CheckFailed,
    })
}

/// Prints an answer: what was found on standard error, what changes on standard output.
fn show(answer: &StackAnswer, args: &ApplyArgs, applied: bool) -> Result<(), Failure> {
    if args.json {
        /// What scripts read.
        #[derive(Serialize)]
        struct Shown<'a> {
            applied: bool,
            #[serde(flatten)]
            answer: &'a StackAnswer,
        }
        let applied = applied && answer.changes.is_some();
        return say::show_json(&Shown { applied, answer });
    }
    if !answer.said.is_empty() {
        say::tell(&answer.said);
    }
    match &answer.changes {
        Some(changes) => say::show(&render::change_set(
            changes,
            applied,
            stdout().is_terminal(),
        )),
        None => {
            say::tell("\nNothing was changed.\n");
            Ok(())
        }
    }
}

/// Asks whoever sits at the terminal.
fn confirmed() -> Result<bool, Failure> {
    if !stdin().is_terminal() {
        return Err("nobody is there to ask: add --yes to apply, or --dry-run to look".into());
    }
    say::tell("Apply? [y/N] ");
    stderr().flush()?;
    let mut answer = String::new();
    stdin().read_line(&mut answer)?;
    let answer = answer.trim();
    Ok(answer.eq_ignore_ascii_case("y") || answer.eq_ignore_ascii_case("yes"))
}

/// Who does the work.
enum Worker {
    /// An endpoint that runs.
    Running(AdminClient),
    /// This process, which has the store to itself.
    Here(Box<Service>),
}

impl Worker {
    fn find(args: &StateArgs, region: &str) -> Result<Self, Failure> {
        let path = match &args.folder {
            Some(folder) => folder.clone(),
            None => StateFolder::default_path()?,
        };
        // To look into a folder that is not there would make it.
        if !path.exists() {
            return Err(no_state(&path));
        }
        let folder = StateFolder::open(&path)?;
        let client = AdminClient::new(&folder.socket())?;
        match client.get("/stacks") {
            Err(AdminError::Absent { .. }) => {}
            answer => return answer.map(|_| Self::Running(client)).map_err(Into::into),
        }
        if !folder.store().exists() {
            return Err(no_state(&path));
        }
        let site = Site::new(region, accounts(&folder)?);
        let storage = Storage::open(&folder.store())?;
        Ok(Self::Here(Box::new(Service::open(storage, site)?)))
    }

    fn list(&self) -> Result<Vec<StackListed>, Failure> {
        match self {
            Self::Running(client) => Ok(serde_json::from_slice(&client.get("/stacks")?)?),
            Self::Here(service) => Ok(stacks::list(service)),
        }
    }

    fn plan(&self, wish: &StackWish) -> Result<StackAnswer, Failure> {
        match self {
            Self::Running(client) => ask(client, "/stacks/plan", wish),
            Self::Here(service) => Ok(stacks::plan(service, wish)?),
        }
    }

    fn apply(&self, wish: &StackWish) -> Result<StackAnswer, Failure> {
        match self {
            Self::Running(client) => ask(client, "/stacks/apply", wish),
            Self::Here(service) => Ok(stacks::apply(service, wish)?),
        }
    }
}

fn no_state(path: &Path) -> Failure {
    let path = path.display();
    format!("there is no endpoint's state in {path}: name its folder with --state, or make one with 'secgroup serve'").into()
}

/// The accounts that have keys beside the state; the first is the default one.
fn accounts(folder: &StateFolder) -> Result<Vec<AccountId>, Failure> {
    let keys = folder.keys();
    let mut accounts = if keys.exists() {
        Keys::read(&keys)?.accounts()
    } else {
        Vec::new()
    };
    if accounts.is_empty() {
        accounts.push(AccountId::new(&Options::default().account));
    }
    Ok(accounts)
}

fn ask(
    client: &AdminClient,
    path: &str,
    document: &impl Serialize,
) -> Result<StackAnswer, Failure> {
    let answer = client.post(path, serde_json::to_vec(document)?)?;
    Ok(serde_json::from_slice(&answer)?)
}

/// The name of a stack out of that of a file.
fn stem(path: &Path) -> Result<String, Failure> {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy());
    let name: String = stem
        .unwrap_or_default()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        Ok(name)
    } else {
        Err(format!(
            "{} is no name for a stack: give one, --stack NAME",
            path.display()
        )
        .into())
    }
}

/// Fills an endpoint that was never used; `false`, and what is wrong said, if that cannot be.
pub(super) fn seed(service: &Service, files: &[PathBuf]) -> Result<bool, Failure> {
    if files.is_empty() {
        return Ok(true);
    }
    let files = read_all(files)?;
    let wish = StackWish {
        templates: Some(files),
        color: stderr().is_terminal(),
        ..StackWish::default()
    };
    let Some(answer) = stacks::seed_once(service, wish)? else {
        tracing::info!("the state was used before: the seed is left alone");
        return Ok(true);
    };
    if !answer.said.is_empty() {
        say::tell(&answer.said);
    }
    Ok(answer.changes.is_some())
}

/// Files for an endpoint, each with its name.
fn read_all(paths: &[PathBuf]) -> Result<Vec<TemplateText>, Failure> {
    paths.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> Result<TemplateText, Failure> {
    let failed = |error: &dyn std::fmt::Display| format!("cannot read {}: {error}", path.display());
    let file = File::open(path).map_err(|error| failed(&error))?;
    let mut text = String::new();
    file.take(TEMPLATE_MAX)
        .read_to_string(&mut text)
        .map_err(|error| failed(&error))?;
    Ok(TemplateText {
        name: path.display().to_string(),
        text,
    })
}
