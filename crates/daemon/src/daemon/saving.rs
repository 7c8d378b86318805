//! Connections across restarts: where they are saved, and what the log says about it.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use secgroup_conntrack::Connection;
use secgroup_packet::Timestamp;
use secgroup_runtime::Runtime;
use tracing::{error, info, warn};

use super::names::Names;
use crate::config::Config;
use crate::saved::{LoadError, Restored, SavedConnections, save as write};
use crate::trust;

/// Makes the folder for saved connections, of which nobody else may read.
///
/// # Errors
/// In one line: it cannot be made.
pub(super) fn prepare(config: &Config) -> Result<(), String> {
    let folder = &config.daemon.state;
    if !config.daemon.handover || folder.is_dir() {
        return Ok(());
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| {
            let folder = folder.display();
            format!(
                "the folder for saved connections cannot be made: {folder}: {error}; choose another with \
                 daemon.state, or set daemon.handover = false"
            )
        })
}

/// Hands the connections of the last run to the workers.
pub(super) fn restore(config: &Config, names: &Names<'_>, runtime: &Runtime) {
    if !config.daemon.handover {
        return;
    }
    let path = file(config);
    // Whoever can write it can open connections past every rule.
    if path.exists()
        && let Err(error) = trust::check(&path)
    {
        return warn!("saved connections are ignored: {error}");
    }
    let saved = match SavedConnections::load(&path) {
        Ok(saved) => saved,
        Err(LoadError::Missing) => return,
        Err(error) => {
            return warn!("saved connections are ignored: {}: {error}", path.display());
        }
    };
    let mut connections = Vec::new();
    let Restored {
        ran_out,
        no_interface,
        damaged,
        ..
    } = saved.restore(
        now(),
        |name| names.interface_named(name),
        |name| names.rule_named(name),
        |connection| connections.push(connection),
    );
    let restored = runtime.restore(connections);
    info!(
        restored,
        ran_out, no_interface, damaged, "{restored} connections of the last run go on"
    );
}

/// The connections of the last run are in use: a daemon that is killed must not leave them behind for another, in which they
/// ended long ago. Not before it is sure that this one runs.
pub(super) fn use_up(config: &Config) {
    let path = file(config);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            warn!("{} cannot be removed: {error}", path.display());
        }
        _ => {}
    }
}

/// Saves connections for the next run.
pub(super) fn save(config: &Config, names: &Names<'_>, connections: Vec<Connection>) {
    if !config.daemon.handover {
        return;
    }
    let saved = write(
        &file(config),
        now(),
        connections,
        |index| names.interface(index),
        |rule| names.rule(rule),
    );
    match saved {
        Ok(counted) => info!(
            saved = counted.saved,
            left_out = counted.left_out,
            "{} connections saved",
            counted.saved
        ),
        Err(error) => error!("{error}"),
    }
}

fn file(config: &Config) -> PathBuf {
    config.daemon.state.join("connections")
}

/// The wall clock.
pub(super) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let nanos = since.map_or(0, |since| since.as_nanos());
    Timestamp::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}
