//! What a person sees.

mod audit;
mod bench;
mod captures;
mod check;
mod difference;
mod explain;
mod flows;
mod page;
mod replay;
mod stacks;
mod status;
mod table;

pub(crate) use self::audit::audit;
pub(crate) use self::bench::bench;
pub(crate) use self::check::findings;
pub(crate) use self::difference::difference;
pub(crate) use self::explain::explained;
pub(crate) use self::flows::{event as flow_event, flows};
pub(crate) use self::page::{
    Made, audit as audit_page, difference as difference_page, replay as replay_page,
};
pub(crate) use self::replay::report;
pub(crate) use self::stacks::{change_set, stacks};
pub(crate) use self::status::status;
pub(crate) use self::table::{counted, rounded};
