//! What somebody sends: JSON text.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use vexil_publisher::payload::{DEFAULT_MAX_PAYLOAD, PayloadError};

use crate::error::ChangeError;
use crate::refusal::Refusal;

/// Bytes of a body: as many as all flags together may have, and some white space.
const MOST_BYTES: usize = DEFAULT_MAX_PAYLOAD + 64 * 1024;

/// For a body to come.
const PATIENCE: Duration = Duration::from_secs(30);

/// A body that may be JSON.
#[derive(Debug)]
pub(crate) struct JsonText(pub(crate) String);

impl<S: Sync> FromRequest<S> for JsonText {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<JsonText, Refusal> {
        let (parts, body) = request.into_parts();
        if let Some(found) = other_type(&parts.headers) {
            let text = format!(
                "the body is said to be {found:?}, expected application/json; with curl add -H 'Content-Type: application/json'"
            );
            return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json_type", text));
        }
        let length = parts.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        if length.is_some_and(|length: u64| length > MOST_BYTES as u64) {
            return Err(too_large().with("bytes", length));
        }
        let bytes = read(body).await?;
        String::from_utf8(bytes).map(JsonText).map_err(|error| {
            let source = error.utf8_error();
            ChangeError::from(PayloadError::NotUtf8 { at: source.valid_up_to(), source }).into()
        })
    }
}

async fn read(body: Body) -> Result<Vec<u8>, Refusal> {
    match tokio::time::timeout(PATIENCE, to_bytes(body, MOST_BYTES)).await {
        Ok(Ok(bytes)) => Ok(bytes.into()),
        Ok(Err(error)) if crate::error::with_causes(&error).contains("limit") => Err(too_large()),
        Ok(Err(error)) => Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "body_cut_off",
            format!("the body did not arrive whole: {}", crate::error::with_causes(&error)),
        )),
        Err(late) => Err(Refusal::new(
            StatusCode::REQUEST_TIMEOUT,
            "body_late",
            format!("the body did not arrive within {} s: {late}", PATIENCE.as_secs()),
        )),
    }
}

fn too_large() -> Refusal {
    let text = format!("the body has more than {MOST_BYTES} bytes; send fewer or smaller flags");
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", text).with("limit", MOST_BYTES)
}

/// The type that a body is said to have, if that is not JSON.
fn other_type(headers: &HeaderMap) -> Option<String> {
    let found = String::from_utf8_lossy(headers.get(CONTENT_TYPE)?.as_bytes()).into_owned();
    let essence = found.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_json = matches!(essence.as_str(), "application/json" | "text/json") || essence.ends_with("+json");
    (!is_json).then_some(found)
}
