//! The proxy of the environment, by the rules that curl and most other clients share.
//!
//! - For https `https_proxy`, `HTTPS_PROXY`, then `all_proxy`, `ALL_PROXY`; for http `http_proxy`, `HTTP_PROXY`, then the same two. The
//!   first one that is not empty counts. `HTTP_PROXY` is ignored where `REQUEST_METHOD` is set: there a client of a CGI
//!   program chooses it.
//! - `no_proxy`, `NO_PROXY`: hosts that are asked directly, separated by commas or spaces. `example.com` and `.example.com` mean the
//!   host and everything below it, `10.0.0.0/8` a network, `host:8080` one port, `*` everything.
//! - Loopback hosts are always asked directly: at the proxy they would mean another machine.
//! - A proxy that cannot be used is an error. Going around it could be what somebody wanted to prevent.
//!
//! Requests always go through a tunnel (`CONNECT`), also those for http: the proxy then passes bytes on, and needs to know
//! nothing of streams. With https it sees host and port only, never the key.

use std::net::IpAddr;

use ureq::{Proxy, ProxyProtocol};

use super::failure::Failure;
use super::origin::Origin;

/// The proxy for an origin, `None` for none. `variable` reads the environment.
pub(super) fn for_origin(
    origin: &Origin,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<Proxy>, Failure> {
    let given = |name: &'static str| Some((name, variable(name).filter(|text| !text.is_empty())?));
    let upper_http = |name| given(name).filter(|_| given("REQUEST_METHOD").is_none());
    let own = match origin.is_https() {
        true => given("https_proxy").or_else(|| given("HTTPS_PROXY")),
        false => given("http_proxy").or_else(|| upper_http("HTTP_PROXY")),
    };
    let named = own.or_else(|| given("all_proxy")).or_else(|| given("ALL_PROXY"));
    let Some((name, address)) = named.filter(|_| !origin.is_loopback()) else { return Ok(None) };
    if let Some((_, list)) = given("no_proxy").or_else(|| given("NO_PROXY"))
        && list.split([',', ' ']).any(|entry| is_exempt(origin, entry))
    {
        return Ok(None);
    }
    let proxy = Proxy::new(address.trim()).ok();
    let usable = |proxy: &Proxy| matches!(proxy.protocol(), ProxyProtocol::Http | ProxyProtocol::Https);
    match proxy {
        Some(proxy) if usable(&proxy) => Ok(Some(proxy)),
        proxy => {
            // Not the text itself: it may have a password.
            let found = proxy.map(|proxy| format!("a {} proxy", proxy.protocol()));
            Err(Failure::Proxy { variable: name, found: found.unwrap_or_else(|| "no address".to_owned()) })
        }
    }
}

/// Whether an entry of `no_proxy` is about an origin.
fn is_exempt(origin: &Origin, entry: &str) -> bool {
    let entry = entry.to_ascii_lowercase();
    if entry == "*" {
        return true;
    }
    let host = origin.bare_host();
    if let Ok(address) = host.parse::<IpAddr>() {
        return match entry.split_once('/') {
            Some((network, bits)) => is_in_network(address, network, bits),
            None => {
                let (entry, port) = without_port(&entry);
                let entry = entry.trim_start_matches('[').trim_end_matches(']');
                entry.parse() == Ok(address) && port.is_none_or(|port| port == origin.port())
            }
        };
    }
    let (entry, port) = without_port(&entry);
    let name = entry.strip_prefix('*').unwrap_or(entry);
    let name = name.strip_prefix('.').unwrap_or(name).trim_end_matches('.');
    let is_below = || host.strip_suffix(name).is_some_and(|rest| rest.ends_with('.'));
    !name.is_empty() && (host == name || is_below()) && port.is_none_or(|port| port == origin.port())
}

/// Host and port. More than one colon outside of brackets is an IPv6 address.
fn without_port(entry: &str) -> (&str, Option<u16>) {
    match entry.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => match port.parse() {
            Ok(port) => (host, Some(port)),
            Err(_) => (entry, None),
        },
        _ => (entry, None),
    }
}

fn is_in_network(address: IpAddr, network: &str, bits: &str) -> bool {
    let (Ok(network), Ok(bits)) = (network.parse::<IpAddr>(), bits.parse::<u32>()) else { return false };
    let same =
        |a: u128, b: u128, width: u32| bits <= width && (a ^ b).checked_shr(width - bits).unwrap_or(0) == 0;
    match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(b)) => same(a.to_bits().into(), b.to_bits().into(), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => same(a.to_bits(), b.to_bits(), 128),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use ureq::http::Uri;

    use super::*;

    /// The proxy's port, 0 for none, under an environment of `NAME=value` words.
    fn port(url: &'static str, environment: &[(&str, &str)]) -> Result<u16, Failure> {
        let origin = Origin::of(&Uri::from_static(url)).unwrap();
        let variable = |name: &str| {
            environment.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        Ok(for_origin(&origin, variable)?.map_or(0, |proxy| proxy.port()))
    }

    const HTTPS: &str = "https://flags.example.com";
    const HTTP: &str = "http://flags.example.com";

    #[test]
    fn the_scheme_chooses_the_variable_and_all_proxy_comes_last() {
        let all = [
            ("https_proxy", "http://p:1"),
            ("HTTPS_PROXY", "http://p:2"),
            ("http_proxy", "http://p:3"),
            ("HTTP_PROXY", "http://p:4"),
            ("all_proxy", "http://p:5"),
            ("ALL_PROXY", "p:6"),
        ];
        for (url, from, expected) in [
            (HTTPS, 0, 1),
            (HTTPS, 1, 2),
            (HTTPS, 2, 5),
            (HTTPS, 5, 6),
            (HTTPS, 6, 0),
            (HTTP, 0, 3),
            (HTTP, 3, 4),
            (HTTP, 4, 5),
            (HTTP, 6, 0),
        ] {
            assert_eq!(port(url, &all[from..]).unwrap(), expected, "{url} {from}");
        }
        assert_eq!(port(HTTPS, &[("https_proxy", ""), ("ALL_PROXY", "https://p:7")]).unwrap(), 7);
        assert_eq!(port(HTTP, &[("HTTP_PROXY", "p:8"), ("REQUEST_METHOD", "GET")]).unwrap(), 0);
    }

    #[test]
    fn loopback_hosts_are_asked_directly() {
        for url in ["http://127.0.0.1:9", "https://localhost", "https://[::1]"] {
            assert_eq!(port(url, &[("ALL_PROXY", "http://p:1")]).unwrap(), 0, "{url}");
        }
    }

    #[test]
    fn exempt_hosts_are_asked_directly() {
        for (url, list, is_exempt) in [
            (HTTPS, "*", true),
            (HTTPS, "example.com", true),
            (HTTPS, ".example.com", true),
            (HTTPS, "*.example.com", true),
            (HTTPS, "a, Flags.Example.COM", true),
            (HTTPS, "a flags.example.com", true),
            (HTTPS, "flags.example.com:443", true),
            (HTTPS, "flags.example.com:80", false),
            (HTTPS, "ample.com", false),
            (HTTPS, "x.flags.example.com", false),
            (HTTPS, "", false),
            (HTTPS, ",", false),
            (HTTPS, ".", false),
            ("https://example.com", ".example.com", true),
            ("http://10.1.2.3", "10.0.0.0/8", true),
            ("http://10.1.2.3", "10.1.2.3", true),
            ("http://10.1.2.3", "10.1.2.3:81", false),
            ("http://11.1.2.3", "10.0.0.0/8,10.0.0.0/33,::/0", false),
            ("http://11.1.2.3", "0.0.0.0/0", true),
            ("http://[fd00::1]", "fd00::/8", true),
            ("http://[fd00::1]:8080", "[fd00::1]:8080", true),
            ("http://[fd00::1]", "fd00::1", true),
            ("http://[fd00::2]", "fd00::1", false),
        ] {
            for name in ["no_proxy", "NO_PROXY"] {
                let found = port(url, &[("ALL_PROXY", "http://p:1"), (name, list)]).unwrap() == 0;
                assert_eq!(found, is_exempt, "{url} {list:?}");
            }
        }
    }

    #[test]
    fn a_proxy_that_cannot_be_used_is_an_error_without_its_password() {
        for (address, said) in [
            ("socks5://u:hunter2@p:1080", "a SOCKS5 proxy"),
            ("gopher://u:hunter2@p", "no address"),
            ("http://", "no address"),
            ("http://u:hunter2@p :1", "no address"),
        ] {
            let failure = port(HTTPS, &[("HTTPS_PROXY", address)]).unwrap_err();
            let text = format!("{failure} {failure:?}");
            assert!(text.contains("HTTPS_PROXY") && text.contains(said), "{text}");
            assert!(!text.contains("hunter2") && !failure.is_transient(), "{text}");
        }
    }
}
