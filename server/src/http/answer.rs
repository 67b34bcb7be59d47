//! What somebody gets whose request is done.

use std::collections::BTreeMap;

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::flags::change::FlagChange;
use crate::flags::condition::Tags;
use crate::flags::environment::Applied;
use crate::flags::value::FlagValue;
use crate::shared::{PIECE, Pieces, Shared};

/// JSON that is ready. What is large is given up if too much of that waits for clients that do not read.
pub(crate) fn json(body: impl Into<Bytes>) -> Response {
    let body = body.into();
    if body.len() > PIECE { shared(Shared::passing(body)) } else { with_type(Body::from(body)) }
}

/// JSON that others get as well.
pub(crate) fn shared(text: Shared) -> Response {
    let mut pieces = Pieces::default();
    pieces.all(text);
    of_pieces(pieces)
}

/// JSON in pieces.
pub(crate) fn of_pieces(pieces: Pieces) -> Response {
    let length = pieces.len();
    let body = stream::unfold(pieces, async |mut pieces| Some((pieces.next().await?, pieces)));
    let mut response = with_type(Body::from_stream(body));
    response.headers_mut().insert(CONTENT_LENGTH, length.into());
    response
}

fn with_type(body: Body) -> Response {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Something as JSON.
pub(crate) fn object(value: &impl Serialize) -> Response {
    // Texts, numbers and JSON can always be written.
    json(serde_json::to_string(value).unwrap_or_default())
}

/// JSON with its tag, or 304 for those who have it.
pub(crate) fn tagged(headers: &HeaderMap, tag: &str, body: impl FnOnce() -> Response) -> Response {
    let known = crate::http::guard::joined(headers, "if-none-match")
        .is_some_and(|header| Tags::parse(&header).names(tag));
    let mut response = if known { StatusCode::NOT_MODIFIED.into_response() } else { body() };
    set_tag(&mut response, tag);
    response
}

fn set_tag(response: &mut Response, tag: &str) {
    // Hexadecimal digits are fit for a header.
    if let Ok(value) = HeaderValue::from_str(&format!("\"{tag}\"")) {
        response.headers_mut().insert(ETAG, value);
    }
}

/// What a change of one flag, or its removal, did. The tag of the response is that of the flag, as in an answer to GET.
pub(crate) fn of_flag(key: &str, applied: &Applied) -> Response {
    #[derive(Serialize)]
    struct Answer<'a> {
        revision: u64,
        etag: &'a str,
        key: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        old: Option<&'a RawValue>,
        #[serde(skip_serializing_if = "Option::is_none")]
        new: Option<&'a RawValue>,
        tags: BTreeMap<&'a str, String>,
    }
    let change = applied.changes.first();
    let now = applied.view.document.get(key);
    let old = match change {
        Some(change) => change.old.as_ref(),
        None => now,
    };
    let new = change.map_or(now, |change| change.new.as_ref());
    let tag = new.map(FlagValue::tag);
    let mut response = object(&Answer {
        revision: applied.view.revision,
        etag: &applied.view.etag,
        key,
        old: old.map(FlagValue::json),
        new: new.map(FlagValue::json),
        tags: tag.iter().map(|tag| (key, tag.clone())).collect(),
    });
    if change.is_some_and(|change| change.old.is_none()) {
        *response.status_mut() = StatusCode::CREATED;
    }
    if let Some(tag) = tag {
        set_tag(&mut response, &tag);
    }
    response
}

/// What a change of several flags did. The tag of the response is that of all flags.
pub(crate) fn of_flags(applied: &Applied, undoes: Option<u64>) -> Response {
    #[derive(Serialize)]
    struct Answer<'a> {
        revision: u64,
        etag: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        undoes: Option<u64>,
        changes: &'a [FlagChange],
        tags: BTreeMap<&'a str, String>,
    }
    let tag = |change: &'_ FlagChange| change.new.as_ref().map(FlagValue::tag);
    let tags = applied.changes.iter().filter_map(|change| Some((&*change.key, tag(change)?))).collect();
    let etag = &applied.view.etag;
    let mut response =
        object(&Answer { revision: applied.view.revision, etag, undoes, changes: &applied.changes, tags });
    set_tag(&mut response, etag);
    response
}
