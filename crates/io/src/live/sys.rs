//! The system calls that no safe library offers, each wrapped once and as small as it can be: the only place of this crate with
//! `unsafe` in it. What is in here knows nothing of frames, ports or policies.
#![allow(unsafe_code)]

pub(super) mod bpf;
pub(super) mod child;
pub(super) mod ethtool;
pub(super) mod nfnetlink;
pub(super) mod ring;
pub(super) mod send;
pub(super) mod setup;
pub(super) mod socket;
pub(super) mod tun;
pub(super) mod xsk;
