//! Flow logs (semantics E51, G).

mod record;

pub use self::record::{
    FlowLog, FlowLogDestination, FlowLogFileFormat, FlowLogFiles, FlowLogTraffic,
};
