//! Whether a request comes from a web page of another site.
//!
//! A browser sends requests for any page that its user visits, and names the page's origin in `Origin` and `Sec-Fetch-Site`. A page whose
//! name was made to resolve to this host (DNS rebinding) has the same origin; it is recognized by a `Host` that is not a name of this host.

use std::net::IpAddr;

/// Whether `host`, as the header has it, is a name of the loopback interface.
pub(crate) fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((name, port)) if is_port(port) => name,
            _ => return false,
        },
        None => match host.split_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            Some(_) => return false,
            None => host,
        },
    };
    let name = name.to_ascii_lowercase();
    let name = name.strip_suffix('.').unwrap_or(&name);
    let address: Option<IpAddr> = name.parse().ok();
    name == "localhost"
        || name.ends_with(".localhost")
        || address.is_some_and(|address| address.is_loopback())
}

fn is_port(text: &str) -> bool {
    text.is_empty()
        || text.strip_prefix(':').is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether a page of `origin` is one that this server sent as `host`. The scheme does not count: a proxy in front may have TLS.
pub(crate) fn is_same(origin: &str, host: &str) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    let default = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return false,
    };
    let bare = |text: &str| text.strip_suffix(default).unwrap_or(text).to_ascii_lowercase();
    bare(authority) == bare(host)
}

/// Whether `Sec-Fetch-Site` says that the request was made by a page of this server, or by the user.
pub(crate) fn is_own_site(site: &str) -> bool {
    matches!(site, "same-origin" | "none")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_loopback_interface_are_known_and_no_others() {
        for host in [
            "localhost",
            "LOCALHOST:7878",
            "flags.localhost:1",
            "127.0.0.1:80",
            "127.9.9.9",
            "[::1]",
            "[::1]:7878",
            "localhost.:1",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "",
            "example.com",
            "example.com:7878",
            "localhost.example.com",
            "127.0.0.1.example.com",
            "10.0.0.1",
            "[::2]:1",
            "[::1]x",
            "notlocalhost",
            "localhost:x",
            "evil@localhost",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn an_origin_is_ours_if_its_host_and_port_are() {
        assert!(is_same("http://127.0.0.1:7878", "127.0.0.1:7878"));
        assert!(is_same("https://flags.example", "flags.example") && is_same("http://h:80", "H"));
        for origin in [
            "null",
            "",
            "http://127.0.0.1:7879",
            "http://localhost:7878",
            "http://evil.example",
            "file://127.0.0.1:7878",
        ] {
            assert!(!is_same(origin, "127.0.0.1:7878"), "{origin}");
        }
    }
}
