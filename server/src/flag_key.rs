//! The key of a flag, as a path names it.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use percent_encoding::percent_decode_str;

use crate::error::ChangeError;
use crate::refusal::Refusal;

/// Bytes of a key.
const MOST_BYTES: usize = 256;

/// Where keys stand in a path.
pub(crate) const PREFIX: &str = "/api/v1/flags/";

/// Checks the key of a flag that is to be changed.
pub(crate) fn checked(key: &str) -> Result<Arc<str>, ChangeError> {
    let reason = if key.is_empty() {
        "is empty"
    } else if key.len() > MOST_BYTES {
        "is too long"
    } else if key.chars().any(char::is_control) {
        "has control characters"
    } else {
        return Ok(key.into());
    };
    Err(ChangeError::BadKey { reason, most: MOST_BYTES })
}

/// The key that a request's path names. Taken from the path itself, so that it may be the name of another route.
#[derive(Debug)]
pub(crate) struct FlagKey(pub(crate) Arc<str>);

impl<S: Sync> FromRequestParts<S> for FlagKey {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<FlagKey, Refusal> {
        let encoded = parts.uri.path().strip_prefix(PREFIX).unwrap_or_default();
        let key = percent_decode_str(encoded).decode_utf8();
        match key {
            Ok(key) => Ok(FlagKey(checked(&key)?)),
            Err(_) => Err(ChangeError::BadKey { reason: "is not UTF-8", most: MOST_BYTES }.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_1_to_256_bytes_and_no_control_characters() {
        for key in ["a", "a/b c", "é☃", &"x".repeat(256)] {
            assert_eq!(&*checked(key).unwrap(), key);
        }
        for (key, reason) in [
            ("", "is empty"),
            ("a\nb", "has control"),
            ("\u{85}", "has control"),
            (&"x".repeat(257), "is too long"),
        ] {
            let error = checked(key).unwrap_err().to_string();
            assert!(error.starts_with(&format!("flag key {reason}")), "{error}");
        }
    }
}
