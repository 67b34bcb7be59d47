//! Error responses.

use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use flagstaff_publisher::payload::PayloadError;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::{RawValue, to_raw_value};

use crate::error::{ChangeError, with_causes};
use crate::http::answer;

/// The authentication scheme for API keys: specific to this server, with the name of the header.
const API_KEY_SCHEME: &str = "ApiKey header=\"X-API-Key\"";

/// A status, a sentence for people, a code for programs, and more fields.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    code: &'static str,
    error: String,
    fields: Vec<(&'static str, Box<RawValue>)>,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, code: &'static str, error: impl Into<String>) -> Refusal {
        Refusal { status, code, error: error.into(), fields: Vec::new() }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Serialize) -> Refusal {
        // Texts, numbers and JSON can always be written.
        self.fields.extend(to_raw_value(&value).ok().map(|value| (name, value)));
        self
    }
}

impl Serialize for Refusal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("error", &self.error)?;
        map.serialize_entry("code", self.code)?;
        for (name, value) in &self.fields {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = serde_json::to_string(&self).unwrap_or_default();
        let mut response = answer::json(body);
        *response.status_mut() = self.status;
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            // Required by RFC 9110. Browsers open a dialog only for schemes that they know, such as Basic.
            let scheme = if self.code == "token_needed" { "Bearer" } else { API_KEY_SCHEME };
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(scheme));
        }
        response
    }
}

impl From<ChangeError> for Refusal {
    fn from(error: ChangeError) -> Refusal {
        let text = with_causes(&error);
        let new = |status, code| Refusal::new(status, code, text.clone());
        match error {
            ChangeError::BadKey { .. } => new(StatusCode::BAD_REQUEST, "bad_key"),
            ChangeError::Payload(error) => of_payload(&error, text),
            ChangeError::TooLarge { found, limit } => {
                new(StatusCode::PAYLOAD_TOO_LARGE, "too_large").with("bytes", found).with("limit", limit)
            }
            ChangeError::NoFlag { key } => new(StatusCode::NOT_FOUND, "no_flag").with("key", key),
            ChangeError::Precondition { etag, revision, current } => {
                let refusal = new(StatusCode::PRECONDITION_FAILED, "precondition_failed");
                let refusal = refusal.with("etag", etag).with("revision", revision);
                match current {
                    Some(current) => refusal.with("current", current),
                    None => refusal,
                }
            }
            ChangeError::ChangedSince { keys } => {
                let keys: Vec<&str> = keys.iter().map(|key| &**key).collect();
                new(StatusCode::CONFLICT, "changed_since").with("keys", keys)
            }
            ChangeError::NotRemembered { revision } => {
                new(StatusCode::NOT_FOUND, "not_remembered").with("revision", revision)
            }
            ChangeError::FileBusy => new(StatusCode::CONFLICT, "file_busy"),
            ChangeError::Stopping => new(StatusCode::SERVICE_UNAVAILABLE, "stopping"),
            ChangeError::FileUnusable { .. } => new(StatusCode::CONFLICT, "file_unusable"),
            ChangeError::NotKept { source, .. } => {
                let full = matches!(
                    source.kind(),
                    std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded
                );
                let status =
                    if full { StatusCode::INSUFFICIENT_STORAGE } else { StatusCode::INTERNAL_SERVER_ERROR };
                new(status, "not_kept")
            }
        }
    }
}

fn of_payload(error: &PayloadError, text: String) -> Refusal {
    let bad = |code| Refusal::new(StatusCode::BAD_REQUEST, code, text.clone());
    match error {
        PayloadError::NotJson { line, column, .. } => {
            bad("bad_json").with("line", line).with("column", column)
        }
        PayloadError::NotUtf8 { at, .. } => bad("not_utf8").with("offset", at),
        PayloadError::TooDeep { limit, .. } => bad("too_deep").with("levels", limit),
        PayloadError::TooLarge { found, limit } => {
            Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", text)
                .with("bytes", found)
                .with("limit", limit)
        }
        // An object was expected.
        _ => bad("not_an_object"),
    }
}
