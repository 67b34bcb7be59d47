//! The key of a flag, as a request names it: in the path, or in the query.

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use percent_encoding::percent_decode_str;

use crate::error::ChangeError;
use crate::flags::value::{MOST_KEY_BYTES, checked_key};
use crate::http::refusal::Refusal;

/// Where single flags are. Below it stands nothing but keys, so that none can be taken for something else.
pub(crate) const PATH: &str = "/api/v1/flags/by-key";

/// The query that names a key which cannot stand in a path.
const QUERY: &str = "key=";

/// The key that a request names: in its path, or as `?key=`. A key of `.` or `..` in a path is taken away by most clients before they
/// send it; a query is sent as it is.
#[derive(Debug)]
pub(crate) struct FlagKey(pub(crate) Arc<str>);

impl<S: Sync> FromRequestParts<S> for FlagKey {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<FlagKey, Refusal> {
        let below = parts.uri.path().strip_prefix(PATH).unwrap_or_default();
        let encoded = named(below, parts.uri.query().unwrap_or_default())?;
        match percent_decode_str(&encoded).decode_utf8() {
            Ok(key) => Ok(FlagKey(checked_key(&key)?)),
            Err(_) => Err(ChangeError::BadKey { reason: "is not UTF-8", most: MOST_KEY_BYTES }.into()),
        }
    }
}

/// The key, still encoded, of what stands below [`PATH`] and of the query.
fn named<'a>(below: &'a str, query: &'a str) -> Result<Cow<'a, str>, Refusal> {
    let key = below.strip_prefix('/').unwrap_or_default();
    match (key, query.strip_prefix(QUERY)) {
        // A form writes a space as a plus, and so do its libraries.
        ("", Some(value)) if !value.contains('&') => Ok(value.replace('+', "%20").into()),
        (_, None) if query.is_empty() && !key.is_empty() => Ok(key.into()),
        ("", None) if query.is_empty() => {
            let text = format!(
                "no key of a flag in the path, expected {PATH}/<key>; the keys . and .., which clients take out of paths, are sent as {PATH}?key=.. instead"
            );
            Err(Refusal::new(StatusCode::BAD_REQUEST, "bad_key", text))
        }
        _ => {
            let text = format!("query is {query:?}, expected {PATH}?key=<key>, or {PATH}/<key> and no query");
            Err(Refusal::new(StatusCode::BAD_REQUEST, "bad_query", text))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_stands_in_the_path_or_in_the_query_and_not_in_both() {
        for (below, query, key) in [
            ("/a%2Fb", "", "a%2Fb"),
            ("/live", "", "live"),
            ("", "key=..", ".."),
            ("", "key=a+b", "a%20b"),
            ("/", "key=", ""),
        ] {
            assert_eq!(named(below, query).unwrap(), key, "{below}?{query}");
        }
        for (below, query) in
            [("", ""), ("/", ""), ("/a", "key=b"), ("/a", "x"), ("", "a"), ("", "key=a&key=b")]
        {
            assert!(named(below, query).is_err(), "{below}?{query}");
        }
    }
}
