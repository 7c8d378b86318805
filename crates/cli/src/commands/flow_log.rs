//! What was typed about a flow log, for the replay.

use std::path::Path;

use secgroup_flowlog::{Destination, Encoding, Folder, Layout, Traffic};
use secgroup_import::Options;
use secgroup_replay::FlowLogPlan;

use crate::Failure;
use crate::args::{FlowLogArgs, FlowLogAs, FlowLogTraffic};

/// The flow log that was asked for, if one was; interfaces of nobody are the account's.
pub(crate) fn plan(args: &FlowLogArgs, options: &Options) -> Result<Option<FlowLogPlan>, Failure> {
    let Some(path) = &args.to else {
        return Ok(None);
    };
    let is_folder = is_folder(path);
    if !is_folder && (args.hive || args.hourly) {
        return Err(format!(
            "--flow-log-hive and --flow-log-hourly name folders, and {} is a file; write it with a final '/'",
            path.display()
        )
        .into());
    }
    let layout = Layout {
        hive: args.hive,
        per_hour: args.hourly,
    };
    Ok(Some(FlowLogPlan {
        destination: if is_folder {
            Destination::Folder(Folder::new(path.clone(), layout))
        } else {
            Destination::File(path.clone())
        },
        encoding: match args.encoding {
            Some(FlowLogAs::Text) => Encoding::Text,
            Some(FlowLogAs::Gzip) => Encoding::Gzip,
            Some(FlowLogAs::Parquet) => Encoding::Parquet,
            None if is_folder => Encoding::Gzip,
            None => by_name(path),
        },
        format: args.format.clone().unwrap_or_default(),
        traffic: match args.traffic {
            FlowLogTraffic::Accept => Traffic::Accepted,
            FlowLogTraffic::Reject => Traffic::Rejected,
            FlowLogTraffic::All => Traffic::All,
        },
        interval: args.interval,
        account: options.account.clone(),
        region: options.region.clone(),
    }))
}

/// Whether a name stands for a folder: one that is there, or that ends like one.
pub(crate) fn is_folder(path: &Path) -> bool {
    path.is_dir() || path.as_os_str().as_encoded_bytes().ends_with(b"/")
}

fn by_name(path: &Path) -> Encoding {
    match path.extension().and_then(std::ffi::OsStr::to_str) {
        Some("gz") => Encoding::Gzip,
        Some("parquet") => Encoding::Parquet,
        _ => Encoding::Text,
    }
}
