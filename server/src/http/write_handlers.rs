//! Handlers of requests that change flags.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, RawQuery, State};
use axum::http::{Extensions, HeaderMap, StatusCode};
use axum::response::Response;

use crate::error::ChangeError;
use crate::flags::change::{Author, By};
use crate::flags::edit::{Condition, Edit};
use crate::flags::environment::{Applied, Environment, merge};
use crate::flags::value::FlagValue;
use crate::http::answer;
use crate::http::flag_key::FlagKey;
use crate::http::headers;
use crate::http::refusal::Refusal;
use crate::http::request_body::JsonText;
use crate::http::service::{Access, Peer, Service};

/// Time for a change in progress when the server stops.
const LAST_CHANGE: Duration = Duration::from_millis(50);

pub(crate) async fn put(
    State(service): State<Arc<Service>>,
    Access(environment): Access,
    FlagKey(key): FlagKey,
    extensions: Extensions,
    headers: HeaderMap,
    body: JsonText,
) -> Result<Response, Refusal> {
    let of = key.clone();
    let edit = move || Ok(Edit::Set { value: FlagValue::parse(&of, &body.text)?, key: of });
    let how = how(By::Api, &headers, &extensions);
    change(&service, environment, how, edit, move |applied| answer::of_flag(&key, applied)).await
}

pub(crate) async fn delete(
    State(service): State<Arc<Service>>,
    Access(environment): Access,
    FlagKey(key): FlagKey,
    extensions: Extensions,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let edit = Edit::Remove { key: key.clone() };
    let how = how(By::Api, &headers, &extensions);
    change(&service, environment, how, || Ok(edit), move |applied| answer::of_flag(&key, applied)).await
}

pub(crate) async fn patch(
    State(service): State<Arc<Service>>,
    Access(environment): Access,
    extensions: Extensions,
    headers: HeaderMap,
    body: JsonText,
) -> Result<Response, Refusal> {
    let how = how(By::Api, &headers, &extensions);
    let edit = move || merge(&body.text);
    change(&service, environment, how, edit, |applied| answer::of_flags(applied, None)).await
}

pub(crate) async fn undo(
    State(service): State<Arc<Service>>,
    Access(environment): Access,
    Path(revision): Path<String>,
    RawQuery(query): RawQuery,
    extensions: Extensions,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let Ok(revision) = revision.parse() else {
        let text = format!("revision is {revision:?}, expected a number from the history");
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "bad_revision", text));
    };
    let force = match query.as_deref() {
        None | Some("" | "force=false") => false,
        Some("force" | "force=" | "force=true" | "force=1") => true,
        Some(found) => {
            let text = format!("query is {found:?}, expected force=true or nothing");
            return Err(Refusal::new(StatusCode::BAD_REQUEST, "bad_query", text));
        }
    };
    let how = how(By::Undo, &headers, &extensions);
    let edit = move || Ok(Edit::Undo { revision, force });
    change(&service, environment, how, edit, move |applied| answer::of_flags(applied, Some(revision))).await
}

/// The condition of a requested change, and its author.
fn how(by: By, request: &HeaderMap, extensions: &Extensions) -> (Condition, Author) {
    let is_page = request.get("x-flagstaff-by").is_some_and(|by| by == "page");
    let by = if by == By::Api && is_page { By::Page } else { by };
    let from = extensions.get::<Peer>().map(|peer| peer.0.ip().to_canonical());
    (headers::condition(request), Author { by, from })
}

/// Makes a change, one at a time for each environment, on a thread that may take its time: from the text that was sent to the text of
/// the answer. When the server ends, a change that takes long is not waited for.
async fn change(
    service: &Service,
    environment: Environment,
    (condition, author): (Condition, Author),
    edit: impl FnOnce() -> Result<Edit, ChangeError> + Send + 'static,
    answer: impl FnOnce(&Applied) -> Response + Send + 'static,
) -> Result<Response, Refusal> {
    let mut stopped = service.stopped.clone();
    let ends = async {
        // An error is a server that is gone.
        let _ = stopped.wait_for(|stopped| *stopped).await.is_ok();
        tokio::time::sleep(LAST_CHANGE).await;
    };
    let made = async {
        let turn = environment.turn().await;
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let applied = environment.apply(&edit()?, &condition, author)?;
            Ok::<_, ChangeError>(answer(&applied))
        });
        done.await
    };
    let why = tokio::select! {
        made = made => match made {
            Ok(answer) => return Ok(answer?),
            Err(error) => error.to_string(),
        },
        () = ends => "the server is stopping".to_owned(),
    };
    let text = format!("the request was cut off; check whether the change was made: {why}");
    Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "cut_off", text))
}
