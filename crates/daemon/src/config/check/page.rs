//! What is said of the live page.

use super::Check;
use crate::config::tree::Place;
use crate::config::{Metrics, Page, Viewers, file};

impl Check<'_, '_> {
    pub(super) fn page(
        &mut self,
        page: &file::Page,
        file: &file::File,
        metrics: Option<&Metrics>,
        here: &Place<'_>,
    ) -> Option<Page> {
        let place = here.key("listen");
        let listen = self.socket_address(&page.listen, &place, 9274)?;
        let viewers = match &page.keys {
            Some(keys) => Viewers::KeysIn(self.path(keys, &here.key("keys"))),
            None if listen.ip().to_canonical().is_loopback() => Viewers::ThisHost,
            None => {
                if file.api.is_none() {
                    let message = format!(
                        "{listen} can be reached by others, and there are no access keys to ask them for"
                    );
                    let problem = self.problems.error(place.span(), message);
                    problem.help("name a file of keys: `keys = \"/var/lib/secgroup/page-keys.toml\"`, which is made at the first start; or listen on loopback: `listen = \"127.0.0.1:9274\"`, where `ssh -L 9274:127.0.0.1:9274` leads from another host");
                }
                Viewers::KeysOfApi
            }
        };
        let is_taken = |metrics: &Metrics| metrics.listen == listen && listen.port() != 0;
        if metrics.is_some_and(is_taken) {
            let message = format!("the metrics are at {listen}");
            let problem = self.problems.error(place.span(), message);
            problem.help("choose another port: the page has one of its own");
        }
        Some(Page { listen, viewers })
    }
}
