//! The files that a replay writes. A file that is also read would be emptied before its first
//! packet was seen.

use std::fs::{self, File};
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};

use crate::Failure;
use crate::args::Replay;
use crate::commands::flow_log::is_folder;

/// Standard input or output.
pub(crate) const STANDARD: &str = "-";

/// Whether `path` stands for standard input or output.
pub(crate) fn is_standard(path: &Path) -> bool {
    path == Path::new(STANDARD)
}

/// Refuses to write over an input, or two outputs to one place.
pub(crate) fn check(args: &Replay) -> Result<(), Failure> {
    let flow_log = args.flow_log.to.as_deref();
    let flow_log = flow_log.filter(|path| !is_folder(path));
    let outputs: Vec<(&str, &Path)> = [
        ("--verdicts", &args.verdicts),
        ("--write-allowed", &args.write_allowed),
        ("--write-denied", &args.write_denied),
        ("--annotate", &args.annotate),
        ("--report", &args.report),
    ]
    .into_iter()
    .filter_map(|(option, path)| Some((option, path.as_deref()?)))
    .chain(flow_log.map(|path| ("--flow-log", path)))
    .collect();
    let changes = args.changes.iter().map(|(_, file)| file);
    let inputs: Vec<&PathBuf> = args
        .captures
        .iter()
        .chain(&args.policy.files)
        .chain(changes)
        .collect();
    for (index, (option, path)) in outputs.iter().enumerate() {
        if is_standard(path) {
            if *option != "--verdicts" {
                return Err(format!("{option} needs a file: it is not for a terminal").into());
            }
            continue;
        }
        check_apart(option, path, inputs.iter().copied())?;
        if let Some((other, _)) = outputs[..index].iter().find(|(_, p)| is_same(p, path)) {
            let path = path.display();
            return Err(
                format!("{other} and {option} both write to {path}; name two files").into(),
            );
        }
    }
    Ok(())
}

/// Refuses to write over one of `inputs`.
pub(crate) fn check_apart<'a>(
    option: &str,
    path: &Path,
    mut inputs: impl Iterator<Item = &'a PathBuf>,
) -> Result<(), Failure> {
    if inputs.any(|input| is_same(input, path)) {
        let path = path.display();
        let said = format!("{option} would write over {path}, which is read; name another file");
        return Err(said.into());
    }
    Ok(())
}

/// Whether two names stand for one file. Devices are nobody's: what goes to `/dev/null` twice is no
/// loss.
fn is_same(one: &Path, other: &Path) -> bool {
    if is_standard(one) || is_standard(other) {
        return false;
    }
    match (fs::canonicalize(one), fs::canonicalize(other)) {
        (Ok(one), Ok(other)) => one == other && one.is_file(),
        // Neither is there yet.
        (Err(_), Err(_)) => one == other,
        _ => false,
    }
}

/// Where verdict lines go: a file, or standard output for `-`.
pub(crate) fn verdicts(path: &Path) -> Result<Box<dyn Write + Send>, Failure> {
    if is_standard(path) {
        return Ok(Box::new(stdout()));
    }
    let file = File::create(path)
        .map_err(|error| format!("cannot write verdicts to {}: {error}", path.display()))?;
    Ok(Box::new(file))
}
