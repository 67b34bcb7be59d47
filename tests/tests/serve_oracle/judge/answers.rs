//! Whether each answer to a change was the right one: conditions, undos, refusals.

use serde_json::Value;

use super::{Judge, of_asked};
use crate::record::{Asked, Changes, Outcome, Wanted};

/// Changes that a server remembers, and some room.
const REMEMBERED: usize = 90;

impl Judge<'_> {
    pub(super) fn conditions_hold_and_refusals_have_reasons(&self) -> Result<(), String> {
        for asked in &self.record.asked {
            let guard = match (&asked.wanted, &asked.seen) {
                (Wanted::Write(wanted), Some(seen)) => wanted.keys().next().map(|key| (key, seen)),
                _ => None,
            };
            if let (Some((_, changes)), Some((key, seen))) = (of_asked(asked), guard)
                && changes.get(key).is_some_and(|(old, _)| old != seen)
            {
                return Err(format!(
                    "step {} was accepted although its flag was another: {asked:?}",
                    asked.place
                ));
            }
            if let (Some((revision, changes)), Wanted::Undo { revision: undone, force }) =
                (of_asked(asked), &asked.wanted)
            {
                self.undo_is_right(*undone, *force, revision, changes)
                    .map_err(|what| format!("step {}: {what}: {asked:?}", asked.place))?;
            }
            if let Outcome::Refused { status, code, body } = &asked.outcome
                && !self.is_justified(asked, guard, (*status, code), body)
            {
                return Err(format!("step {} was refused without a reason: {asked:?}", asked.place));
            }
        }
        Ok(())
    }

    fn undo_is_right(
        &self,
        undone: u64,
        force: bool,
        revision: u64,
        changes: &Changes,
    ) -> Result<(), String> {
        let (Some(entry), Some(now)) = (self.entry(undone), self.state(revision)) else { return Ok(()) };
        let inverse: Changes =
            entry.changes.iter().map(|(key, (old, new))| (key.clone(), (new.clone(), old.clone()))).collect();
        if !force && *changes != inverse {
            return Err(format!("an undo is not the inverse of {entry:?}"));
        }
        match entry.changes.iter().find(|(key, (old, _))| now.get(*key) != old.as_ref()) {
            Some((key, _)) => Err(format!("{key} is not back after the undo of {entry:?}")),
            None => Ok(()),
        }
    }

    fn is_justified(
        &self,
        asked: &Asked,
        guard: Option<(&String, &Option<Value>)>,
        refusal: (u16, &str),
        body: &Value,
    ) -> bool {
        match (refusal, &asked.wanted) {
            ((412, "precondition_failed"), _) => guard.is_some_and(|(key, seen)| {
                let state = body["revision"].as_u64().and_then(|revision| self.state(revision));
                state.map_or(!self.is_whole(), |state| {
                    state.get(key) != seen.as_ref() && state.get(key) == body.get("current")
                })
            }),
            ((404, "no_flag"), Wanted::Write(wanted)) => {
                let first = usize::try_from(self.known_before(asked.sent)).unwrap_or(0);
                let mut states = self.states.iter().skip(first);
                !self.is_whole() || states.any(|state| wanted.keys().any(|key| !state.contains_key(key)))
            }
            ((404, "not_remembered"), Wanted::Undo { revision, .. }) => {
                let newest = self.record.log.len() as u64;
                *revision == 0 || *revision > newest || newest - revision >= REMEMBERED as u64
            }
            ((409, "changed_since"), Wanted::Undo { force, .. }) => !force,
            ((409, _), _) => {
                let mut edited = self.record.edited.iter();
                edited.any(|edited| edited.began <= asked.done && edited.done >= asked.sent)
            }
            _ => false,
        }
    }
}
