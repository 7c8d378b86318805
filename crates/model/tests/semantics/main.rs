//! The numbered statements of `semantics.md` A and B, one test each, named by their numbers; the
//! texts of the errors are typed from there.
//!
//! Not here, because they say nothing that a noun can get wrong: A2 (there is no deny rule to
//! construct), A11 and A12 (what a packet matches), A26, A29, A40 (evaluation and output), B7
//! (there is no way to rename a group), B14 (output order), B16 (see B19).
#![forbid(unsafe_code)]

#[cfg(test)]
mod common;
#[cfg(test)]
mod deletion;
#[cfg(test)]
mod groups;
#[cfg(test)]
mod interfaces;
#[cfg(test)]
mod peers;
#[cfg(test)]
mod prefix_lists;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod protocols;
#[cfg(test)]
mod quotas;
#[cfg(test)]
mod rules;
