//! The HTTP API, path by path.

use std::sync::Arc;

use axum::Router;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use crate::http::guard::guard;
use crate::http::refusal::Refusal;
use crate::http::service::Service;
use crate::http::{flag_key, page, read_handlers, stream, write_handlers};

pub(crate) fn router(service: Arc<Service>) -> Router {
    let flag = get(read_handlers::flag).put(write_handlers::put).delete(write_handlers::delete);
    Router::new()
        .route("/", get(page::page))
        .route("/healthz", get(read_handlers::health))
        .route("/api/v1/flags", get(read_handlers::flags).patch(write_handlers::patch))
        .route("/api/v1/flags/live", get(stream::flags))
        .route(flag_key::PATH, flag.clone())
        .route(&format!("{}/", flag_key::PATH), flag.clone())
        .route(&format!("{}/{{key}}", flag_key::PATH), flag)
        .route("/api/v1/history", get(read_handlers::history))
        .route("/api/v1/history/{revision}/undo", post(write_handlers::undo))
        .route("/api/v1/clients", get(read_handlers::clients))
        .route("/api/v1/page/live", get(page::live))
        .fallback(nothing)
        .method_not_allowed_fallback(other_method)
        .layer(from_fn_with_state(service.clone(), guard))
        .with_state(service)
}

async fn nothing(uri: Uri) -> Refusal {
    let text = format!(
        "there is nothing at {:?}; all flags are at /api/v1/flags, one flag is at {}/<key>, with a slash in its key as %2F",
        uri.path(),
        flag_key::PATH
    );
    Refusal::new(StatusCode::NOT_FOUND, "no_such_path", text)
}

async fn other_method(method: Method, uri: Uri) -> Refusal {
    let text = format!("{method} is not allowed at {:?}; the header Allow lists what is", uri.path());
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", text)
}
