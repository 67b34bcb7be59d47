//! Tags in headers: what a client has seen, and what it is given.

use axum::http::header::ETAG;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;

use crate::flags::edit::{Condition, Tags};

/// All values of a header, with commas between them.
pub(crate) fn joined(headers: &HeaderMap, name: &str) -> Option<String> {
    let values: Vec<_> =
        headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    (!values.is_empty()).then(|| values.join(","))
}

fn tags(headers: &HeaderMap, name: &str) -> Option<Tags> {
    joined(headers, name).map(|header| Tags::parse(&header))
}

/// `If-Match` and `If-None-Match` of a change.
pub(crate) fn condition(headers: &HeaderMap) -> Condition {
    Condition { if_match: tags(headers, "if-match"), if_none_match: tags(headers, "if-none-match") }
}

/// Whether a reader has the content with this tag already.
pub(crate) fn knows(headers: &HeaderMap, tag: &str) -> bool {
    tags(headers, "if-none-match").is_some_and(|tags| tags.names(tag))
}

/// Sets `ETag`.
pub(crate) fn set_tag(response: &mut Response, tag: &str) {
    // Hexadecimal digits are fit for a header.
    if let Ok(value) = HeaderValue::from_str(&format!("\"{tag}\"")) {
        response.headers_mut().insert(ETAG, value);
    }
}
