//! Responses of successful requests.

use std::collections::BTreeMap;

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::flags::change::FlagChange;
use crate::flags::environment::Applied;
use crate::flags::value::FlagValue;
use crate::http::headers;
use crate::shared::{PIECE, Pieces, Shared};

/// A JSON response. A large one may be freed if too much is waiting for clients that do not read.
pub(crate) fn json(body: impl Into<Bytes>) -> Response {
    let body = body.into();
    if body.len() > PIECE { shared(Shared::passing(body)) } else { with_type(Body::from(body)) }
}

/// A JSON response that is shared with other connections.
pub(crate) fn shared(text: Shared) -> Response {
    let mut pieces = Pieces::default();
    pieces.all(text);
    of_pieces(pieces)
}

/// A JSON response in pieces.
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

/// A value as a JSON response.
pub(crate) fn object(value: &impl Serialize) -> Response {
    // Texts, numbers and JSON can always be written.
    json(serde_json::to_string(value).unwrap_or_default())
}

/// A response with its tag, or 304 for clients that have it.
pub(crate) fn tagged(request: &HeaderMap, tag: &str, body: impl FnOnce() -> Response) -> Response {
    let mut response =
        if headers::knows(request, tag) { StatusCode::NOT_MODIFIED.into_response() } else { body() };
    headers::set_tag(&mut response, tag);
    response
}

/// The result of a change or removal of one flag. `ETag` is that of the flag, as in a response to GET.
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
        headers::set_tag(&mut response, &tag);
    }
    response
}

/// The result of a change of several flags. `ETag` is that of all flags.
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
    headers::set_tag(&mut response, etag);
    response
}
