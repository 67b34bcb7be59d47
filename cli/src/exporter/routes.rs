//! The paths.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use flagstaff_reader::{PublisherState, Reader};
use serde_json::json;

use super::metrics;
use super::processes::Processes;
use crate::facts::problems;

/// What OpenMetrics says.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Debug, Clone)]
struct Service {
    readers: Arc<Vec<Reader>>,
    processes: Arc<Processes>,
    publishes: Option<Arc<AtomicBool>>,
}

pub(super) fn router(
    readers: Vec<Reader>,
    processes: Arc<Processes>,
    publishes: Option<Arc<AtomicBool>>,
) -> Router {
    Router::new()
        .route("/healthz", get(health))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .fallback(|| async {
            let error = json!({"error": "no_such_path", "message": "expected /healthz, /readyz or /metrics"});
            response(StatusCode::NOT_FOUND, "application/json", format!("{error}\n"))
        })
        .with_state(Service { readers: Arc::new(readers), processes, publishes })
}

async fn health(State(service): State<Service>) -> Response {
    let publishes = service.publishes.is_some_and(|publishes| publishes.load(Ordering::Relaxed));
    let is_gone = |reader: &Reader| reader.status().publisher == PublisherState::Gone;
    let (status, text) = if publishes && service.readers.iter().any(is_gone) {
        (StatusCode::SERVICE_UNAVAILABLE, "the publisher shows no sign of life")
    } else {
        (StatusCode::OK, "live")
    };
    response(status, "application/json", format!("{}\n", json!({"status": text})))
}

async fn ready(State(service): State<Service>) -> Response {
    let files = service.readers.iter().map(|reader| {
        let status = reader.status();
        json!({
            "file": reader.path().display().to_string(),
            "generation": status.generation.get(),
            "stale": status.is_stale() || status.generation.is_none(),
            "problems": problems(&status),
        })
    });
    let files: Vec<_> = files.collect();
    let is_stale = files.iter().any(|file| file["stale"] != false);
    let (code, state) =
        if is_stale { (StatusCode::SERVICE_UNAVAILABLE, "stale") } else { (StatusCode::OK, "ready") };
    response(code, "application/json", format!("{}\n", json!({"status": state, "files": files})))
}

async fn metrics(State(service): State<Service>) -> Response {
    match metrics::text(&service.readers, &service.processes) {
        Ok(text) => response(StatusCode::OK, OPENMETRICS, text),
        // Writing to memory does not fail.
        Err(error) => response(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", error.to_string()),
    }
}

fn response(status: StatusCode, kind: &'static str, body: String) -> Response {
    (status, [(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-store")], body).into_response()
}
