//! The page, in one file, and its events: flags with their tags and history, who streams, and trouble with the file.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::flags::clients::Clients;
use crate::flags::view::View;
use crate::http::service::{Access, Service};
use crate::http::stream::{HEARTBEAT, response};
use crate::shared::{Gone, Pieces};

/// The page as it is sent: without indentation and comment lines.
static PAGE: LazyLock<String> = LazyLock::new(|| {
    let lines = include_str!("../../page/index.html").lines().map(str::trim_start);
    lines.filter(|line| !line.starts_with("//")).flat_map(|line| [line, "\n"]).collect()
});

/// The page loads nothing, talks to this server only, and cannot be framed.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; \
                      img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(crate) async fn page() -> impl IntoResponse {
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "no-referrer"),
    ];
    (headers, PAGE.as_str())
}

/// What the environment is called, and all environments of the server.
#[derive(Serialize)]
struct Named<'a> {
    name: &'a str,
    names: Vec<&'a str>,
}

struct PageStream {
    view: watch::Receiver<Arc<View>>,
    clients: Clients,
    clients_changed: watch::Receiver<()>,
    stopped: watch::Receiver<bool>,
    heartbeat: Duration,
    /// Revision and tag that were sent last.
    sent: Option<(u64, String)>,
    problem: Option<String>,
    /// What is left to send.
    pieces: Pieces,
    /// Which list of clients was sent last, and whether there is a newer one.
    clients_sent: Option<u64>,
    clients_due: bool,
    /// The earliest time for the next list.
    clients_at: Instant,
    /// Counts the page as open.
    _open: Arc<()>,
}

pub(crate) async fn live(State(service): State<Arc<Service>>, Access(environment): Access) -> Response {
    let mut stream = PageStream {
        view: environment.watch(),
        clients: environment.streams().clone(),
        clients_changed: environment.streams().watch(),
        stopped: service.stopped.clone(),
        heartbeat: service.heartbeat,
        sent: None,
        problem: None,
        pieces: Pieces::default(),
        clients_sent: None,
        clients_due: true,
        clients_at: Instant::now(),
        _open: environment.open_page(),
    };
    // Names only: an API key is known to those who were given it.
    stream.event(
        "environment",
        &Named { name: environment.name(), names: service.names.iter().map(|name| &**name).collect() },
    );
    response(stream::unfold(stream, async |mut stream| Some((stream.next().await?, stream))))
}

impl PageStream {
    async fn next(&mut self) -> Option<Result<Bytes, Gone>> {
        loop {
            if let Some(piece) = self.pieces.next().await {
                return Some(piece);
            }
            if *self.stopped.borrow() {
                return None;
            }
            self.due().await;
            if self.pieces.len() > 0 {
                continue;
            }
            tokio::select! {
                _ = self.stopped.changed() => {}
                changed = self.view.changed() => changed.ok()?,
                changed = self.clients_changed.changed(), if !self.clients_due => {
                    changed.ok()?;
                    self.clients_due = true;
                }
                () = tokio::time::sleep_until(self.clients_at), if self.clients_due => {}
                () = tokio::time::sleep(self.heartbeat) => return Some(Ok(HEARTBEAT)),
            }
        }
    }

    /// Queues the events that are due now.
    async fn due(&mut self) {
        let view = self.view.borrow_and_update().clone();
        let now = (view.revision, view.etag.clone());
        if self.sent.as_ref() != Some(&now) {
            let since = self.sent.as_ref().map_or(0, |(revision, _)| *revision);
            self.flags(&view, since).await;
            self.sent = Some(now);
        }
        if self.problem != view.problem {
            self.problem.clone_from(&view.problem);
            self.event("problem", &BTreeMap::from([("error", &view.problem)]));
        }
        if self.clients_due && Instant::now() >= self.clients_at {
            // In this order, so that a later change is not missed.
            self.clients_changed.mark_unchanged();
            let list = self.clients.shown();
            self.clients_due = !list.is_newest;
            self.clients_at = list.next.into();
            if self.clients_sent != Some(list.version) {
                self.clients_sent = Some(list.version);
                self.pieces.all(list.event);
            }
        }
    }

    /// The event of flags: its large parts are those that other pages get too.
    async fn flags(&mut self, view: &Arc<View>, since: u64) {
        let (tags, changes) = (view.tags().await, view.changes(since).await);
        let (revision, etag) = (view.revision, &view.etag);
        self.pieces
            .text(format!("event: flags\ndata: {{\"revision\":{revision},\"etag\":\"{etag}\",\"flags\":"));
        self.pieces.part(view.frame.clone(), view.line.clone());
        self.pieces.text(",\"tags\":");
        self.pieces.all(tags);
        self.pieces.text(",\"history\":");
        self.pieces.all(changes);
        self.pieces.text("}\n\n");
    }

    /// A small event. JSON as it is written here has no line ends.
    fn event(&mut self, name: &str, data: &impl Serialize) {
        // Texts, numbers and JSON can always be written.
        let data = serde_json::to_string(data).unwrap_or_default();
        self.pieces.text(format!("event: {name}\ndata: {data}\n\n"));
    }
}
