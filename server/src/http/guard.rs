//! Who may ask: looked at before anything else of a request.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, ORIGIN, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::http::refusal::Refusal;
use crate::http::routes::Service;
use crate::http::{origin, request_form};

/// Where a request comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// All values of a header, with commas between them.
pub(crate) fn joined(headers: &HeaderMap, name: &str) -> Option<String> {
    let values: Vec<_> =
        headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    (!values.is_empty()).then(|| values.join(","))
}

/// Passes a request on, or refuses it. No answer is kept by anybody on the way.
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
    let host = request_form::host(request)?;
    request_form::check_encoding(request.uri())?;
    // A request for a proxy has a second name, which counts for those that look at it.
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
            let wrong = if found.is_some() { "this is not the token" } else { "no token" };
            let text = format!("{wrong}; send that of the server as Authorization: Bearer <token>");
            Err(Refusal::new(StatusCode::UNAUTHORIZED, "token_needed", text))
        }
    }
}
