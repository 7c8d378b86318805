#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod actions;
mod call;
mod filter;
mod page;
mod params;
mod reply;
mod sigv4;
#[cfg(test)]
mod testing;
mod xml;

pub use crate::actions::{Action, action, actions};
pub use crate::call::{Read, Write, dispatch_read, dispatch_write};
pub use crate::filter::{Filterable, Filters};
pub use crate::page::Page;
pub use crate::params::{Params, ParamsError};
pub use crate::reply::{Answer, Service, error_answer, success_answer};
pub use crate::sigv4::{Claim, Credentials, HttpRequest, Signing};
pub use crate::xml::Xml;
