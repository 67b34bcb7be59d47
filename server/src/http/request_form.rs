//! Whether a request is one by the rules of HTTP and of URLs, where two readers of it could understand two things.

use axum::extract::Request;
use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::http::{StatusCode, Uri, Version};

use crate::http::refusal::Refusal;

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

/// Refuses a path or query with a `%` that encodes nothing: one reader takes it for itself, the next one for the beginning of a byte.
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
