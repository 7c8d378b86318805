//! What flow logs mean.

use secgroup_flowlog::{Encoding, Folder, Format, Layout, Traffic};

use super::Check;
use crate::config::choices::{FlowLogFile, FlowLogTraffic};
use crate::config::file::{self, File};
use crate::config::tree::Place;
use crate::config::{FlowLog, FlowLogs};

impl Check<'_, '_> {
    pub(super) fn flow_logs(&mut self, file: &File, root: &Place<'_>) -> FlowLogs {
        let here = root.key("flow_logs");
        let list = root.key("flow_log");
        let mut logs = Vec::with_capacity(file.flow_log.len());
        for (index, log) in file.flow_log.iter().enumerate() {
            let place = list.item(index);
            if file.flow_log[..index].contains(log) {
                let problem = self.problems.error(
                    place.span(),
                    "this flow log is there already: both would write the same files",
                );
                problem.help("remove one of them");
            }
            logs.extend(self.flow_log(log, &place));
        }
        let buckets = file.flow_logs.buckets.as_deref();
        FlowLogs {
            flows: file.flow_logs.flows as usize,
            buckets: buckets.map(|buckets| self.path(buckets, &here.key("buckets"))),
            logs,
        }
    }

    fn flow_log(&mut self, log: &file::FlowLog, here: &Place<'_>) -> Option<FlowLog> {
        let layout = Layout {
            hive: log.hive,
            per_hour: log.per_hour,
        };
        let folder = Folder {
            publish_every: log.publish_seconds,
            ..Folder::new(self.path(&log.folder, &here.key("folder")), layout)
        };
        let format = match log.format.as_deref().map(str::parse::<Format>) {
            None => Format::default(),
            Some(Ok(format)) => format,
            Some(Err(error)) => {
                let problem = self
                    .problems
                    .error(here.key("format").span(), error.message);
                problem.help("fields are written like `format = \"${srcaddr} ${dstaddr} ${action}\"`; the README of crates/flowlog lists them");
                return None;
            }
        };
        Some(FlowLog {
            folder,
            of: log.of.clone(),
            traffic: match log.traffic {
                FlowLogTraffic::Accept => Traffic::Accepted,
                FlowLogTraffic::Reject => Traffic::Rejected,
                FlowLogTraffic::All => Traffic::All,
            },
            format,
            interval: log.interval_seconds,
            encoding: match log.file_format {
                FlowLogFile::Text => Encoding::Text,
                FlowLogFile::Gzip => Encoding::Gzip,
                FlowLogFile::Parquet => Encoding::Parquet,
            },
        })
    }
}
