//! Handlers of requests that only read.

use axum::http::HeaderMap;
use axum::response::Response;
use serde::Serialize;

use crate::error::ChangeError;
use crate::flags::clients::Client;
use crate::http::answer;
use crate::http::flag_key::FlagKey;
use crate::http::refusal::Refusal;
use crate::http::service::Access;
use crate::shared::Pieces;

pub(crate) async fn flags(Access(environment): Access, headers: HeaderMap) -> Response {
    let view = environment.view();
    answer::tagged(&headers, &view.etag, || {
        let mut pieces = Pieces::default();
        pieces.part(view.frame.clone(), view.line.clone());
        answer::of_pieces(pieces)
    })
}

pub(crate) async fn flag(
    Access(environment): Access,
    FlagKey(key): FlagKey,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let view = environment.view();
    let value =
        view.document.get(&key).ok_or_else(|| ChangeError::NoFlag { key: key.as_ref().to_owned() })?;
    Ok(answer::tagged(&headers, &value.tag(), || answer::json(value.text().to_owned())))
}

pub(crate) async fn history(Access(environment): Access) -> Response {
    let view = environment.view();
    let mut pieces = Pieces::default();
    pieces.text(format!("{{\"revision\":{},\"changes\":", view.revision));
    pieces.all(view.changes(0).await);
    pieces.text("}");
    answer::of_pieces(pieces)
}

pub(crate) async fn clients(Access(environment): Access) -> Response {
    #[derive(Serialize)]
    struct Answer {
        clients: Vec<Client>,
    }
    answer::object(&Answer { clients: environment.clients() })
}

pub(crate) async fn health() -> &'static str {
    "ok"
}
