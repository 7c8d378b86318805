//! What is measured with: flows, frames, rules and a policy, the same on every run and machine.
//!
//! One interface with one address serves clients of a network of its own; whatever the size of the rule set, its last rule admits them. All
//! randomness comes from [`flows::SEED`], so that two runs differ in nothing but the machine.

pub mod flows;
pub mod frames;
pub mod policy;
pub mod rules;
