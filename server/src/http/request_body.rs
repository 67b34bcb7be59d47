//! The body of a write request: JSON text.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, EXPECT};
use axum::http::{HeaderMap, StatusCode};
use flagstaff_publisher::payload::{DEFAULT_MAX_PAYLOAD, PayloadError};
use futures_util::StreamExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{ChangeError, with_causes};
use crate::http::refusal::Refusal;
use crate::http::service::Service;

/// Bytes of a body: as many as all flags together may have, and some white space.
const MOST_BYTES: usize = DEFAULT_MAX_PAYLOAD + 64 * 1024;

/// Bytes that are read of a body that is too large already.
const MOST_THROWN_AWAY: usize = 64 * 1024 * 1024;

/// Time for a body to arrive.
const PATIENCE: Duration = Duration::from_secs(30);

/// Bodies up to this size do not count towards the common bound.
const SMALL: usize = 16 * 1024;

/// Bytes that are asked for at once.
const STEP: usize = 64 * 1024;

/// Bytes of all bodies together that have arrived and are not done with, apart from small ones. In steps.
const MOST_STEPS: usize = 32 * 1024 * 1024 / STEP;

/// Room for bodies.
pub(crate) fn room() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(MOST_STEPS))
}

/// A body that may be JSON.
#[derive(Debug)]
pub(crate) struct JsonText {
    pub(crate) text: String,
    /// Returned when the text is no longer needed.
    _room: Vec<OwnedSemaphorePermit>,
}

impl FromRequest<Arc<Service>> for JsonText {
    type Rejection = Refusal;

    async fn from_request(request: Request, service: &Arc<Service>) -> Result<JsonText, Refusal> {
        let (parts, body) = request.into_parts();
        if let Some(found) = other_type(&parts.headers) {
            let text = format!(
                "the body is said to be {found:?}, expected application/json; with curl add -H 'Content-Type: application/json'"
            );
            return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json_type", text));
        }
        let length = parts.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        // Whoever asks first has sent nothing yet.
        if parts.headers.contains_key(EXPECT) && length.is_some_and(|length: usize| length > MOST_BYTES) {
            return Err(too_large());
        }
        let mut room = Vec::new();
        let bytes = read(body, &service.room, &mut room).await?;
        String::from_utf8(bytes).map(|text| JsonText { text, _room: room }).map_err(|error| {
            let source = error.utf8_error();
            ChangeError::from(PayloadError::NotUtf8 { at: source.valid_up_to(), source }).into()
        })
    }
}

type Room = Vec<OwnedSemaphorePermit>;

async fn read(body: Body, all: &Arc<Semaphore>, room: &mut Room) -> Result<Vec<u8>, Refusal> {
    match tokio::time::timeout(PATIENCE, gather(body, all, room)).await {
        Ok(Ok(bytes)) if bytes.len() > MOST_BYTES => Err(too_large()),
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(None)) => Err(Refusal::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "busy",
            "too many large bodies arrive at the same time; send it again in a second",
        )),
        Ok(Err(Some(error))) => Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "body_cut_off",
            format!("the body did not arrive completely: {}", with_causes(&error)),
        )),
        Err(late) => Err(Refusal::new(
            StatusCode::REQUEST_TIMEOUT,
            "body_late",
            format!("the body did not arrive within {} s: {late}", PATIENCE.as_secs()),
        )),
    }
}

/// The body, or the beginning of one that is too large. Of that, some more is read and thrown away: a connection that is closed while its
/// client still sends is reset, and then the client never sees why. An error without a cause: there is no room.
async fn gather(body: Body, all: &Arc<Semaphore>, room: &mut Room) -> Result<Vec<u8>, Option<axum::Error>> {
    let (mut bytes, mut thrown_away) = (Vec::new(), 0);
    let mut is_refused = false;
    let mut parts = body.into_data_stream();
    while let Some(part) = parts.next().await {
        let part = part?;
        while !is_refused && bytes.len() + part.len() > SMALL + room.len() * STEP && bytes.len() <= MOST_BYTES
        {
            match all.clone().try_acquire_owned() {
                Ok(step) => room.push(step),
                Err(_) => {
                    (bytes, is_refused) = (Vec::new(), true);
                    room.clear();
                }
            }
        }
        if bytes.len() <= MOST_BYTES && !is_refused {
            bytes.extend_from_slice(&part);
        } else {
            thrown_away += part.len();
            if thrown_away > MOST_THROWN_AWAY {
                break;
            }
        }
    }
    if is_refused { Err(None) } else { Ok(bytes) }
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
