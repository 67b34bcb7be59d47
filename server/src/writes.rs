//! Requests that change flags.

use axum::extract::{Path, RawQuery};
use axum::http::{Extensions, HeaderMap, StatusCode};
use axum::response::Response;

use crate::access::Access;
use crate::answer;
use crate::change::{Author, By};
use crate::condition::{Condition, Tags};
use crate::edit::Edit;
use crate::environment::{Applied, Environment, merge};
use crate::error::ChangeError;
use crate::flag_key::FlagKey;
use crate::guard::{Peer, joined};
use crate::refusal::Refusal;
use crate::request_body::JsonText;
use crate::value::FlagValue;

pub(crate) async fn put(
    Access(environment): Access,
    FlagKey(key): FlagKey,
    extensions: Extensions,
    headers: HeaderMap,
    JsonText(text): JsonText,
) -> Result<Response, Refusal> {
    let value = FlagValue::parse(&key, &text).map_err(ChangeError::from)?;
    let edit = Edit::Set { key: key.clone(), value };
    let applied = apply(environment, edit, &headers, &extensions).await?;
    Ok(answer::of_flag(&key, &applied))
}

pub(crate) async fn delete(
    Access(environment): Access,
    FlagKey(key): FlagKey,
    extensions: Extensions,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let applied = apply(environment, Edit::Remove { key: key.clone() }, &headers, &extensions).await?;
    Ok(answer::of_flag(&key, &applied))
}

pub(crate) async fn patch(
    Access(environment): Access,
    extensions: Extensions,
    headers: HeaderMap,
    JsonText(text): JsonText,
) -> Result<Response, Refusal> {
    let applied = apply(environment, merge(&text)?, &headers, &extensions).await?;
    Ok(answer::of_flags(&applied, None))
}

pub(crate) async fn undo(
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
    let applied = apply(environment, Edit::Undo { revision, force }, &headers, &extensions).await?;
    Ok(answer::of_flags(&applied, Some(revision)))
}

/// Makes a change on a thread that may wait for the disk.
async fn apply(
    environment: Environment,
    edit: Edit,
    headers: &HeaderMap,
    extensions: &Extensions,
) -> Result<Applied, Refusal> {
    let tags = |name| joined(headers, name).map(|header| Tags::parse(&header));
    let condition = Condition { if_match: tags("if-match"), if_none_match: tags("if-none-match") };
    let by = match (&edit, headers.get("x-vexil-by")) {
        (Edit::Undo { .. }, _) => By::Undo,
        (_, Some(by)) if by == "page" => By::Page,
        _ => By::Api,
    };
    let from = extensions.get::<Peer>().map(|peer| peer.0.ip().to_canonical());
    let author = Author { by, from };
    let done = tokio::task::spawn_blocking(move || environment.apply(edit, &condition, author)).await;
    match done {
        Ok(applied) => Ok(applied?),
        Err(error) => {
            let text = format!("the change was cut off, look whether it was made: {error}");
            Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "cut_off", text))
        }
    }
}
