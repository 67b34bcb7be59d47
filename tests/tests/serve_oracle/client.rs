//! An API client: what it asks, and what it is told.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Instant;

use flagstaff_tests::http::{Event, Events, Request, Response};
use serde_json::{Value, json};

use crate::record::{Asked, Changes, Entry, Outcome, State, Wanted};
use crate::step::{Action, Step};

/// The server as one API key sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Api {
    pub address: SocketAddr,
    pub key: &'static str,
}

impl Api {
    fn send(&self, request: Request) -> Option<Response> {
        request.header("X-API-Key", self.key).try_send(self.address).ok()
    }

    pub(crate) fn get(&self, path: &str) -> Option<Response> {
        self.send(Request::new("GET", path))
    }

    pub(crate) fn flags(&self) -> Option<State> {
        state(&self.get("/api/v1/flags")?.body)
    }

    /// The newest revision, and what is remembered, oldest first.
    pub(crate) fn history(&self) -> Option<(u64, Vec<Entry>)> {
        let answer: Value = serde_json::from_str(&self.get("/api/v1/history")?.body).ok()?;
        let mut entries: Vec<_> = answer["changes"].as_array()?.iter().map(entry).collect();
        entries.reverse();
        Some((answer["revision"].as_u64()?, entries))
    }

    pub(crate) fn stream(&self, path: &str) -> std::io::Result<Events> {
        Events::try_open(&Request::new("GET", path).header("X-API-Key", self.key), self.address)
    }

    /// Does a step. Nothing is recorded of a request that only was to find out what to ask for.
    pub(crate) fn ask(&self, step: &Step) -> Option<Asked> {
        match &step.action {
            Action::Write { keys, guarded } => self.write(step, keys, *guarded),
            Action::Import { flags } => {
                let wanted = (0..*flags).map(|n| (format!("import-{n}"), Some(step.value(n)))).collect();
                Some(self.change(step, Wanted::Write(wanted), None, Request::new("PATCH", "/api/v1/flags")))
            }
            Action::Undo { back, force } => {
                let (_, entries) = self.history()?;
                let revision = entries.iter().rev().nth(*back)?.revision;
                let query = if *force { "?force=true" } else { "" };
                let request = Request::new("POST", &format!("/api/v1/history/{revision}/undo{query}"));
                Some(self.change(step, Wanted::Undo { revision, force: *force }, None, request))
            }
            Action::Read(key) => {
                let sent = Instant::now();
                let answer = self.get(&path(key))?;
                let value = (answer.status == 200).then(|| serde_json::from_str(&answer.body).ok()).flatten();
                let outcome = Outcome::Read(value);
                Some(self.asked(step, Wanted::Read(key.clone()), None, sent, outcome))
            }
            Action::Listen => {
                let sent = Instant::now();
                let (revision, state) = heard(&self.stream("/api/v1/flags/live").ok()?.try_next().ok()??)?;
                Some(self.asked(step, Wanted::Listen, None, sent, Outcome::Heard(revision, state)))
            }
            _ => None,
        }
    }

    fn asked(
        &self,
        step: &Step,
        wanted: Wanted,
        seen: Option<Option<Value>>,
        sent: Instant,
        outcome: Outcome,
    ) -> Asked {
        Asked { place: step.place, wanted, seen, sent, done: Instant::now(), outcome }
    }

    fn write(&self, step: &Step, keys: &[(String, bool)], guarded: bool) -> Option<Asked> {
        let wanted: BTreeMap<_, _> = keys
            .iter()
            .enumerate()
            .map(|(part, (key, set))| (key.clone(), set.then(|| step.value(part))))
            .collect();
        let [(key, set)] = keys else {
            let request = Request::new("PATCH", "/api/v1/flags");
            return Some(self.change(step, Wanted::Write(wanted), None, request));
        };
        let mut request = Request::new(if *set { "PUT" } else { "DELETE" }, &path(key));
        let mut seen = None;
        if guarded {
            let answer = self.get(&path(key))?;
            let value: Option<Value> =
                (answer.status == 200).then(|| serde_json::from_str(&answer.body).ok()).flatten();
            request = match (&value, answer.header("etag")) {
                (Some(_), Some(tag)) => request.header("If-Match", tag),
                _ => request.header("If-None-Match", "*"),
            };
            seen = Some(value);
            std::thread::sleep(step.pause);
        }
        Some(self.change(step, Wanted::Write(wanted), seen, request))
    }

    fn change(&self, step: &Step, wanted: Wanted, seen: Option<Option<Value>>, request: Request) -> Asked {
        let body = match &wanted {
            Wanted::Write(values) if values.len() == 1 => values.values().next().cloned().flatten(),
            Wanted::Write(values) => Some(json!(values)),
            _ => None,
        };
        let request = match body {
            Some(body) => request.header("Content-Type", "application/json").body(body.to_string()),
            None => request,
        };
        let sent = Instant::now();
        let outcome = self.send(request).map_or(Outcome::Unknown, |answer| told(&answer));
        self.asked(step, wanted, seen, sent, outcome)
    }
}

/// Each key by query, which holds for all of them.
fn path(key: &str) -> String {
    let encoded: String = key.bytes().map(|byte| format!("%{byte:02x}")).collect();
    format!("/api/v1/flags/by-key?key={encoded}")
}

fn told(answer: &Response) -> Outcome {
    let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    if answer.status >= 300 {
        let code = body["code"].as_str().unwrap_or_default().to_owned();
        return Outcome::Refused { status: answer.status, code, body };
    }
    let mut found: Changes = match body.get("key").and_then(Value::as_str) {
        Some(key) => BTreeMap::from([(key.to_owned(), (body.get("old").cloned(), body.get("new").cloned()))]),
        None => changes(&body),
    };
    found.retain(|_, (old, new)| old != new);
    Outcome::Made { revision: body["revision"].as_u64().unwrap_or(u64::MAX), changes: found }
}

fn changes(json: &Value) -> Changes {
    let all = json["changes"].as_array().into_iter().flatten();
    all.map(|change| {
        (
            change["key"].as_str().unwrap_or_default().to_owned(),
            (change.get("old").cloned(), change.get("new").cloned()),
        )
    })
    .collect()
}

/// An entry of the history.
pub(crate) fn entry(json: &Value) -> Entry {
    Entry {
        revision: json["revision"].as_u64().unwrap_or(u64::MAX),
        by: json["by"].as_str().unwrap_or_default().to_owned(),
        undoes: json["undoes"].as_u64(),
        changes: changes(json),
    }
}

/// All flags of a text.
pub(crate) fn state(json: &str) -> Option<State> {
    serde_json::from_str(json).ok()
}

/// Revision and flags of an event of the stream of flags.
pub(crate) fn heard(event: &Event) -> Option<(u64, State)> {
    Some((event.id.parse().ok()?, state(&event.data)?))
}
