//! What a command does. It runs in the publisher, with the state locked.

use std::time::Duration;

use flagstaff_format::printable;
use serde_json::value::RawValue;

use super::command::{Command, Done};
use super::inbox::Request;
use super::overrides::{Now, Override};
use super::state::{Origin, State};
use super::{held, overrides};
use crate::causes::with_causes;
use crate::error::PublishError;
use crate::history::Cause;
use crate::json::{json_of, json_text};
use crate::payload::{decode, members};
use crate::shared::Shared;

/// Bytes of a value, at most; overrides of one file, at most; the longest time.
const MOST_BYTES: usize = 64 * 1024;
const MOST: usize = 1000;
const LONGEST: Duration = Duration::from_secs(30 * 86_400);

pub(super) fn check_time(time: Duration) -> Result<(), String> {
    if time.is_zero() || time > LONGEST {
        return Err(format!("it lasts from 1 s to {} days", LONGEST.as_secs() / 86_400));
    }
    Ok(())
}

/// For the history.
fn cause_of(request: &Request, uid: u32) -> Cause {
    let (event, about, reason) = match &request.command {
        Command::Override { key, reason, .. } => ("overridden", Some(key.clone()), Some(reason.clone())),
        Command::Clear { key } => ("override_cleared", key.clone(), None),
        Command::Rollback { number, reason, .. } => {
            ("rolled_back", Some(number.to_string()), Some(reason.clone()))
        }
        Command::EndRollback => ("rollback_ended", None, None),
        Command::Accept { .. } => ("accepted", None, None),
    };
    Cause { uid: Some(uid), about, reason, ..Cause::new(event, &request.who) }
}

impl Shared {
    pub(super) fn execute(&self, state: &mut State, request: &Request, uid: u32) -> Result<Done, String> {
        let cause = cause_of(request, uid);
        let _because = self.history.because(cause.clone(), || self.newest_for_history());
        let before = self.writer().generation();
        let done = match &request.command {
            Command::Override { .. } => self.set(state, request, uid),
            Command::Rollback { number, time, reason } => {
                self.roll_back(state, request, uid, (*number, *time, reason))
            }
            Command::EndRollback => self.end_rollback(state),
            Command::Clear { key } => self.clear(state, key.as_deref()),
            Command::Accept { digest } => self.accept(state, digest),
        };
        let who = printable(&request.who);
        match &done {
            Ok(done) => {
                tracing::warn!(%who, uid, "by command: {}", printable(&done.text));
                if done.generation == before.0 {
                    // Nothing that readers see.
                    self.history.happened(cause);
                }
            }
            Err(problem) => tracing::warn!(%who, uid, "a command was refused: {}", printable(problem)),
        }
        done
    }

    fn accept(&self, state: &mut State, digest: &str) -> Result<Done, String> {
        let held = state.held.clone().ok_or("no payload is held any more: a later one was published")?;
        if held.digest != digest {
            return Err("another payload is held by now; look at it again before you accept it".to_owned());
        }
        // It may be left from a time of other limits.
        match self.receive_from(state, &held.payload, flagstaff_format::unix_micros(), Origin::Accepted) {
            Ok(_) => Ok(self.done(format!("the held payload is accepted; {}", held.suspicion()))),
            Err(error @ PublishError::File(_)) => Err(format!(
                "the held payload is accepted, but readers do not see it yet, which is tried again: {}",
                with_causes(&error)
            )),
            Err(error) => {
                state.held = None;
                self.holds(false);
                let _ = self.local.side_files.remove(held::FILE);
                Err(error.to_string())
            }
        }
    }

    fn set(&self, state: &mut State, request: &Request, uid: u32) -> Result<Done, String> {
        let Command::Override { key, value, time, reason, force } = &request.command else {
            return Err("no override".to_owned());
        };
        if let Some(problem) = &state.unusable {
            return Err(problem.clone());
        }
        check_time(*time)?;
        if self.writer().generation().0 == 0 {
            return Err("nothing has been published yet, so there is nothing to override".to_owned());
        }
        let source = self.source_value(state, key);
        let (value, kind) = self.value_of(value, source.as_deref())?;
        let problem = match source.as_deref().map(|source| self.kind_of(source)) {
            None => Some("the source has no such flag".to_owned()),
            Some(found) if found != kind => Some(format!("the flag is {found}, and the value {kind}")),
            Some(_) => None,
        };
        if let Some(problem) = problem.filter(|_| !force) {
            return Err(format!("{problem}; with --force it is set all the same"));
        }
        let before = state.overrides.clone();
        if before.find(key).is_none() && before.overrides.len() >= MOST {
            return Err(format!("there are {MOST} overrides already; clear some"));
        }
        // Before the list has any: then the very text of the source is still at hand.
        let text = self.source_of(state);
        let term = request.wait.lasting(*time);
        if !term.holds(&Now::read()) {
            return Err("its time is over already".to_owned());
        }
        state.overrides.overrides.retain(|one| one.key != *key);
        state.overrides.overrides.push(Override {
            key: key.clone(),
            value,
            source,
            reason: reason.clone(),
            who: request.who.clone(),
            uid,
            term,
        });
        // First the file: whoever is killed before readers see it leaves an override that the next publisher shows.
        if let Err(error) = state.save(&self.local.side_files) {
            state.overrides = before;
            // The file is as it was, or will be.
            let path = self.local.side_files.path(overrides::FILE);
            return Err(format!("{} cannot be written, so nothing is overridden: {error}", path.display()));
        }
        state.source = text;
        let key = printable(key);
        match self.publish_merged(state) {
            Ok(()) => Ok(self.done(format!("{key} is overridden for {} s", time.as_secs()))),
            Err(error @ PublishError::File(_)) => Err(format!(
                "{key} is overridden as soon as the file can be written: {}",
                with_causes(&error)
            )),
            Err(error) => {
                state.overrides = before;
                let _ = state.save(&self.local.side_files);
                self.count_overrides(state);
                Err(error.to_string())
            }
        }
    }

    fn clear(&self, state: &mut State, key: Option<&str>) -> Result<Done, String> {
        let is_meant = |one: &Override| key.is_none_or(|key| one.key == key);
        let count = state.overrides.overrides.iter().filter(|one| is_meant(one)).count();
        if count == 0 {
            return Err(match (&state.unusable, key) {
                (Some(problem), _) => problem.clone(),
                (None, Some(key)) => format!("{} is not overridden", printable(key)),
                (None, None) => "nothing is overridden".to_owned(),
            });
        }
        // What the source says is made of what readers have and of all overrides, so before one of them is gone.
        state.source = self.source_of(state);
        let before = state.overrides.clone();
        state.overrides.overrides.retain(|one| !is_meant(one));
        // First readers, then the file: whoever is killed between the two leaves an override that is known, and its command is done again.
        if let Err(error) = self.publish_merged(state) {
            state.overrides = before;
            self.keep_as_it_was(state);
            return Err(format!("readers still see the override: {}", with_causes(&error)));
        }
        let saved = state.save(&self.local.side_files);
        if state.overrides.overrides.is_empty() {
            state.source = None;
        }
        saved.map_err(|error| {
            format!("readers have the source's value, but the file of overrides cannot be written, which is tried again: {error}")
        })?;
        Ok(self.done(format!("{count} override{} cleared", if count == 1 { "" } else { "s" })))
    }

    pub(super) fn publish_merged(&self, state: &State) -> Result<(), PublishError> {
        self.count_overrides(state);
        let Some(source) = &state.source else { return Ok(()) };
        let merged = state.merged(source, &Now::read());
        self.publish(&merged, flagstaff_format::unix_micros(), Origin::Here).map(|_| ())
    }

    /// What could not be published waits for the file, and would come out later although its command was refused.
    pub(super) fn keep_as_it_was(&self, state: &State) {
        let _ = self.publish_merged(state);
    }

    pub(super) fn done(&self, text: String) -> Done {
        Done::new(self.writer().generation(), text)
    }

    /// What the source says about a flag.
    fn source_value(&self, state: &State, key: &str) -> Option<Box<RawValue>> {
        if let Some(known) = state.overrides.find(key) {
            return known.source.clone();
        }
        let current = self.writer().current()?;
        let value = current.value_of(current.find(key))?;
        RawValue::from_string(json_of(&value)).ok()
    }

    /// A value as it was given, as JSON and with its type. Where the flag is a text, everything that is no JSON text stands for itself.
    fn value_of(
        &self,
        given: &str,
        source: Option<&RawValue>,
    ) -> Result<(Box<RawValue>, &'static str), String> {
        if given.len() > MOST_BYTES {
            return Err(format!("the value has more than {MOST_BYTES} bytes"));
        }
        let is_text = source.is_some_and(|source| source.get().starts_with('"'));
        let is_quoted = given.trim_start().starts_with('"');
        let json = if is_text && !is_quoted { json_text(given) } else { given.trim().to_owned() };
        let value = RawValue::from_string(json)
            .map_err(|error| format!("the value is not JSON; write a text as '\"text\"': {error}"))?;
        let member = format!("{{\"value\":{}}}", value.get());
        members(&member, &self.limits).map_err(|error| error.to_string())?;
        let kind = self.kind_of(&value);
        Ok((value, kind))
    }

    fn kind_of(&self, value: &RawValue) -> &'static str {
        let member = format!("{{\"value\":{}}}", value.get());
        let flags = decode(&member, &self.limits).unwrap_or_default();
        flags.first().map_or("no value", |flag| flag.value.kind_name())
    }
}
