//! From files to an inventory: reads all, then converts all, then merges.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use secgroup_model::{GroupId, Inventory};

use crate::collect::Collected;
use crate::diagnostic::{Diagnostic, Draft, Severity, Sink};
use crate::node::{self, Node, SOURCE_BYTES_MAX};
use crate::options::Options;
use crate::source::{SourceId, Sources, Span};
use crate::template::{self, Names, Template};
use crate::value::{Context, Evaluator, Exports, Parameter};
use crate::{dump, merge};

/// What was loaded, and what there is to say about it.
#[derive(Debug)]
pub struct Import {
    /// Everything that could be made of the files. Not to be used if there are errors.
    pub inventory: Inventory,
    /// Groups of the inventory that no file describes: only rules that files add to them are known.
    pub partial_groups: BTreeSet<GroupId>,
    /// Every fault of every file, in the order of files and places.
    pub diagnostics: Vec<Diagnostic>,
    /// The texts, for [`render`](crate::render).
    pub sources: Sources,
}

impl Import {
    /// Whether the policy cannot be used as it is.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.diagnostics
            .iter()
            .any(|diagnostic| diagnostic.severity == Severity::Error)
    }
}

/// Loads policy files: CloudFormation templates and the JSON of `aws ec2 describe-*`, told apart by
/// content, in any order. What goes wrong is among the diagnostics, unreadable files too.
#[must_use]
pub fn load(paths: &[PathBuf], options: &Options) -> Import {
    let mut faults = Vec::new();
    let mut texts = Vec::new();
    for path in paths {
        match read(path) {
            Ok(text) => texts.push((path.display().to_string(), text)),
            Err(message) => faults.push(Draft::placeless(Severity::Error, message)),
        }
    }
    let texts: Vec<(&str, &str)> = texts
        .iter()
        .map(|(name, text)| (&**name, &**text))
        .collect();
    load_all(&texts, faults, options)
}

/// Loads texts as [`load`] does files: name and content of each.
#[must_use]
pub fn load_texts(texts: &[(&str, &str)], options: &Options) -> Import {
    load_all(texts, vec![], options)
}

/// A file as text, or what is wrong with it.
fn read(path: &Path) -> Result<String, String> {
    let fault = |error: io::Error| format!("cannot read {}: {error}", path.display());
    let limit = SOURCE_BYTES_MAX as u64;
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(fault)?;
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(fault)?;
    if bytes.len() > SOURCE_BYTES_MAX {
        return Err(too_large(&path.display().to_string()));
    }
    if let [0xff, 0xfe, ..] | [0xfe, 0xff, ..] = bytes[..] {
        let path = path.display();
        return Err(format!(
            "{path} is UTF-16, as PowerShell writes it: save it as UTF-8"
        ));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..valid]
            .iter()
            .filter(|&&byte| byte == b'\n')
            .count()
            + 1;
        format!("{}: line {line} is not UTF-8 text", path.display())
    })
}

fn too_large(name: &str) -> String {
    format!(
        "{name} is larger than {} MiB: split it",
        SOURCE_BYTES_MAX >> 20
    )
}

fn load_all(texts: &[(&str, &str)], faults: Vec<Draft>, options: &Options) -> Import {
    let mut sources = Sources::default();
    let mut faults = faults;
    let mut ids = Vec::new();
    let mut seen = BTreeSet::new();
    for &(name, text) in texts {
        // The same file twice says nothing new.
        if !seen.insert((name, text)) {
            continue;
        }
        if text.len() > SOURCE_BYTES_MAX {
            faults.push(Draft::placeless(Severity::Error, too_large(name)));
        } else {
            ids.push(sources.add(name, text));
        }
    }
    let sink = Sink::new(&sources);
    faults.into_iter().for_each(|fault| sink.push(fault));
    let (inventory, partial_groups) = import(&ids, options, &sink);
    let diagnostics = sink.finish();
    Import {
        inventory,
        partial_groups,
        diagnostics,
        sources,
    }
}

fn import(ids: &[SourceId], options: &Options, sink: &Sink<'_>) -> (Inventory, BTreeSet<GroupId>) {
    let roots: Vec<(SourceId, Node)> = ids
        .iter()
        .filter_map(|&id| Some((id, node::parse(id, sink)?)))
        .collect();
    let (templates, others): (Vec<_>, Vec<_>) = roots
        .iter()
        .partition(|(_, root)| Template::is_template(root));
    let mut collected = Collected::default();
    for (source, root) in others {
        if dump::is_dump(root) {
            dump::read(root, &options.account, sink, &mut collected);
        } else {
            sink.push(neither(root, *source));
        }
    }
    let stems = stems(&templates, sink);
    let templates: Vec<Template<'_>> = templates
        .iter()
        .zip(&stems)
        .enumerate()
        .map(|(index, ((_, root), stem))| Template::new(index, stem, root, sink))
        .collect();
    convert(&templates, stems, options, sink, &mut collected);
    merge::merge(collected, options, sink)
}

fn neither(root: &Node, source: SourceId) -> Draft {
    let start = root.span.range().start;
    let span = Span::new(source, start..start + 1);
    Draft::error(
        span,
        "this is neither a CloudFormation template nor the output of the AWS CLI",
    )
    .help("a template has `Resources` at the top")
    .help(format!(
        "the output of `aws ec2 describe-...` has one of {}",
        dump::known_keys()
    ))
}

/// Converts all templates: what they export is known before, what conditions rule out too.
fn convert(
    templates: &[Template<'_>],
    stems: Vec<String>,
    options: &Options,
    sink: &Sink<'_>,
    collected: &mut Collected,
) {
    let used = RefCell::default();
    let exports = exports(templates, options, sink);
    let context = Context {
        options,
        sink,
        exports: &exports,
        used: &used,
    };
    let evaluators: Vec<Evaluator<'_>> = templates
        .iter()
        .map(|template| Evaluator::new(&context, template))
        .collect();
    let mut names = Names {
        stems,
        shared: shared(templates),
        ..Names::default()
    };
    for evaluator in &evaluators {
        template::find_absent(evaluator, &mut names);
    }
    for evaluator in &evaluators {
        template::convert(evaluator, &names, collected);
    }
    check_given(templates, options, &used.borrow(), sink);
}

/// What the templates export. Faults in there are none of ours unless somebody imports the value.
fn exports(templates: &[Template<'_>], options: &Options, sink: &Sink<'_>) -> Exports {
    let silent = Sink::new(sink.sources);
    let (none, used) = (Exports::new(), RefCell::default());
    let context = Context {
        options,
        sink: &silent,
        exports: &none,
        used: &used,
    };
    let mut exports = Exports::new();
    for template in templates {
        let evaluator = Evaluator::new(&context, template);
        for (name, value) in template.exports() {
            if let crate::value::ValueKind::Text(name) = evaluator.eval(name).kind {
                exports.insert(name.to_string(), evaluator.eval(value));
            }
        }
    }
    exports
}

/// Logical ids of modelled resources that several templates use.
fn shared(templates: &[Template<'_>]) -> BTreeSet<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for name in templates.iter().flat_map(Template::modelled_names) {
        *counts.entry(name).or_default() += 1;
    }
    counts
        .into_iter()
        .filter(|(_, count)| *count > 1)
        .map(|(name, _)| name.to_owned())
        .collect()
}

/// What tells the templates apart: the name of the file, or as much of its path as it takes.
fn stems(templates: &[&(SourceId, Node)], sink: &Sink<'_>) -> Vec<String> {
    let names: Vec<&Path> = templates
        .iter()
        .map(|(source, _)| Path::new(sink.sources.name(*source)))
        .collect();
    let stem = |path: &Path| match path.file_stem() {
        Some(stem) => stem.to_string_lossy().into_owned(),
        None => path.display().to_string(),
    };
    let short: Vec<String> = names.iter().map(|path| stem(path)).collect();
    let long: Vec<String> = names
        .iter()
        .map(|path| path.with_extension("").display().to_string())
        .collect();
    let unique =
        |list: &[String], at: usize| list.iter().filter(|name| **name == list[at]).count() == 1;
    (0..names.len())
        .map(|at| match (unique(&short, at), unique(&long, at)) {
            (true, _) => short[at].clone(),
            (false, true) => long[at].clone(),
            // `web.yaml` beside `web.json`, or two texts of one name.
            (false, false) => format!("{}#{}", names[at].display(), at + 1),
        })
        .collect()
}

/// Checks the given parameters: declared by some template, and allowed there.
fn check_given(
    templates: &[Template<'_>],
    options: &Options,
    used: &BTreeSet<String>,
    sink: &Sink<'_>,
) {
    for (name, value) in &options.parameters {
        let mut declared = false;
        for entry in templates
            .iter()
            .filter_map(|template| template.parameter(name))
        {
            declared = true;
            Parameter::new(entry).check(value, sink);
        }
        if !declared && !used.contains(name) && !templates.is_empty() {
            let message = format!("no template has a parameter `{name}`");
            let known = templates.iter().flat_map(Template::parameters);
            let help = sink.did_you_mean(name, known.map(|entry| &*entry.key));
            sink.push(Draft::placeless(Severity::Warning, message).maybe_help(help));
        }
    }
}
