//! What is said of the live page.

use std::net::SocketAddr;

use super::Check;
use crate::config::tree::Place;
use crate::config::{Metrics, Page, file};

impl Check<'_, '_> {
    pub(super) fn page(
        &mut self,
        page: &file::Page,
        metrics: Option<&Metrics>,
        here: &Place<'_>,
    ) -> Option<Page> {
        let place = here.key("listen");
        let Ok(listen) = page.listen.parse::<SocketAddr>() else {
            let message = format!("{:?} is not an address with a port", page.listen);
            let problem = self.problems.error(place.span(), message);
            problem.help("for example: `listen = \"127.0.0.1:9274\"`, or \"[::1]:9274\"");
            return None;
        };
        if !listen.ip().to_canonical().is_loopback() {
            let message = format!("{listen} can be reached by others, who are asked for no key");
            let problem = self.problems.error(place.span(), message);
            problem.help("listen on loopback: `listen = \"127.0.0.1:9274\"`; from another host, `ssh -L 9274:127.0.0.1:9274` leads there, or a proxy that asks who it is");
        }
        let is_taken = |metrics: &Metrics| metrics.listen == listen && listen.port() != 0;
        if metrics.is_some_and(is_taken) {
            let message = format!("the metrics are at {listen}");
            let problem = self.problems.error(place.span(), message);
            problem.help("choose another port: the page has one of its own");
        }
        Some(Page { listen })
    }
}
