//! How a rollback begins, lives and ends. It runs in the publisher, with the state locked.

use std::time::Duration;

use flagstaff_format::{Archive, Facts, Generation};
use serde_json::value::RawValue;

use super::command::Done;
use super::inbox::Request;
use super::orders::check_time;
use super::overrides::Now;
use super::rollback::{self, Rollback, RolledBack, Texts};
use super::state::{Origin, State};
use crate::causes::with_causes;
use crate::error::PublishError;
use crate::history::{Cause, Shelf};
use crate::payload::{decode, members};
use crate::shared::Shared;

impl Shared {
    /// Reads what was left by the publisher before this one.
    pub(super) fn start_rollback(&self, state: &mut State) {
        match RolledBack::read(&self.local.side_files) {
            Ok(rollback) => {
                state.source = rollback.as_ref().map(|rollback| rollback.texts.source.clone());
                state.rollback = rollback;
            }
            Err(error) => {
                let path = self.local.side_files.path(rollback::FILE);
                tracing::error!(
                    "no rollback is in force: {} cannot be used: {error}; remove it",
                    path.display()
                );
            }
        }
    }

    pub(super) fn roll_back(
        &self,
        state: &mut State,
        request: &Request,
        uid: u32,
        (number, time, reason): (u64, Duration, &str),
    ) -> Result<Done, String> {
        check_time(time)?;
        let recorded = Shelf::of(&self.local.side_files).read(number).map_err(|error| {
            format!("snapshot {number} of the history cannot be read: {error}; `flagstaff log` lists those that can")
        })?;
        members(&recorded.flags, &self.limits)
            .map_err(|error| format!("snapshot {number} is no payload: {error}"))?;
        let term = request.wait.lasting(time);
        if !term.holds(&Now::read()) {
            return Err("its time is over already".to_owned());
        }
        // Before there is a rollback: then the very text of the source is still at hand.
        let Some(source) = self.source_of(state) else {
            return Err("nothing has been published yet, so there is nothing to go back from".to_owned());
        };
        let flags = RawValue::from_string(recorded.flags).map_err(|error| error.to_string())?;
        let facts = Rollback {
            number,
            published_at: recorded.entry.published_at,
            reason: reason.to_owned(),
            who: request.who.clone(),
            uid,
            term,
        };
        let rollback = RolledBack { facts, texts: Texts { flags, source: source.clone() } };
        // First the file, as with an override.
        if let Err(error) = rollback.write(&self.local.side_files) {
            let path = self.local.side_files.path(rollback::FILE);
            return Err(format!("{} cannot be written, so nothing is rolled back: {error}", path.display()));
        }
        let before = (state.rollback.replace(rollback), state.source.replace(source));
        match self.publish_merged(state) {
            Ok(()) => {
                let seconds = time.as_secs();
                Ok(self.done(format!("readers have snapshot {number} of the history for {seconds} s")))
            }
            Err(error @ PublishError::File(_)) => Err(format!(
                "readers have snapshot {number} as soon as the file can be written: {}",
                with_causes(&error)
            )),
            Err(error) => {
                (state.rollback, state.source) = before;
                let side_files = &self.local.side_files;
                let _ = match &state.rollback {
                    Some(before) => before.write(side_files),
                    None => side_files.remove(rollback::FILE),
                };
                Err(error.to_string())
            }
        }
    }

    /// Refuses or holds a payload that readers will see only when the rollback has ended, as if they saw it now: nobody looks at it then.
    pub(super) fn check_unseen(
        &self,
        before: &str,
        payload: &str,
        published_at: u64,
        origin: Origin,
    ) -> Result<(), PublishError> {
        let build = |payload| {
            let flags = decode(payload, &self.limits).ok()?;
            Archive::build(flags, Generation(0), Facts::default()).ok()
        };
        let Some(after) = build(payload) else {
            // Refused, and said so in all places.
            return self.publish(payload, published_at, origin).map(drop);
        };
        match build(before).and_then(|before| self.local.suspects(&before, &after)) {
            Some(why) if origin == Origin::Source => Err(self.hold(why)),
            _ => Ok(()),
        }
    }

    pub(super) fn end_rollback(&self, state: &mut State) -> Result<Done, String> {
        let Some(rollback) = &mut state.rollback else { return Err("no rollback is in force".to_owned()) };
        let (number, before) = (rollback.facts.number, rollback.facts.term.clone());
        rollback.facts.term = before.ended();
        // First readers, then the file: whoever is killed between the two leaves a rollback that is known, and its command is done again.
        if let Err(error) = self.publish_merged(state) {
            if let Some(rollback) = &mut state.rollback {
                rollback.facts.term = before;
            }
            self.keep_as_it_was(state);
            return Err(format!("readers still see the rollback: {}", with_causes(&error)));
        }
        self.forget_rollback(state).map_err(|error| {
            format!("readers have the source's flags, but the file of the rollback cannot be removed, which is tried again: {error}")
        })?;
        Ok(self.done(format!("the rollback to snapshot {number} has ended")))
    }

    pub(super) fn end_rollback_that_is_over(&self, state: &mut State, now: &Now) {
        let Some(rollback) = &mut state.rollback else { return };
        let facts = &mut rollback.facts;
        if facts.term.holds(now) {
            if facts.term.follow_the_clock(now) {
                let _ = rollback.write(&self.local.side_files);
            }
            return;
        }
        let cause = Cause::new("rollback_over", "the publisher").about(facts.number.to_string());
        let _because = self.history.because(cause, || self.newest_for_history());
        if self.apply(state) && self.forget_rollback(state).is_ok() {
            tracing::warn!("rollback is over; the source's flags are back");
        }
    }

    /// Readers do not see it any more.
    fn forget_rollback(&self, state: &mut State) -> std::io::Result<()> {
        self.local.side_files.remove(rollback::FILE)?;
        state.rollback = None;
        match state.source.clone() {
            // What stands with the overrides may be of the rollback.
            Some(source) if state.is_local() => self.learn(state, &source),
            _ => state.source = None,
        }
        Ok(())
    }
}
