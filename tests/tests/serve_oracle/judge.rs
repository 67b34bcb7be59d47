//! The rule: an accepted change is in the file, the stream and the history, in order; an edit by hand is either there or reported as a
//! conflict; nothing vanishes.

mod answers;

use std::collections::BTreeMap;

use crate::record::{Asked, Changes, Edited, Entry, Outcome, Record, State, Wanted};

/// Says what is against the rule.
pub(crate) fn judge(record: &Record) -> Result<(), String> {
    if let Some(wrong) = record.wrong.first() {
        return Err(wrong.clone());
    }
    let judge = Judge { record, states: states(record)? };
    judge.accepted_changes_are_in_the_history()?;
    judge.the_history_has_nothing_else()?;
    judge.edits_by_hand_are_in_the_history()?;
    judge.the_order_is_that_of_the_world()?;
    judge.conditions_hold_and_refusals_have_reasons()?;
    judge.readers_and_streams_have_states_of_the_history()?;
    match record.killed_in {
        None => judge.all_agree_in_the_end(),
        Some(burst) => judge.what_was_accepted_survives_a_kill(burst),
    }
}

struct Judge<'a> {
    record: &'a Record,
    /// After each revision.
    states: Vec<State>,
}

/// The flags after each revision, if each change begins where the one before it ended.
fn states(record: &Record) -> Result<Vec<State>, String> {
    let mut states = vec![record.began.clone()];
    let mut now = record.began.clone();
    for (place, entry) in record.log.iter().enumerate() {
        if entry.revision != place as u64 + 1 {
            return Err(format!("after revision {place} the history goes on with {}", entry.revision));
        }
        apply(&mut now, &entry.changes).map_err(|key| {
            format!(
                "the history has a gap before revision {}: {key} was another value, {entry:?}",
                entry.revision
            )
        })?;
        states.push(now.clone());
    }
    Ok(states)
}

/// Makes changes; the key of one that begins with another value.
fn apply<'a>(state: &mut State, changes: &'a Changes) -> Result<(), &'a str> {
    for (key, (old, new)) in changes {
        if state.get(key) != old.as_ref() {
            return Err(key);
        }
        match new {
            Some(new) => drop(state.insert(key.clone(), new.clone())),
            None => drop(state.remove(key)),
        }
    }
    Ok(())
}

fn of_asked(asked: &Asked) -> Option<(u64, &Changes)> {
    match &asked.outcome {
        Outcome::Made { revision, changes } if !changes.is_empty() => Some((*revision, changes)),
        _ => None,
    }
}

impl Judge<'_> {
    fn is_whole(&self) -> bool {
        self.record.killed_in.is_none()
    }

    fn entry(&self, revision: u64) -> Option<&Entry> {
        self.record.log.get(usize::try_from(revision).ok()?.checked_sub(1)?)
    }

    fn state(&self, revision: u64) -> Option<&State> {
        self.states.get(usize::try_from(revision).ok()?)
    }

    /// The newest revision that a client had an answer of before a moment.
    fn known_before(&self, moment: std::time::Instant) -> u64 {
        let made = self.record.asked.iter().filter(|other| other.done < moment).filter_map(of_asked);
        made.map(|(revision, _)| revision).max().unwrap_or(0)
    }

    fn accepted_changes_are_in_the_history(&self) -> Result<(), String> {
        let mut owners = BTreeMap::new();
        for asked in &self.record.asked {
            let Some((revision, changes)) = of_asked(asked) else { continue };
            if let Some(other) = owners.insert(revision, asked.place) {
                return Err(format!(
                    "steps {other} and {} were both told that they made revision {revision}",
                    asked.place
                ));
            }
            let by = if matches!(asked.wanted, Wanted::Undo { .. }) { "undo" } else { "api" };
            match self.entry(revision) {
                Some(entry) if entry.by == by && entry.changes == *changes => {}
                None if !self.is_whole() => {}
                found => {
                    return Err(format!(
                        "step {} was accepted as revision {revision}, where the history has {found:?}: {asked:?}",
                        asked.place
                    ));
                }
            }
            if let Wanted::Write(wanted) = &asked.wanted {
                let other = changes.iter().find(|(key, (_, new))| wanted.get(*key) != Some(new));
                if let Some((key, _)) = other {
                    return Err(format!(
                        "step {} was accepted and made {key} another value: {asked:?}",
                        asked.place
                    ));
                }
            }
        }
        Ok(())
    }

    fn the_history_has_nothing_else(&self) -> Result<(), String> {
        for entry in &self.record.log {
            let known = match entry.by.as_str() {
                "file" => self.is_from_a_hand(entry),
                _ => self.record.asked.iter().any(|asked| match (&asked.outcome, &asked.wanted) {
                    (Outcome::Made { revision, changes }, _) => {
                        *revision == entry.revision && *changes == entry.changes
                    }
                    (Outcome::Unknown, Wanted::Write(wanted)) => {
                        entry.by == "api"
                            && entry.changes.iter().all(|(key, (_, new))| wanted.get(key) == Some(new))
                    }
                    (Outcome::Unknown, Wanted::Undo { revision, .. }) => entry.undoes == Some(*revision),
                    _ => false,
                }),
            };
            if !known {
                return Err(format!("the history has a change that nobody made: {entry:?}"));
            }
        }
        Ok(())
    }

    /// Whether somebody has written such values into the file, or written what was there before over them.
    fn is_from_a_hand(&self, entry: &Entry) -> bool {
        !self.record.edited.is_empty()
            && entry.changes.iter().all(|(key, (_, new))| {
                new.as_ref().is_none_or(|new| self.record.values_of(key).contains(&new.to_string()))
            })
    }

    fn revision_of(&self, edited: &Edited) -> Option<u64> {
        let is_it = |entry: &&Entry| {
            entry.by == "file"
                && entry
                    .changes
                    .get(&edited.key)
                    .is_some_and(|change| change.1.as_ref() == Some(&edited.value))
        };
        self.record.log.iter().find(is_it).map(|entry| entry.revision)
    }

    fn edits_by_hand_are_in_the_history(&self) -> Result<(), String> {
        for edited in &self.record.edited {
            let is_in = |state: &State| state.get(&edited.key) == Some(&edited.value);
            let survives = !self.is_whole()
                && (is_in(&self.record.file)
                    || self.record.set_aside().iter().any(is_in)
                    || self.may_have_been_undone());
            if self.revision_of(edited).is_none() && !survives {
                return Err(format!("the edit by hand of step {} has vanished: {edited:?}", edited.place));
            }
            if let Some(text) = &edited.written_over
                && !self.record.beside.contains(text)
            {
                return Err(format!("the broken edit of step {} has vanished: {text}", edited.place));
            }
        }
        Ok(())
    }

    /// Whether an undo was made that the log does not have.
    fn may_have_been_undone(&self) -> bool {
        self.record.asked.iter().any(|asked| {
            matches!(asked.wanted, Wanted::Undo { .. })
                && match &asked.outcome {
                    Outcome::Unknown => true,
                    Outcome::Made { revision, .. } => self.entry(*revision).is_none(),
                    _ => false,
                }
        })
    }

    fn the_order_is_that_of_the_world(&self) -> Result<(), String> {
        for later in &self.record.asked {
            let Some((revision, _)) = of_asked(later) else { continue };
            let known = self.known_before(later.sent);
            if known >= revision {
                return Err(format!(
                    "step {} made revision {revision} after {known} had been answered",
                    later.place
                ));
            }
            for edited in self.record.edited.iter().filter(|edited| edited.done < later.sent) {
                if self.revision_of(edited).is_some_and(|edit| edit > revision) {
                    return Err(format!(
                        "step {} did not look at the file first, in which step {} was saved",
                        later.place, edited.place
                    ));
                }
            }
        }
        Ok(())
    }

    fn readers_and_streams_have_states_of_the_history(&self) -> Result<(), String> {
        for asked in &self.record.asked {
            let known = self.known_before(asked.sent);
            match (&asked.wanted, &asked.outcome) {
                (Wanted::Read(key), Outcome::Read(value)) if self.is_whole() => {
                    let mut states = self.states.iter().skip(usize::try_from(known).unwrap_or(0));
                    if !states.any(|state| state.get(key) == value.as_ref()) {
                        return Err(format!(
                            "step {} read what is not there since revision {known}: {asked:?}",
                            asked.place
                        ));
                    }
                }
                (Wanted::Listen, Outcome::Heard(revision, state)) => {
                    self.is_state(*revision, state)
                        .map_err(|what| format!("step {}: {what}", asked.place))?;
                    if *revision < known {
                        return Err(format!(
                            "step {} heard revision {revision} after {known} had been answered",
                            asked.place
                        ));
                    }
                }
                _ => {}
            }
        }
        for stream in &self.record.streams {
            let mut last = None;
            for (revision, state) in stream {
                if last.is_some_and(|last| last >= *revision) {
                    return Err(format!("a stream has revision {revision} after {last:?}"));
                }
                last = Some(*revision);
                self.is_state(*revision, state)?;
            }
        }
        Ok(())
    }

    fn is_state(&self, revision: u64, state: &State) -> Result<(), String> {
        match self.state(revision) {
            Some(known) if known == state => Ok(()),
            None if !self.is_whole() => Ok(()),
            found => {
                Err(format!("a stream has other flags for revision {revision}: {}", difference(found, state)))
            }
        }
    }

    fn all_agree_in_the_end(&self) -> Result<(), String> {
        let newest = self.record.log.len() as u64;
        let Some(last) = self.states.last() else { return Ok(()) };
        for (what, found) in [("the file", &self.record.file), ("what is served", &self.record.served)] {
            if found != last {
                return Err(format!(
                    "{what} is not what the history leads to: {}",
                    difference(Some(last), found)
                ));
            }
        }
        let from = self.record.log.len() - self.record.history.len().min(self.record.log.len());
        if self.record.history != self.record.log[from..] {
            return Err(format!("the history is not what the page was told: {:?}", self.record.history));
        }
        match self.record.streams.iter().find(|stream| stream.last().map(|last| last.0) != Some(newest)) {
            Some(stream) => Err(format!(
                "a stream ends with revision {:?}, the newest is {newest}",
                stream.last().map(|last| last.0)
            )),
            None => Ok(()),
        }
    }

    /// The log ends somewhere before the kill. What was answered after it must be in the file, unless something of the last burst may have
    /// come later.
    fn what_was_accepted_survives_a_kill(&self, burst: usize) -> Result<(), String> {
        let mut expected = self.states.last().cloned().unwrap_or_default();
        let mut later: Vec<_> = self
            .record
            .asked
            .iter()
            .filter_map(of_asked)
            .filter(|made| self.entry(made.0).is_none())
            .collect();
        later.sort_by_key(|made| made.0);
        for (_, changes) in later {
            for (key, (_, new)) in changes {
                match new {
                    Some(new) => drop(expected.insert(key.clone(), new.clone())),
                    None => drop(expected.remove(key)),
                }
            }
        }
        let is_edited = self.record.edited.iter().any(|edited| edited.burst == burst);
        let any_value = is_edited || self.may_have_been_undone();
        let keys = expected.keys().chain(self.record.file.keys());
        for key in keys {
            let found = self.record.file.get(key);
            let unanswered = self.record.asked.iter().any(|asked| match (&asked.wanted, &asked.outcome) {
                (Wanted::Write(wanted), Outcome::Unknown) => {
                    wanted.get(key).is_some_and(|value| value.as_ref() == found)
                }
                _ => false,
            });
            let earlier = any_value
                && found.is_none_or(|found| self.record.values_of(key).contains(&found.to_string()));
            if found != expected.get(key) && !unanswered && !earlier {
                return Err(format!(
                    "after the kill {key} is {found:?} and not {:?}, which was accepted",
                    expected.get(key)
                ));
            }
        }
        Ok(())
    }
}

fn difference(expected: Option<&State>, found: &State) -> String {
    let Some(expected) = expected else { return "there is no such revision".to_owned() };
    let keys = expected.keys().chain(found.keys());
    let other = keys.filter(|key| expected.get(*key) != found.get(*key));
    let shown: Vec<_> = other
        .take(5)
        .map(|key| format!("{key} is {:?}, expected {:?}", found.get(key), expected.get(key)))
        .collect();
    shown.join("; ")
}
