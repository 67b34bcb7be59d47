//! How an environment adopts edits of its file by hand.

use std::sync::TryLockError;
use std::time::{Duration, Instant};

use flagstaff_publisher::payload::FileEvent;

use super::{Environment, MOST_TRIES, State};
use crate::error::ChangeError;
use crate::flags::change::Author;
use crate::flags::document::Document;
use crate::flags::edit::{Condition, Edit};

/// Time for an editor to finish a save.
const HALF_SAVED: Duration = Duration::from_millis(300);

impl Environment {
    /// Checks the file, if there is one. Called periodically.
    pub(crate) fn poll(&self) {
        // A change in progress checks the file itself.
        let mut state = match self.0.state.try_lock() {
            Ok(state) => state,
            Err(TryLockError::Poisoned(state)) => state.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        let state = &mut *state;
        state.free_old_views();
        let Some(persisted) = &mut state.persisted else { return };
        match persisted.poll() {
            FileEvent::Changed(text) => self.adopt(state, text),
            FileEvent::Unchanged => persisted.is_usable(),
            FileEvent::Failed(error) => drop(persisted.is_unusable(&error)),
            _ => {}
        }
        self.take_late_edits(state);
        if let Some(persisted) = &mut state.persisted {
            persisted.rehearse();
        }
        self.show_problem(state);
    }

    /// Adopts what was written into files that have been replaced: key by key, because changes were made since.
    fn take_late_edits(&self, state: &mut State) {
        for _ in 0..MOST_TRIES {
            let Some(persisted) = &mut state.persisted else { return };
            let Some(late) = persisted.late_edit() else { return };
            let text = String::from_utf8(late.bytes.clone()).ok();
            let documents = text.and_then(|text| {
                Some((Document::parse(&late.base).ok()?, Document::parse(&text).ok()?, text))
            });
            let Some((base, edited, text)) = documents else {
                persisted.is_refused(&late);
                return;
            };
            let changed = base.changes_to(&edited).into_iter().map(|change| (change.key, change.new));
            let edit = Edit::Merge(changed.collect());
            // The current file takes precedence.
            let done = self
                .read_file(state)
                .and_then(|()| self.attempt(state, &edit, &Condition::default(), Author::FILE));
            let Some(persisted) = &mut state.persisted else { return };
            match done {
                Ok(Some(_)) => persisted.is_taken(&late, text),
                Ok(None) => {}
                // It will never fit. All other errors are temporary.
                Err(ChangeError::TooLarge { .. }) => return persisted.is_refused(&late),
                Err(_) => return,
            }
        }
    }

    /// Adopts all edits by hand before a change is made.
    pub(super) fn catch_up(&self, state: &mut State) -> Result<(), ChangeError> {
        let begun = Instant::now();
        while let Err(error) = self.read_file(state) {
            // Most likely an unfinished save.
            if begun.elapsed() > HALF_SAVED {
                return Err(error);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        self.take_late_edits(state);
        Ok(())
    }

    /// Adopts what was written into the file since the last check, or says why that is impossible.
    fn read_file(&self, state: &mut State) -> Result<(), ChangeError> {
        let Some(persisted) = &mut state.persisted else { return Ok(()) };
        match persisted.read_now() {
            Ok(text) => self.adopt(state, text),
            Err(error) => {
                let problem = persisted.is_unusable(&error);
                self.show_problem(state);
                return Err(ChangeError::FileUnusable { problem });
            }
        }
        Ok(())
    }

    /// Adopts the content of the file, which has passed the decoder.
    fn adopt(&self, state: &mut State, text: String) {
        let Some(persisted) = &mut state.persisted else { return };
        if persisted.takes(&text)
            && let Ok(document) = Document::parse(&text)
        {
            let changes = state.document.changes_to(&document);
            self.announce(state, document, &changes, Author::FILE, None);
        }
        self.show_problem(state);
    }
}
