//! The wire protocol: server-sent events, each with all flags.
//!
//! A stream has no queue of events. It holds the newest view, which all streams share, and encodes nothing while its connection is not
//! ready: a slow client skips versions, because each event replaces all flags.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, USER_AGENT};
use axum::http::{Extensions, HeaderMap, HeaderValue};
use axum::response::Response;
use futures_util::{Stream, stream};
use tokio::sync::watch;

use crate::flags::clients::Connected;
use crate::flags::view::View;
use crate::http::service::{Access, Peer, Service};
use crate::shared::{Gone, Pieces};

/// Characters of a `User-Agent` that are remembered.
const MOST_AGENT: usize = 200;

/// A comment, which shows that the stream is alive.
pub(crate) const HEARTBEAT: Bytes = Bytes::from_static(b": heartbeat\n\n");

struct FlagStream {
    view: watch::Receiver<Arc<View>>,
    stopped: watch::Receiver<bool>,
    heartbeat: Duration,
    connected: Connected,
    /// The revision whose event was started last.
    begun: Option<u64>,
    /// What is left of it.
    pieces: Pieces,
}

pub(crate) async fn flags(
    State(service): State<Arc<Service>>,
    Access(environment): Access,
    extensions: Extensions,
    headers: HeaderMap,
) -> Response {
    let address = extensions.get::<Peer>().map_or(service.address, |peer| peer.0);
    let agent = headers.get(USER_AGENT).map(|agent| String::from_utf8_lossy(agent.as_bytes()));
    let agent = agent.map(|agent| agent.chars().take(MOST_AGENT).collect());
    let stream = FlagStream {
        view: environment.watch(),
        stopped: service.stopped.clone(),
        heartbeat: service.heartbeat,
        connected: environment.streams().connect(address, agent),
        begun: None,
        pieces: Pieces::default(),
    };
    response(stream::unfold(stream, async |mut stream| Some((stream.next().await?, stream))))
}

impl FlagStream {
    /// Waits for what is to be sent next; `None` when the server stops.
    async fn next(&mut self) -> Option<Result<Bytes, Gone>> {
        loop {
            if let Some(piece) = self.pieces.next().await {
                if let (0, Some(revision)) = (self.pieces.len(), self.begun) {
                    self.connected.sent(revision);
                }
                return Some(piece);
            }
            if *self.stopped.borrow() {
                return None;
            }
            let view = self.view.borrow_and_update().clone();
            // A problem with the file makes a new view of the same flags.
            if self.begun != Some(view.revision) {
                self.begun = Some(view.revision);
                self.pieces.all(view.frame.clone());
                continue;
            }
            drop(view);
            tokio::select! {
                _ = self.stopped.changed() => {}
                changed = self.view.changed() => changed.ok()?,
                () = tokio::time::sleep(self.heartbeat) => return Some(Ok(HEARTBEAT)),
            }
        }
    }
}

/// A response of events.
pub(crate) fn response(events: impl Stream<Item = Result<Bytes, Gone>> + Send + 'static) -> Response {
    let mut response = Response::new(Body::from_stream(events));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    // A proxy that buffers responses would buffer this one for ever.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}
