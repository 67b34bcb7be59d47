//! Events for the page: flags with their tags and history, who streams, and trouble with the file.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use futures_util::stream;
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::access::Access;
use crate::change::Change;
use crate::clients::Clients;
use crate::routes::Service;
use crate::stream::{HEARTBEAT, response};
use crate::view::View;

/// Time between two lists of clients at least: a thousand that connect at once are not a thousand lists.
const CLIENTS_PAUSE: Duration = Duration::from_millis(200);

struct PageStream {
    view: watch::Receiver<Arc<View>>,
    clients: Clients,
    clients_changed: watch::Receiver<()>,
    stopped: watch::Receiver<bool>,
    heartbeat: Duration,
    /// Revision and tag that were sent last.
    sent: Option<(u64, String)>,
    problem: Option<String>,
    clients_due: bool,
    /// Not before.
    clients_at: Instant,
    /// Says that the page is open.
    _open: Arc<()>,
}

pub(crate) async fn page(State(service): State<Arc<Service>>, Access(environment): Access) -> Response {
    let stream = PageStream {
        view: environment.watch(),
        clients: environment.streams().clone(),
        clients_changed: environment.streams().watch(),
        stopped: service.stopped.clone(),
        heartbeat: service.heartbeat,
        sent: None,
        problem: None,
        clients_due: true,
        clients_at: Instant::now(),
        _open: environment.open_page(),
    };
    response(stream::unfold(stream, async |mut stream| Some((stream.next().await?, stream))))
}

impl PageStream {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if *self.stopped.borrow() {
                return None;
            }
            let events = self.due();
            if !events.is_empty() {
                return Some(events.into());
            }
            tokio::select! {
                _ = self.stopped.changed() => {}
                changed = self.view.changed() => changed.ok()?,
                changed = self.clients_changed.changed(), if !self.clients_due => {
                    changed.ok()?;
                    self.clients_due = true;
                }
                () = tokio::time::sleep_until(self.clients_at), if self.clients_due => {}
                () = tokio::time::sleep(self.heartbeat) => return Some(HEARTBEAT),
            }
        }
    }

    /// The events that are due now.
    fn due(&mut self) -> String {
        let mut out = String::new();
        let view = self.view.borrow_and_update().clone();
        let now = (view.revision, view.etag.clone());
        if self.sent.as_ref() != Some(&now) {
            let since = self.sent.as_ref().map_or(0, |(revision, _)| *revision);
            event(&mut out, "flags", &Flags::of(&view, since));
            self.sent = Some(now);
        }
        if self.problem != view.problem {
            self.problem.clone_from(&view.problem);
            event(&mut out, "problem", &BTreeMap::from([("error", &view.problem)]));
        }
        if self.clients_due && Instant::now() >= self.clients_at {
            self.clients_due = false;
            self.clients_at = Instant::now() + CLIENTS_PAUSE;
            self.clients_changed.mark_unchanged();
            event(&mut out, "clients", &BTreeMap::from([("clients", self.clients.all())]));
        }
        out
    }
}

#[derive(Serialize)]
struct Flags<'a> {
    revision: u64,
    etag: &'a str,
    flags: &'a RawValue,
    tags: BTreeMap<&'a str, String>,
    history: Vec<&'a Change>,
}

impl<'a> Flags<'a> {
    fn of(view: &'a View, since: u64) -> Flags<'a> {
        // The line is JSON that was made by this program.
        let flags = serde_json::from_slice(&view.line).unwrap_or(RawValue::NULL);
        let tags = view.document.iter().map(|(key, value)| (&**key, value.tag())).collect();
        Flags { revision: view.revision, etag: &view.etag, flags, tags, history: view.history.since(since) }
    }
}

/// Appends an event. JSON as it is written here has no line ends.
fn event(out: &mut String, name: &str, data: &impl Serialize) {
    // Texts, numbers and JSON can always be written.
    let data = serde_json::to_string(data).unwrap_or_default();
    out.push_str(&format!("event: {name}\ndata: {data}\n\n"));
}
