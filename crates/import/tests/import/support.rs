//! What the tests of whole files share.

use secgroup_import::{Import, Options, Severity, load_texts};

/// Loads texts, each with its name.
pub(crate) fn load(texts: &[(&str, &str)]) -> Import {
    load_texts(texts, &Options::default())
}

/// A template with these resources.
pub(crate) fn template(resources: &str) -> String {
    let indented: String = resources
        .lines()
        .map(|line| format!("  {line}\n"))
        .collect();
    format!("Resources:\n{indented}")
}

/// Loads a template with these resources.
pub(crate) fn stack(resources: &str) -> Import {
    load(&[("stack.yaml", &template(resources))])
}

/// Loads a template that is to be without fault.
#[track_caller]
pub(crate) fn good(resources: &str) -> Import {
    let import = stack(resources);
    assert_eq!(said(&import, Severity::Warning), [""; 0], "{resources}");
    import
}

/// What is said at this level or above: `line:column code message`.
pub(crate) fn said(import: &Import, least: Severity) -> Vec<String> {
    let relevant = import
        .diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity <= least);
    relevant
        .map(|diagnostic| {
            let place = diagnostic.location.as_ref();
            let place = place.map_or_else(String::new, |at| format!("{}:{} ", at.line, at.column));
            let code = diagnostic
                .code
                .as_ref()
                .map_or_else(String::new, |code| format!("{code} "));
            format!("{place}{code}{}", diagnostic.message)
        })
        .collect()
}

/// The errors.
pub(crate) fn errors(import: &Import) -> Vec<String> {
    said(import, Severity::Error)
}

/// The rules of a group: `id: rule`.
#[track_caller]
pub(crate) fn rules(import: &Import, group: &str) -> Vec<String> {
    let Some(group) = import.inventory.groups.get(group) else {
        panic!("no group {group}: {:#?}", import.diagnostics)
    };
    group
        .rules
        .iter()
        .map(|rule| format!("{}: {}", rule.id, rule.spec))
        .collect()
}
