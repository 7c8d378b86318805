//! Flow logs (semantics E51, G): which interfaces are written down, in which format, and where to.
//!
//! A flow log is only described here. Who delivers reads the records.

mod record;

pub use self::record::{
    FlowLog, FlowLogDestination, FlowLogFileFormat, FlowLogFiles, FlowLogTraffic,
};

use crate::Edit;

/// Deletes the flow logs of a VPC, subnet or interface that is deleted.
pub fn forget(edit: &mut Edit<'_>, resource: &str) {
    let logs = edit.state().flow_logs.values();
    let gone: Vec<_> = logs
        .filter(|log| log.resource == resource)
        .map(|log| log.id.clone())
        .collect();
    for id in gone {
        edit.remove::<FlowLog>(&id);
    }
}
