//! Stacks over the owner's socket: plan, apply, list.
//!
//! What crosses the socket is the text of the templates, and the endpoint reads them. The text has to cross anyway, since a stack
//! remembers it; Region and account, on which a template's values may depend, are the endpoint's; and nobody has to agree on a second
//! form of what the importer makes of it. What is wrong comes back as people read it, and as data.
//!
//! A plan is the deployment itself, taken back. Whoever applies one says by its digest which; if it is no longer what would happen,
//! nothing happens.

use std::collections::BTreeMap;

use secgroup_ec2::stacks::{self, ChangeSet, Deployment, Fault, seed};
use secgroup_ec2::{Caller, Edit};
use secgroup_import::{Diagnostic, Import, Options, Severity, Sources, load_texts, render};
use secgroup_model::{AccountId, ErrorCode, ModelError};
use serde::{Deserialize, Serialize};

use crate::{Service, ServiceError};

/// What is wished of a stack.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StackWish {
    /// Its name.
    pub stack: String,
    /// Its templates; `None` for a stack that is to be deleted.
    pub templates: Option<Vec<TemplateText>>,
    /// Values of template parameters.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
    /// Values for `Fn::ImportValue`.
    #[serde(default)]
    pub import_values: BTreeMap<String, String>,
    /// Whose stack it is; the endpoint's default account's, if nothing is said.
    #[serde(default)]
    pub account: Option<String>,
    /// The digest of the plan that is to be applied; any, if nothing is said.
    #[serde(default)]
    pub expected: Option<String>,
    /// Whether what is said is for a terminal with colours.
    #[serde(default)]
    pub color: bool,
}

/// A template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemplateText {
    /// The file, as the user named it.
    pub name: String,
    /// What is in it.
    pub text: String,
}

/// What became, or would become, of a wish.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StackAnswer {
    /// The changes; `None` where it was refused.
    pub changes: Option<ChangeSet>,
    /// The digest of the changes.
    pub digest: Option<String>,
    /// Why it was refused.
    pub errors: Vec<StackError>,
    /// Errors and warnings, for people.
    pub said: String,
}

/// One reason why a wish was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackError {
    /// The error code of EC2, where it has one.
    pub code: Option<String>,
    /// What is wrong.
    pub message: String,
    /// The logical id of the resource at fault.
    pub resource: Option<String>,
    /// The file.
    pub file: Option<String>,
    /// 1-based.
    pub line: Option<u32>,
    /// 1-based, in characters.
    pub column: Option<u32>,
    /// What would be right.
    pub help: Vec<String>,
}

/// A stack, as it is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackListed {
    /// Its name.
    pub stack: String,
    /// Whose it is.
    pub account: String,
    /// When it was deployed last, RFC 3339.
    pub deployed: String,
    /// Ids by logical ids.
    pub resources: BTreeMap<String, String>,
}

/// All stacks, by account and name.
#[must_use]
pub fn list(service: &Service) -> Vec<StackListed> {
    service.read(|state| {
        let stacks = state.stacks.iter();
        let listed = stacks.map(|((account, name), stack)| StackListed {
            stack: name.clone(),
            account: account.to_string(),
            deployed: stack.deployed.to_string(),
            resources: stack.resources.clone(),
        });
        listed.collect()
    })
}

/// What would become of a wish. Nothing changes.
///
/// # Errors
/// None of the wish's: they are in the answer.
pub fn plan(service: &Service, wish: &StackWish) -> Result<StackAnswer, ServiceError> {
    fulfil(service, wish, false)
}

/// Fulfils a wish, all or nothing.
///
/// # Errors
/// The store cannot write. What is wrong with the wish is in the answer.
pub fn apply(service: &Service, wish: &StackWish) -> Result<StackAnswer, ServiceError> {
    fulfil(service, wish, true)
}

fn fulfil(service: &Service, wish: &StackWish, keep: bool) -> Result<StackAnswer, ServiceError> {
    let caller = caller(service, wish.account.as_deref());
    let import = read(service, wish, &caller);
    let mut answer = StackAnswer::default();
    if import.has_errors() {
        tell(&mut answer, &import, &[], wish.color);
        return Ok(answer);
    }
    let template = remembered(wish.templates.as_deref().unwrap_or_default());
    let deployment = Deployment {
        name: &wish.stack,
        template: &template,
        wanted: &import.inventory,
        partial_groups: &import.partial_groups,
    };
    let outcome = attempt(service, keep, |edit| {
        let changes = match &wish.templates {
            Some(_) => stacks::deploy(edit, &caller, &deployment)?,
            None => stacks::delete(edit, &caller, &wish.stack)?,
        };
        if keep
            && wish
                .expected
                .as_ref()
                .is_some_and(|expected| *expected != changes.digest())
        {
            return Err(vec![Fault::of_stack(changed_meanwhile())]);
        }
        Ok(changes)
    })?;
    match outcome {
        Ok(changes) => {
            tell(&mut answer, &import, &[], wish.color);
            answer.digest = Some(changes.digest());
            answer.changes = Some(changes);
        }
        Err(faults) => tell(&mut answer, &import, &faults, wish.color),
    }
    Ok(answer)
}

/// Changes the state, or only looks what the change would be.
fn attempt<T>(
    service: &Service,
    keep: bool,
    change: impl FnOnce(&mut Edit<'_>) -> Result<T, Vec<Fault>>,
) -> Result<Result<T, Vec<Fault>>, ServiceError> {
    let mut outcome = None;
    let edited = service.edit(|edit| {
        let changed = change(edit);
        let is_kept = keep && changed.is_ok();
        outcome = Some(changed);
        if is_kept { Ok(()) } else { Err(taken_back()) }
    });
    match (edited, outcome) {
        // It was taken back because we said so.
        (Err(ServiceError::Refused(_)), Some(outcome)) | (Ok(()), Some(outcome)) => Ok(outcome),
        (Err(error), _) => Err(error),
        (Ok(()), None) => Err(ServiceError::Refused(taken_back())),
    }
}

/// Drops the edit of a plan.
fn taken_back() -> ModelError {
    ModelError::new(ErrorCode::DryRunOperation, "Request would have succeeded")
}

fn changed_meanwhile() -> ModelError {
    ModelError::new(
        ErrorCode::IncorrectState,
        "the plan is no longer what would happen: something was changed meanwhile",
    )
    .with_help("look at the new plan")
}

/// Who deploys: whoever may use the socket may do anything, in any account of the endpoint.
fn caller(service: &Service, account: Option<&str>) -> Caller {
    let default = service.site().accounts.first();
    let account = account.map(AccountId::new).or_else(|| default.cloned());
    Caller {
        account: account.unwrap_or_else(|| AccountId::new("")),
        key: "owner".into(),
        may_write: true,
    }
}

/// The templates as an inventory.
fn read(service: &Service, wish: &StackWish, caller: &Caller) -> Import {
    let texts: Vec<(&str, &str)> = wish
        .templates
        .iter()
        .flatten()
        .map(|template| (&*template.name, &*template.text))
        .collect();
    let options = Options {
        parameters: wish.parameters.clone(),
        import_values: wish.import_values.clone(),
        region: service.site().region.to_string(),
        account: caller.account.to_string(),
        stack_name: Some(wish.stack.clone()),
        rest_is_known: true,
    };
    load_texts(&texts, &options)
}

/// The text that a stack remembers; that of several templates with the name of each above it.
fn remembered(templates: &[TemplateText]) -> String {
    match templates {
        [only] => only.text.clone(),
        several => several
            .iter()
            .map(|template| format!("# {}\n{}\n", template.name, template.text))
            .collect(),
    }
}

/// Puts into the answer what the importer and the deployment have to say.
fn tell(answer: &mut StackAnswer, import: &Import, faults: &[Fault], color: bool) {
    let mut said: Vec<Diagnostic> = import
        .diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity != Severity::Note)
        .cloned()
        .collect();
    said.extend(
        faults
            .iter()
            .map(|fault| diagnostic(fault, &import.sources)),
    );
    answer.said = render(&said, &import.sources, color);
    let is_error = |diagnostic: &&Diagnostic| diagnostic.severity == Severity::Error;
    answer.errors = said.iter().filter(is_error).map(of_diagnostic).collect();
    // Those of the deployment come last, and know their resource.
    let first = answer.errors.len().saturating_sub(faults.len());
    for (error, fault) in answer.errors.iter_mut().skip(first).zip(faults) {
        error.resource.clone_from(&fault.resource);
    }
}

/// A fault as the importer would report it.
fn diagnostic(fault: &Fault, sources: &Sources) -> Diagnostic {
    let place = fault.place.as_ref();
    let location = place.and_then(|place| sources.find(&place.file, place.line, place.column));
    let message = match (&fault.resource, &location) {
        (Some(resource), None) => format!("{resource}: {}", fault.error),
        _ => fault.error.to_string(),
    };
    Diagnostic {
        severity: Severity::Error,
        code: Some(fault.error.code().to_owned()),
        message: message.trim_end_matches('.').to_owned(),
        location,
        label: None,
        labels: Vec::new(),
        help: fault.error.help.iter().cloned().collect(),
    }
}

fn of_diagnostic(diagnostic: &Diagnostic) -> StackError {
    let location = diagnostic.location.as_ref();
    StackError {
        code: diagnostic.code.clone(),
        message: diagnostic.message.clone(),
        resource: None,
        file: location.map(|location| location.file.to_string()),
        line: location.map(|location| location.line),
        column: location.map(|location| location.column),
        help: diagnostic.help.clone(),
    }
}

/// Fills an endpoint that was never used from files: dumps under EC2's own ids, and templates as the stack `seed`. One that was used is left as
/// it is: a seed is for the first start, and `None` is the answer. Of `wish` the templates and their values count.
///
/// # Errors
/// The store cannot write. What is wrong with the files is in the answer.
pub fn seed_once(service: &Service, wish: StackWish) -> Result<Option<StackAnswer>, ServiceError> {
    if !service.read(is_fresh) {
        return Ok(None);
    }
    let wish = StackWish {
        stack: seed::STACK.to_owned(),
        ..wish
    };
    let color = wish.color;
    let caller = caller(service, None);
    let import = read(service, &wish, &caller);
    let mut answer = StackAnswer::default();
    if import.has_errors() {
        tell(&mut answer, &import, &[], color);
        return Ok(Some(answer));
    }
    let template = remembered(wish.templates.as_deref().unwrap_or_default());
    let deployment = Deployment {
        name: seed::STACK,
        template: &template,
        wanted: &import.inventory,
        partial_groups: &import.partial_groups,
    };
    match attempt(service, true, |edit| seed::seed(edit, &caller, &deployment))? {
        Ok(seeded) => {
            tell(&mut answer, &import, &[], color);
            answer.changes = Some(seeded.stack.unwrap_or_default());
        }
        Err(faults) => tell(&mut answer, &import, &faults, color),
    }
    Ok(Some(answer))
}

/// Whether nothing was ever done with a state: it has default VPCs and nothing else.
fn is_fresh(state: &secgroup_ec2::State) -> bool {
    let inventory = &state.inventory;
    state.stacks.is_empty()
        && state.instances.is_empty()
        && inventory.interfaces.is_empty()
        && inventory.prefix_lists.is_empty()
        && inventory.peerings.is_empty()
        && inventory.vpcs.values().all(|vpc| vpc.is_default)
        && inventory
            .groups
            .values()
            .all(secgroup_model::SecurityGroup::is_default)
}
