//! Shell completions and manual pages, made by clap from the arguments themselves.

use std::fs;
use std::io;
use std::path::Path;

use clap::builder::Resettable;
use clap::{Command, CommandFactory};
use clap_mangen::Man;

use crate::args::{self, Cli, Completions};
use crate::{Failure, Outcome, say};

/// Prints the completion script.
pub(crate) fn completions(args: &Completions) -> Result<Outcome, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "secgroup", &mut script);
    say::show(&String::from_utf8_lossy(&script))?;
    Ok(Outcome::Done)
}

/// Writes `secgroup.1` and a page per command.
pub(crate) fn pages(args: &args::Man) -> Result<Outcome, Failure> {
    let folder = &args.folder;
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    fs::create_dir_all(folder)
        .and_then(|()| write_pages(&command, folder))
        .map_err(|error| format!("cannot write manual pages to {}: {error}", folder.display()))?;
    Ok(Outcome::Done)
}

/// The page of a command and those of the commands in it.
fn write_pages(command: &Command, folder: &Path) -> io::Result<()> {
    for inner in command.get_subcommands() {
        write_pages(inner, folder)?;
    }
    // clap would set what stands after the options, examples among it, as a paragraph.
    let man = Man::new(command.clone().after_help(Resettable::Reset));
    let mut page = Vec::new();
    man.render(&mut page)?;
    let after = command.get_after_help().map(ToString::to_string);
    page.extend_from_slice(sections(&after.unwrap_or_default()).as_bytes());
    fs::write(folder.join(man.get_filename()), page)
}

/// What stands after the options, as sections: examples line by line, the rest as paragraphs.
fn sections(after_help: &str) -> String {
    let mut roff = String::new();
    for block in after_help.split("\n\n").filter(|block| !block.is_empty()) {
        let (title, lines) = match block.split_once(':') {
            Some(("Example" | "Examples", lines)) => ("EXAMPLES", lines),
            Some(("Exit codes", lines)) => ("\"EXIT STATUS\"", lines),
            _ => ("NOTES", block),
        };
        let verbatim = title == "EXAMPLES";
        roff.push_str(&format!(".SH {title}\n"));
        roff.push_str(if verbatim { ".nf\n" } else { "" });
        for line in lines
            .lines()
            .map(str::trim_end)
            .filter(|line| !line.is_empty())
        {
            // A line that begins with a blank would end the paragraph.
            let line = if verbatim { line } else { line.trim_start() };
            roff.push_str(&escaped(line));
            roff.push('\n');
        }
        roff.push_str(if verbatim { ".fi\n" } else { "" });
    }
    roff
}

/// A line of text for roff: no hyphens that break, no escapes, no requests.
fn escaped(line: &str) -> String {
    let line = line.replace('\\', "\\e").replace('-', "\\-");
    if line.starts_with(['.', '\'']) {
        format!("\\&{line}")
    } else {
        line
    }
}
