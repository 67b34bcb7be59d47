//! The way of a payload from the source to the file, and what time changes about it.

use std::sync::TryLockError;
use std::sync::atomic::Ordering;

use flagstaff_format::unix_micros;

use super::held::{self, Held};
use super::overrides::{self, Now, Overrides, with_members};
use super::state::{Origin, State};
use crate::error::PublishError;
use crate::history::Cause;
use crate::json::{json_of, json_text};
use crate::outcome::Outcome;
use crate::shared::Shared;

impl Shared {
    /// Publishes a payload of the source, with the overrides in force, unless the guard holds it. The caller holds the lock.
    pub(crate) fn receive(&self, payload: &str, published_at: u64) -> Result<Outcome, PublishError> {
        self.receive_from(&mut self.local.state(), payload, published_at, Origin::Source)
    }

    pub(super) fn receive_from(
        &self,
        state: &mut State,
        payload: &str,
        published_at: u64,
        origin: Origin,
    ) -> Result<Outcome, PublishError> {
        let side_files = &self.local.side_files;
        let unseen = state.rollback.as_ref().map_or(Ok(()), |rollback| {
            self.check_unseen(&rollback.texts.source, payload, published_at, origin)
        });
        let publish = || self.publish(&state.merged(payload, &Now::read()), published_at, origin);
        let result = unseen.and_then(|()| publish());
        match &result {
            Err(PublishError::Held(why)) => {
                let held = Held::new(payload, why);
                if state.held.as_ref().is_none_or(|before| before.digest != held.digest) {
                    if let Err(error) = held.write(side_files) {
                        tracing::warn!(%error, "the held payload is in memory only: a publisher that starts anew does not know it");
                    }
                    self.history.happened(Cause::new("held", self.history.source()).about(why.to_string()));
                    state.held = Some(held);
                }
            }
            // What the file could not take is tried again by itself.
            Ok(_) | Err(PublishError::File(_)) => {
                if state.held.take().is_some() {
                    let _ = side_files.remove(held::FILE);
                }
                if state.is_local() {
                    self.learn(state, payload);
                }
            }
            Err(_) => {}
        }
        result
    }

    /// Remembers what the source says, for the time when nothing of this host is in its place any more.
    pub(super) fn learn(&self, state: &mut State, payload: &str) {
        let side_files = &self.local.side_files;
        state.source = Some(payload.to_owned());
        state.is_unsaved |= state.overrides.learn(payload, &self.limits);
        if state.is_unsaved {
            let _ = state.save(side_files);
        }
        if let Some(rollback) = state.rollback.as_mut().filter(|rollback| rollback.texts.source != payload) {
            payload.clone_into(&mut rollback.texts.source);
            if let Err(error) = rollback.write(side_files) {
                tracing::warn!(%error, "what the source says under a rollback is in memory only");
            }
        }
    }

    /// Reads what was left by the publisher before this one, and ends what is over since then.
    pub(crate) fn start_local(&self) {
        let mut state = self.local.state();
        match Overrides::read(&self.local.side_files) {
            Ok(overrides) => state.overrides = overrides,
            Err(error) => {
                let path = self.local.side_files.path(overrides::FILE);
                let problem = format!("{} cannot be used: {error}; correct or remove it", path.display());
                tracing::error!("no override is in force: {problem}");
                state.unusable = Some(problem);
            }
        }
        self.start_rollback(&mut state);
        match Held::read(&self.local.side_files) {
            // A publisher that was killed after a later payload.
            Ok(Some(held)) if !state.is_local() && self.is_older_than_readers_have(&held) => {
                let _ = self.local.side_files.remove(held::FILE);
            }
            Ok(held) => state.held = held,
            Err(error) => {
                tracing::warn!(%error, "the payload that was held cannot be read; the next one decides");
            }
        }
        if state.held.is_some() {
            self.holds(true);
        }
        state.is_ready = true;
        if state.rollback.is_some() || !self.shows(&state) {
            // Killed between the file of overrides and the snapshot.
            self.apply(&mut state);
        }
        self.work_on(&mut state);
    }

    fn is_older_than_readers_have(&self, held: &Held) -> bool {
        self.writer().current().is_some_and(|current| current.facts().published_at > held.held_at)
    }

    /// Ends overrides that are over, and does what people ask for. Called with each heartbeat. It waits for nothing: false if a publish is
    /// under way.
    pub(crate) fn look_after_local(&self) -> bool {
        let mut state = match self.local.state.try_lock() {
            Ok(state) => state,
            Err(TryLockError::Poisoned(state)) => state.into_inner(),
            Err(TryLockError::WouldBlock) => return false,
        };
        if state.is_ready {
            self.work_on(&mut state);
        }
        true
    }

    fn work_on(&self, state: &mut State) {
        self.end_what_is_over(state);
        let side_files = &self.local.side_files;
        for taken in state.inbox.take(side_files) {
            let answer = match &taken.request {
                Ok(request) => self.execute(state, request, taken.uid),
                Err(problem) => Err(problem.clone()),
            };
            state.inbox.answer(&taken, answer);
        }
    }

    fn end_what_is_over(&self, state: &mut State) {
        if !state.is_local() && !state.is_unsaved {
            return;
        }
        let now = Now::read();
        self.end_rollback_that_is_over(state, &now);
        for one in &mut state.overrides.overrides {
            state.is_unsaved |= one.term.follow_the_clock(&now);
        }
        let over: Vec<_> = state.overrides.overrides.iter().filter(|one| !one.term.holds(&now)).collect();
        if !over.is_empty() {
            let keys: Vec<_> = over.iter().map(|one| one.key.as_str()).collect();
            let keys = flagstaff_format::printable(&keys.join(", ")).to_string();
            let cause = Cause::new("override_over", "the publisher").about(keys.clone());
            let _because = self.history.because(cause, || self.newest_for_history());
            // First readers, then the file: whoever is killed between the two leaves an override that is over, and known.
            if self.apply(state) {
                tracing::warn!(keys, "override is over; the source's value is back");
                state.overrides.overrides.retain(|one| one.term.holds(&now));
                state.is_unsaved = true;
            }
        }
        if state.is_unsaved && state.save(&self.local.side_files).is_ok() && !state.is_local() {
            state.source = None;
        }
    }

    pub(super) fn count_overrides(&self, state: &State) {
        self.local.overridden.store(state.overrides.in_force(&Now::read()).count(), Ordering::Relaxed);
    }

    /// Publishes what the source said last, with the overrides in force. False if the file cannot take it now.
    pub(super) fn apply(&self, state: &mut State) -> bool {
        self.count_overrides(state);
        let Some(source) = self.source_of(state) else { return true };
        let merged = state.merged(&source, &Now::read()).into_owned();
        state.source = Some(source);
        match self.publish(&merged, unix_micros(), Origin::Here) {
            Ok(_) => true,
            Err(error) => {
                tracing::error!(%error, "overrides cannot be published; tried again");
                false
            }
        }
    }

    /// What the source said last, as a payload: the very text if it is at hand, else what readers have, without the overrides. `None` if
    /// nothing has been published.
    pub(super) fn source_of(&self, state: &State) -> Option<String> {
        let overrides = &state.overrides;
        let text = if state.is_local() { state.source.clone() } else { self.newest_text() };
        if text.is_some() {
            return text;
        }
        let current = self.writer().current()?;
        let flags = current.iter().filter(|(key, _)| overrides.find(key).is_none());
        let mut members: Vec<_> = flags.map(|(key, value)| (key, json_of(&value))).collect();
        for one in &overrides.overrides {
            members.extend(one.source.as_ref().map(|source| (one.key.clone(), source.get().to_owned())));
        }
        let members = members.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        Some(with_members("{}", members).into_owned())
    }

    /// Whether readers see exactly the overrides in force.
    fn shows(&self, state: &State) -> bool {
        if state.overrides.overrides.is_empty() {
            return true;
        }
        self.count_overrides(state);
        // One that is over is ended by whoever ends those.
        let Some(current) = self.writer().current() else { return true };
        state.overrides.in_force(&Now::read()).all(|one| {
            let json = format!("{{{}:{}}}", json_text(&one.key), one.value.get());
            let expected = crate::payload::decode(&json, &self.limits);
            let expected = expected.ok().and_then(|flags| flags.into_iter().next()).map(|flag| flag.value);
            expected.is_some() && expected == current.value_of(current.find(&one.key))
        })
    }
}
