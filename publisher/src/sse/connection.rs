//! One connection: from the request to its end.

use std::fmt;
use std::io::Read;
use std::sync::Arc;
use std::time::SystemTime;

use ureq::BodyReader;
use ureq::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use super::agent;
use super::api_key::ApiKey;
use super::endpoint::Endpoint;
use super::event::Item;
use super::failure::{Failure, RedirectRefusal};
use super::key_header;
use super::options::StreamOptions;
use super::origin::Origin;
use super::parser::Parser;
use super::redirect::{Hop, KeyUse, MAX_REDIRECTS};
use super::retry_after::parse_retry_after;
use super::silence::Silence;
use super::ureq_error;
use crate::stopper::{Registration, Stopper};

/// Most bytes that one read takes.
pub(super) const CHUNK_BYTES: usize = 64 * 1024;

/// An open stream.
pub struct Connection {
    /// `None` after the end, so that the socket closes at once.
    source: Option<Source>,
    buffer: Vec<u8>,
    parser: Parser,
    /// What ends the connection once the items before it were handed out.
    ends_with: Option<Failure>,
    origin: String,
    options: StreamOptions,
    stopper: Stopper,
}

struct Source {
    body: BodyReader<'static>,
    silence: Silence,
    _registration: Registration,
}

impl Connection {
    /// Asks for the stream and waits for the response headers. A key file is read again first.
    ///
    /// Up to five redirects are followed. The key is sent again only while scheme, host and port stay the same.
    ///
    /// # Errors
    /// When there is no response, or it is anything but status 200 with an event stream.
    pub fn open(
        endpoint: &Endpoint,
        last_event_id: Option<&str>,
        stopper: &Stopper,
    ) -> Result<Connection, Failure> {
        Connection::try_open(endpoint, last_event_id.unwrap_or(""), stopper)
            .map_err(|failure| if stopper.is_stopped() { Failure::Stopped } else { failure })
    }

    fn try_open(endpoint: &Endpoint, last_event_id: &str, stopper: &Stopper) -> Result<Connection, Failure> {
        let options = endpoint.options();
        let key = endpoint.api_key()?;
        let mut hop = Hop { target: endpoint.url().clone(), key: KeyUse::Send };
        for _ in 0..=MAX_REDIRECTS {
            let origin = Origin::of(&hop.target).ok_or_else(|| no_location(&key))?;
            let shown = key.redact(origin.to_string().as_bytes());
            let sent_key = (hop.key == KeyUse::Send).then(|| key.clone());
            let headers = request_headers(sent_key.as_ref(), last_event_id);
            let silence = Silence::default();
            let agent = agent::for_request(&origin, sent_key, options, stopper, &silence)?;
            let stopped = agent.clone();
            let registration = stopper.register(move || stopped.shutdown()).ok_or(Failure::Stopped)?;
            let mut request = agent.get(hop.target.clone());
            for (name, value) in headers {
                request = request.header(name, value);
            }
            let response = request.call().map_err(|error| ureq_error::failure(error, &shown, options))?;
            match response.status() {
                StatusCode::OK => {
                    check_headers(response.headers(), &key)?;
                    return Ok(Connection {
                        source: Some(Source {
                            body: response.into_body().into_reader(),
                            silence,
                            _registration: registration,
                        }),
                        buffer: vec![0; CHUNK_BYTES],
                        parser: Parser::with_last_event_id(options.max_event_bytes, last_event_id),
                        ends_with: None,
                        origin: shown,
                        options: options.clone(),
                        stopper: stopper.clone(),
                    });
                }
                StatusCode::NO_CONTENT => return Err(Failure::NoContent),
                status if matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) => {
                    let location = response.headers().get(header::LOCATION).map(HeaderValue::as_bytes);
                    let next = hop.follow(location, &key).map_err(|reason| Failure::Redirect { reason })?;
                    if hop.key == KeyUse::Send && next.key == KeyUse::Withhold {
                        tracing::warn!(from = %shown, "redirected to another origin, going on without the api key");
                    }
                    hop = next;
                }
                status => {
                    let retry_after =
                        response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
                    return Err(Failure::Status {
                        code: status.as_u16(),
                        retry_after: retry_after.and_then(|text| parse_retry_after(text, SystemTime::now())),
                    });
                }
            }
        }
        Err(Failure::Redirect { reason: RedirectRefusal::TooMany { limit: MAX_REDIRECTS } })
    }

    /// Waits for bytes, at most `CHUNK_BYTES`, and adds the items that they complete to `items`, oldest first.
    ///
    /// It returns as soon as any byte came, so it may add nothing: also that is a sign of life. All items of one call were
    /// there at the same time; who wants the newest event only may skip the older ones. Comments that follow each other are
    /// one item, so a call adds a bounded number.
    ///
    /// # Errors
    /// When the stream ended, broke, was silent for too long, was stopped, or brought something too large. The connection is
    /// closed then, and an unfinished event is dropped. Complete ones before that were added by an earlier call.
    pub fn next_items(&mut self, items: &mut Vec<Item>) -> Result<(), Failure> {
        let result = self.read_items(items);
        if result.is_err() {
            self.source = None;
        }
        match result {
            Err(_) if self.stopper.is_stopped() => Err(Failure::Stopped),
            result => result,
        }
    }

    fn read_items(&mut self, items: &mut Vec<Item>) -> Result<(), Failure> {
        if let Some(failure) = self.ends_with.take() {
            return Err(failure);
        }
        let Some(source) = &mut self.source else {
            return Err(Failure::Ended);
        };
        source.silence.begins();
        let read = source.body.read(&mut self.buffer);
        let count = read.map_err(|error| ureq_error::read_failure(error, &self.origin, &self.options))?;
        if count == 0 {
            return Err(Failure::Ended);
        }
        let mut chunk = &self.buffer[..count];
        let first = items.len();
        while let Some(item) = self.parser.next_item(&mut chunk) {
            match item {
                Item::TooLarge { part, limit } => {
                    self.ends_with = Some(Failure::EventTooLarge { part, limit });
                }
                Item::Comment if items[first..].last() == Some(&Item::Comment) => {}
                item => items.push(item),
            }
        }
        // Nothing to hand out before it: no reason to wait for another call.
        if items.len() == first
            && let Some(failure) = self.ends_with.take()
        {
            return Err(failure);
        }
        Ok(())
    }

    /// The id to give to [`open`](Connection::open) next time; empty when there is none.
    #[must_use]
    pub fn last_event_id(&self) -> &Arc<str> {
        self.parser.last_event_id()
    }

    /// Gives the buffer of an event back for the next one.
    pub fn recycle(&mut self, data: String) {
        self.parser.recycle(data);
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("origin", &self.origin)
            .field("open", &self.source.is_some())
            .finish_non_exhaustive()
    }
}

fn request_headers(key: Option<&ApiKey>, last_event_id: &str) -> Vec<(HeaderName, HeaderValue)> {
    let mut headers = vec![
        (header::ACCEPT, HeaderValue::from_static("text/event-stream")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    headers.extend(key.and_then(key_header::placeholder).map(|value| (key_header::NAME, value)));
    if !last_event_id.is_empty() {
        // An id with control characters cannot be sent; the server then starts from its newest state.
        let id = HeaderValue::from_bytes(last_event_id.as_bytes()).ok();
        headers.extend(id.map(|value| (HeaderName::from_static("last-event-id"), value)));
    }
    headers
}

/// Only an event stream that can be read opens a connection.
fn check_headers(headers: &HeaderMap, key: &ApiKey) -> Result<(), Failure> {
    let shown = |value: &HeaderValue| key.redact(value.as_bytes());
    // The HTTP layer looks at its limit only while it waits for more of a head.
    let bytes: usize =
        headers.iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len()).sum();
    if bytes > agent::MAX_HEADER_BYTES {
        return Err(Failure::HeaderTooLarge { limit: agent::MAX_HEADER_BYTES });
    }
    // Of a coding below the chunks, the parser would see packed bytes, and find no event in them for ever.
    let codings = headers
        .get_all(header::TRANSFER_ENCODING)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let mut codings = codings.map(<[u8]>::trim_ascii).filter(|coding| !coding.is_empty());
    if let Some(other) = codings.find(|coding| !coding.eq_ignore_ascii_case(b"chunked")) {
        return Err(Failure::ContentEncoding { found: key.redact(other) });
    }
    let content_type = headers.get(header::CONTENT_TYPE);
    let essence = content_type.and_then(|value| value.as_bytes().split(|byte| *byte == b';').next());
    if !essence.is_some_and(|essence| essence.trim_ascii().eq_ignore_ascii_case(b"text/event-stream")) {
        return Err(Failure::ContentType { found: content_type.map(shown) });
    }
    // Gzip is undone, and the header gone, before this place. What is left is unreadable.
    match headers.get(header::CONTENT_ENCODING) {
        Some(encoding) if !encoding.as_bytes().eq_ignore_ascii_case(b"identity") => {
            Err(Failure::ContentEncoding { found: shown(encoding) })
        }
        _ => Ok(()),
    }
}

fn no_location(key: &ApiKey) -> Failure {
    Failure::Redirect { reason: RedirectRefusal::BadLocation { found: key.redact(b"not http") } }
}

#[cfg(test)]
#[path = "connection_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "connection_limit_tests.rs"]
mod limit_tests;

#[cfg(test)]
#[path = "connection_stop_tests.rs"]
mod stop_tests;

#[cfg(test)]
#[path = "connection_key_tests.rs"]
mod key_tests;

#[cfg(test)]
#[path = "connection_redirect_tests.rs"]
mod redirect_tests;
