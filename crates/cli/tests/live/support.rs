//! What every test here stands on: hosts with a firewall between them, and ways to send traffic through it.

mod config;
mod daemon;
mod http;
mod lab;
mod policy;
mod tmux;
mod traffic;
mod wire;

use secgroup_testkit::netns;

pub(crate) use self::config::{Backend, Setup};
pub(crate) use self::daemon::{Daemon, SECGROUP, secgroup};
pub(crate) use self::http::get;
pub(crate) use self::lab::Lab;
pub(crate) use self::policy::{
    ANY, ANY6, Policy, Rule, all, everything, icmp, icmp6, ping, protocol, tcp, udp,
};
pub(crate) use self::tmux::{Tmux, lacks_tmux};
pub(crate) use self::traffic::{
    Echo, Server, connect, counter, counter6, exchange, fence, heard_by, never_connects,
    never_pings, pings,
};
pub(crate) use self::wire::{Wire, heard, until_drop};

/// The instance behind the firewall.
pub(crate) const I: &str = "10.0.0.10";
pub(crate) const I6: &str = "2001:db8::10";
/// A second one.
pub(crate) const J: &str = "10.0.0.20";
pub(crate) const J6: &str = "2001:db8::20";
/// The host outside.
pub(crate) const O: &str = "203.0.113.10";
pub(crate) const O6: &str = "2001:db8:1::10";
/// The router between them, as the instance and as the host outside see it. It is not the first address of its network,
/// which would be the exempt router of a VPC (semantics C16).
pub(crate) const ROUTER: &str = "10.0.0.254";
pub(crate) const ROUTER6: &str = "2001:db8::fe";

/// Ends the test where network namespaces are not permitted, and prints why.
macro_rules! needs_namespaces {
    ($name:expr) => {
        if secgroup_testkit::netns::skip($name) {
            return;
        }
    };
}
pub(crate) use needs_namespaces;

/// A test in namespaces: skipped, with a reason, where they are not permitted.
macro_rules! live {
    ($($(#[$attribute:meta])* fn $name:ident() $body:block)*) => {$(
        #[test]
        $(#[$attribute])*
        fn $name() {
            $crate::support::needs_namespaces!(concat!(module_path!(), "::", stringify!($name)));
            $body
        }
    )*};
}
pub(crate) use live;

/// Whether namespaces can be made; for code that is not a test.
pub(crate) fn assert_permitted() {
    netns::permitted().expect("each test asks first");
}
