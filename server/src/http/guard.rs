//! Whether a request is served at all: checked before anything else of it.
//!
//! That is: who may ask, and whether the request is well-formed where a proxy and this server might read it differently.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, HOST, ORIGIN, X_CONTENT_TYPE_OPTIONS};
use axum::http::uri::Authority;
use axum::http::{HeaderValue, Method, StatusCode, Uri, Version};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::http::headers::joined;
use crate::http::origin;
use crate::http::refusal::Refusal;
use crate::http::service::Service;

/// Passes a request on, or refuses it. No response may be cached.
pub(crate) async fn guard(State(service): State<Arc<Service>>, request: Request, next: Next) -> Response {
    let mut response = match check(&service, &request) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn check(service: &Service, request: &Request) -> Result<(), Refusal> {
    let headers = request.headers();
    let host = host(request)?;
    check_encoding(request.uri())?;
    // The request line may contain a second name (absolute form).
    let name_of_uri = request.uri().authority().map(|authority| authority.as_str());
    let is_ours = |name: &str| !service.is_loopback || origin::is_loopback(name);
    if !is_ours(host) || !name_of_uri.is_none_or(is_ours) {
        let text = "host is not a name of this machine's loopback interface; use http://127.0.0.1 or http://localhost, or serve with --bind and --token";
        return Err(Refusal::new(StatusCode::FORBIDDEN, "host_refused", text));
    }
    if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
        return Ok(());
    }
    let is_foreign = joined(headers, ORIGIN.as_str()).is_some_and(|origin| !origin::is_same(&origin, host))
        || joined(headers, "sec-fetch-site").is_some_and(|site| !origin::is_own_site(&site));
    if is_foreign {
        let text = "a page of another origin may not change flags; use the server's own page, or a program";
        return Err(Refusal::new(StatusCode::FORBIDDEN, "origin_refused", text));
    }
    let header = headers.get(AUTHORIZATION).map(|value| value.as_bytes());
    match (&service.token, header) {
        (None, _) => Ok(()),
        (Some(token), Some(header)) if token.is_in(header) => Ok(()),
        (Some(_), found) => {
            let wrong = if found.is_some() { "wrong token" } else { "no token" };
            let text = format!("{wrong}; send the server's token as Authorization: Bearer <token>");
            Err(Refusal::new(StatusCode::UNAUTHORIZED, "token_needed", text))
        }
    }
}

/// The `Host` of a request. There is exactly one (RFC 9112, section 3.2); HTTP/1.0 may have none, which is the empty name.
pub(crate) fn host(request: &Request) -> Result<&str, Refusal> {
    let refused = |found: &str| {
        let text = format!("{found}, expected one header Host with the name and port of the server");
        Err(Refusal::new(StatusCode::BAD_REQUEST, "bad_host", text))
    };
    let mut values = request.headers().get_all(HOST).iter();
    let value = match (values.next(), values.next()) {
        (None, _) if request.version() < Version::HTTP_11 => return Ok(""),
        (None, _) => return refused("the request has no Host"),
        (Some(_), Some(_)) => return refused("the request has more than one Host"),
        (Some(value), None) => value,
    };
    let name = value.to_str().ok().filter(|text| !text.contains('@'));
    match name.filter(|text| text.parse::<Authority>().is_ok()) {
        Some(name) => Ok(name),
        None => refused(&format!("Host is {:?}", String::from_utf8_lossy(value.as_bytes()))),
    }
}

/// Refuses a path or query with a `%` that encodes nothing: parsers disagree about its meaning.
pub(crate) fn check_encoding(uri: &Uri) -> Result<(), Refusal> {
    for (part, text) in [("path", uri.path()), ("query", uri.query().unwrap_or_default())] {
        if let Some(at) = stray_percent(text) {
            let found: String = text.get(at..).unwrap_or_default().chars().take(3).collect();
            let text = format!(
                "{part} has {found:?} at byte {at}, expected two hexadecimal digits after each %; a % itself is written %25"
            );
            return Err(Refusal::new(StatusCode::BAD_REQUEST, "bad_encoding", text).with("offset", at));
        }
    }
    Ok(())
}

/// Where a `%` stands without two hexadecimal digits behind it.
fn stray_percent(text: &str) -> Option<usize> {
    let encodes = |at: usize| {
        let digits = text.as_bytes().get(at + 1..at + 3);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    text.match_indices('%').map(|(at, _)| at).find(|at| !encodes(*at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percent_sign_is_followed_by_two_hexadecimal_digits() {
        for text in ["", "/a", "%41", "%2f%2F", "/%25%20x"] {
            assert_eq!(stray_percent(text), None, "{text}");
        }
        for (text, at) in [
            ("%", 0),
            ("/a%", 2),
            ("%4", 0),
            ("%41%4", 3),
            ("%zz", 0),
            ("%4g", 0),
            ("%%41", 0),
            ("%+1", 0),
            ("/%\u{e9}1", 1),
        ] {
            assert_eq!(stray_percent(text), Some(at), "{text}");
        }
    }
}
