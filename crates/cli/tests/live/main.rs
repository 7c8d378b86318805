//! `secgroup run` from outside: real programs and built frames through a daemon between network namespaces.
//!
//! - [`backends`]: the core of it on every backend, from one table;
//! - [`programs`]: what people run through a firewall: ping, curl, ssh, dig, iperf3, traceroute, DHCP;
//! - [`rules`], [`tracking`], [`icmp`], [`fragments`]: scenarios of other firewalls' test suites, frame by frame;
//! - [`changes`]: policies that change while traffic flows;
//! - [`operation`]: starting, stopping, being killed, restarting with connections, refusing what cannot be trusted;
//! - [`commands`]: following connections, watching the status, handing over;
//! - [`flow_log`]: who talked to whom, as files;
//! - [`metrics`]: what Prometheus reads, while traffic flows;
//! - [`page`]: the live page in a browser;
//! - [`explaining`]: what the daemon says of packets and connections, without disturbing them;
//! - [`host`]: flows that the kernel carries on in host mode, and rules that another program holds up;
//! - [`service`]: what whoever started it is told;
//! - [`top`]: what passes, on a terminal, with keys;
//! - [`story`]: the policy managed by the AWS CLI alone, from the first group on;
//! - [`audit`]: watching instead of enforcing, and one after the other.
//!
//! They need network namespaces, and the programs that `scripts/install-test-tools` installs; where namespaces are not permitted, each says that it is
//! skipped, and why.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests are tests: a failing assertion is how they speak"
)]

mod audit;
mod backends;
mod changes;
mod commands;
mod explaining;
mod flow_log;
mod fragments;
mod host;
mod icmp;
mod metrics;
mod operation;
mod page;
mod page_keys;
mod programs;
mod rules;
mod service;
mod story;
mod support;
mod top;
mod tracking;
