//! By which name this host was asked.

use std::net::{IpAddr, Ipv6Addr};

use hyper::Request;
use hyper::header::HOST;

/// Whether a request names a host that is never anything but this one. Browsers always name one; whoever names none is no browser.
pub(super) fn this_host<B>(request: &Request<B>) -> bool {
    if let Some(authority) = request.uri().authority() {
        return is_loopback(authority.as_str());
    }
    let named = request.headers().get(HOST);
    named.is_none_or(|host| host.to_str().is_ok_and(is_loopback))
}

/// Whether `host`, with or without a port, is `localhost` or an address of loopback.
fn is_loopback(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
        Some((address, port)) => {
            let address = address.parse().map(|ip: Ipv6Addr| ip.to_canonical());
            return (port.is_empty() || port.starts_with(':'))
                && address.is_ok_and(|ip| ip.is_loopback());
        }
        None => host.split_once(':').unwrap_or((host, "")),
    };
    let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
    let address = name.parse();
    is_number
        && (name.eq_ignore_ascii_case("localhost")
            || address.is_ok_and(|ip: IpAddr| ip.is_loopback()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_loopback_are_those_of_this_host() {
        for host in [
            "localhost",
            "LocalHost:1",
            "127.0.0.1",
            "127.0.0.1:9273",
            "127.8.9.1:80",
            "[::1]",
            "[::1]:9273",
            "[::ffff:127.0.0.1]:1",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "",
            ":9273",
            "evil.example",
            "evil.example:9273",
            "localhost.evil.example",
            "localhost.",
            "127.0.0.1.evil.example",
            "10.0.0.1",
            "0.0.0.0",
            "[::]",
            "[2001:db8::1]:9273",
            "[::1",
            "[::1]evil.example",
            "::1",
            "localhost:1@evil.example",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn the_name_is_that_of_the_request_line_where_there_is_one() {
        let asked = |uri: &str, host: Option<&str>| {
            let mut request = Request::builder().uri(uri);
            if let Some(host) = host {
                request = request.header(HOST, host);
            }
            this_host(&request.body(()).unwrap())
        };
        assert!(asked("/metrics", None));
        assert!(asked("/metrics", Some("localhost:9273")));
        assert!(!asked("/metrics", Some("evil.example")));
        assert!(!asked("http://evil.example/", Some("localhost")));
    }
}
