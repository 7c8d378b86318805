//! What is said of metrics.

use super::Check;
use crate::config::tree::Place;
use crate::config::{Metrics, file};

impl Check<'_, '_> {
    pub(super) fn metrics(&mut self, metrics: &file::Metrics, here: &Place<'_>) -> Option<Metrics> {
        let place = here.key("listen");
        let listen = self.socket_address(&metrics.listen, &place, 9273)?;
        let is_local = listen.ip().to_canonical().is_loopback();
        if !is_local && !metrics.beyond_loopback {
            let message = format!("{listen} can be reached by others, who are asked for no key");
            let problem = self.problems.error(place.span(), message);
            problem.help("if they may read which interfaces, groups and rules there are and what passes: `beyond_loopback = true`; or listen on loopback: `listen = \"127.0.0.1:9273\"`");
        } else if !is_local {
            let message = format!("everybody who reaches {listen} can read the metrics");
            let problem = self.problems.warning(place.span(), message);
            problem.help(
                "let nobody but Prometheus reach it, or put a proxy in front that asks for a key",
            );
        }
        Some(Metrics {
            listen,
            rules: metrics.rules as usize,
        })
    }
}
