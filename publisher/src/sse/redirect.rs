//! Which redirects are followed, and with or without the key.

use ureq::http::Uri;

use super::api_key::ApiKey;
use super::failure::RedirectRefusal;
use super::origin::Origin;

/// How many redirects in a row are followed.
pub(super) const MAX_REDIRECTS: usize = 5;

/// Whether the key goes along with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyUse {
    Send,
    /// For good: a foreign host must not choose where on the home host the key is sent, either.
    Withhold,
}

/// The next request of a redirected one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hop {
    pub(super) target: Uri,
    pub(super) key: KeyUse,
}

impl Hop {
    /// Where a redirect leads. `api_key` is only there to keep it out of messages.
    pub(super) fn follow(&self, location: Option<&[u8]>, api_key: &ApiKey) -> Result<Hop, RedirectRefusal> {
        let location = location.ok_or(RedirectRefusal::NoLocation)?;
        let bad = || RedirectRefusal::BadLocation { found: api_key.redact(location) };
        let target = std::str::from_utf8(location)
            .ok()
            .and_then(|text| resolve(&self.target, text.trim()))
            // A user name in an address is a trick more often than a need, and nobody else's password belongs in requests.
            .filter(|target| !target.authority().is_some_and(|authority| authority.as_str().contains('@')))
            .ok_or_else(bad)?;
        let (from, to) = Origin::of(&self.target).zip(Origin::of(&target)).ok_or_else(bad)?;
        if from.is_https() && !to.is_https() {
            return Err(RedirectRefusal::Downgrade { to: api_key.redact(to.to_string().as_bytes()) });
        }
        let key = if from == to { self.key } else { KeyUse::Withhold };
        Ok(Hop { target, key })
    }
}

/// Resolves an address as RFC 3986 says it, without its fragment.
fn resolve(base: &Uri, reference: &str) -> Option<Uri> {
    let reference = reference.split('#').next().filter(|text| !text.is_empty())?;
    if has_scheme(reference) {
        return reference.parse().ok();
    }
    let scheme = base.scheme_str()?;
    if reference.starts_with("//") {
        return format!("{scheme}:{reference}").parse().ok();
    }
    let (path, query) = match reference.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (reference, None),
    };
    let path = match path {
        "" => base.path().to_owned(),
        path if path.starts_with('/') => without_dots(path),
        path => {
            let folder = base.path().rsplit_once('/').map_or("", |(folder, _)| folder);
            without_dots(&format!("{folder}/{path}"))
        }
    };
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    format!("{scheme}://{}{path}{query}", base.authority()?).parse().ok()
}

fn has_scheme(reference: &str) -> bool {
    reference.split(['/', '?']).next().is_some_and(|start| {
        start
            .split_once(':')
            .is_some_and(|(scheme, _)| scheme.starts_with(|first: char| first.is_ascii_alphabetic()))
    })
}

/// An absolute path without `.` and `..` segments.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if is_last {
                    kept.push("");
                }
            }
            segment => kept.push(segment),
        }
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn follow(from: &'static str, location: &str) -> Result<(String, KeyUse), RedirectRefusal> {
        let hop = Hop { target: Uri::from_static(from), key: KeyUse::Send };
        let key = ApiKey::new("s3cr3t").unwrap();
        hop.follow(Some(location.as_bytes()), &key).map(|hop| (hop.target.to_string(), hop.key))
    }

    #[test]
    fn the_key_goes_to_the_same_origin_only() {
        let same = "https://a.example/live";
        for (location, key) in [
            ("https://a.example/other", KeyUse::Send),
            ("https://A.EXAMPLE:443/other", KeyUse::Send),
            ("/other", KeyUse::Send),
            ("https://a.example:444/other", KeyUse::Withhold),
            ("https://b.example/live", KeyUse::Withhold),
            ("//b.example/live", KeyUse::Withhold),
            ("https://a.example.evil/live", KeyUse::Withhold),
        ] {
            assert_eq!(follow(same, location).unwrap().1, key, "{location}");
        }
        assert_eq!(follow("http://a.example/", "https://a.example/").unwrap().1, KeyUse::Withhold);
    }

    #[test]
    fn a_key_once_withheld_stays_withheld() {
        let key = ApiKey::new("s3cr3t").unwrap();
        let home = Hop { target: Uri::from_static("https://a.example/"), key: KeyUse::Send };
        let away = home.follow(Some(b"https://b.example/"), &key).unwrap();
        let back = away.follow(Some(b"https://a.example/log?"), &key).unwrap();
        assert_eq!(back.key, KeyUse::Withhold);
        assert_eq!(back.follow(Some(b"/again"), &key).unwrap().key, KeyUse::Withhold);
    }

    #[test]
    fn https_to_http_is_refused_on_every_host() {
        for location in ["http://a.example/", "http://b.example/", "http://a.example:443/"] {
            assert!(
                matches!(follow("https://a.example/", location), Err(RedirectRefusal::Downgrade { .. })),
                "{location}"
            );
        }
    }

    #[test]
    fn a_missing_or_bad_location_is_an_error_without_the_key() {
        let key = ApiKey::new("s3cr3t").unwrap();
        let hop = Hop { target: Uri::from_static("https://a.example/"), key: KeyUse::Send };
        assert_eq!(hop.follow(None, &key), Err(RedirectRefusal::NoLocation));
        for location in [
            "",
            "#top",
            "ftp://a.example/",
            "javascript:alert(1)",
            "https://",
            "https://u:s3cr3t@a.example/",
            "//u@b.example",
        ] {
            let refusal = follow("https://a.example/", location).unwrap_err();
            assert!(matches!(refusal, RedirectRefusal::BadLocation { .. }), "{location}: {refusal:?}");
            assert!(!format!("{refusal} {refusal:?}").contains("s3cr3t"));
        }
        assert!(hop.follow(Some(b"/\xff"), &key).is_err());
    }

    #[test]
    fn relative_locations_are_resolved() {
        for (location, expected) in [
            ("/x?y=1#z", "https://a.example:8443/x?y=1"),
            ("d", "https://a.example:8443/b/d"),
            ("./d/", "https://a.example:8443/b/d/"),
            ("../d", "https://a.example:8443/d"),
            ("../../../d/..", "https://a.example:8443/"),
            ("?q=http://x", "https://a.example:8443/b/c?q=http://x"),
            ("//h:1/p", "https://h:1/p"),
            ("http:", "error"),
        ] {
            let found = follow("https://a.example:8443/b/c?old=1", location)
                .map_or("error".into(), |(target, _)| target);
            assert_eq!(found, expected, "{location}");
        }
    }
}
