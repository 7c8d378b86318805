//! Which flow logs there are to be: out of the configuration, and out of the endpoint's state.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Component, Path, PathBuf};

use secgroup_ec2::FlowLog;
use secgroup_ec2::flow_logs::{FlowLogDestination, FlowLogFileFormat, FlowLogTraffic};
use secgroup_flowlog::{Destination, Encoding, Folder, Layout, LogSettings, Scope, Traffic};
use secgroup_model::FlowLogId;

use crate::config::Config;
use crate::daemon::bindings::Bindings;

/// Those of the configuration.
pub(super) fn of_configuration(config: &Config, bindings: &Bindings) -> Vec<LogSettings> {
    let options = &config.policy.options;
    let logs = config.flow_logs.logs.iter().map(|log| {
        let id = |name: &String| {
            let bound = bindings.get(name).map(ToString::to_string);
            bound.unwrap_or_else(|| name.clone())
        };
        LogSettings {
            id: derived_id(log),
            account: options.account.clone(),
            region: options.region.clone(),
            scope: if log.of.is_empty() {
                Scope::All
            } else {
                Scope::Of(log.of.iter().map(id).collect())
            },
            traffic: log.traffic,
            format: log.format.clone(),
            interval: log.interval,
            destination: Destination::Folder(log.folder.clone()),
            encoding: log.encoding,
        }
    });
    logs.collect()
}

/// An id that is the same as long as the section is.
fn derived_id(log: &crate::config::FlowLog) -> String {
    let mut hash = DefaultHasher::new();
    format!("{log:?}").hash(&mut hash);
    FlowLogId::from_random(hash.finish()).to_string()
}

/// Those of the endpoint, and the ids of those that have no destination on this host.
pub(super) fn of_endpoint(
    config: &Config,
    known: &secgroup_ec2::State,
) -> (Vec<LogSettings>, Vec<FlowLogId>) {
    let (mut logs, mut undeliverable) = (Vec::new(), Vec::new());
    for log in known.flow_logs.values() {
        match settings(config, log) {
            Some(settings) => logs.push(settings),
            None => undeliverable.push(log.id.clone()),
        }
    }
    (logs, undeliverable)
}

fn settings(config: &Config, log: &FlowLog) -> Option<LogSettings> {
    let buckets = config.flow_logs.buckets.as_deref()?;
    let files = log.files?;
    let arn = log.destination.as_deref()?;
    if log.destination_type != FlowLogDestination::S3 {
        return None;
    }
    let layout = Layout {
        hive: files.hive,
        per_hour: files.per_hour,
    };
    Some(LogSettings {
        id: log.id.to_string(),
        account: log.owner.to_string(),
        region: config.policy.options.region.clone(),
        scope: Scope::Of([log.resource.clone()].into()),
        traffic: match log.traffic {
            FlowLogTraffic::Accept => Traffic::Accepted,
            FlowLogTraffic::Reject => Traffic::Rejected,
            FlowLogTraffic::All => Traffic::All,
        },
        format: log.format.parse().ok()?,
        interval: log.interval_seconds,
        destination: Destination::Folder(Folder::new(folder_of(arn, buckets)?, layout)),
        encoding: match files.format {
            FlowLogFileFormat::PlainText => Encoding::Gzip,
            FlowLogFileFormat::Parquet => Encoding::Parquet,
        },
    })
}

/// What `arn:aws:s3:::BUCKET/PREFIX/` is among the buckets. The ARN was written by whoever called: it names something below that folder, or nothing.
fn folder_of(arn: &str, buckets: &Path) -> Option<PathBuf> {
    let name = arn.rsplit(":::").next().filter(|name| *name != arn)?;
    let name = Path::new(name.trim_end_matches('/'));
    let is_below = |part: Component<'_>| match part {
        Component::Normal(name) => !name.as_encoded_bytes().starts_with(b"."),
        _ => false,
    };
    let names_something = name.components().next().is_some();
    (names_something && name.components().all(is_below)).then(|| buckets.join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_a_folder_below_and_nothing_else() {
        let buckets = Path::new("/srv/logs");
        for (arn, folder) in [
            ("arn:aws:s3:::flows", Some("/srv/logs/flows")),
            ("arn:aws:s3:::flows/a/b/", Some("/srv/logs/flows/a/b")),
            ("arn:aws-cn:s3:::flows", Some("/srv/logs/flows")),
            ("arn:aws:s3:::flows/../../etc", None),
            ("arn:aws:s3:::../etc", None),
            ("arn:aws:s3:::/etc", None),
            ("arn:aws:s3:::.ssh", None),
            ("arn:aws:s3:::flows/.unfinished", None),
            ("arn:aws:s3:::", None),
            ("flows", None),
        ] {
            let expected = folder.map(PathBuf::from);
            assert_eq!(folder_of(arn, buckets), expected, "{arn}");
        }
    }
}
