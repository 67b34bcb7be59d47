//! A publish that costs what it changes.
//!
//! The last payload is kept, and where its members stand in it, and the archive that was made of it. If the next payload differs from it in
//! some values only ([`Edits`]), they are patched into that archive ([`Archive::patch`]). In all other cases, and whenever anything is not as
//! expected, the payload is parsed and an archive built. Both ways give the same bytes, which tests of random edits compare.
//!
//! The archive is changed in place, so whatever ends early leaves none behind: it was taken out, and is put back after a publish.

use std::sync::Arc;
use std::time::Instant;

use flagstaff_format::{Archive, Facts};

use crate::error::PublishError;
use crate::feed::Retained;
use crate::outcome::{Changes, Outcome};
use crate::payload::{Edits, Member};
use crate::shared::Shared;

impl Retained {
    /// `None` if members and flags are not one to one: a key that comes twice, or an overflow record.
    pub(crate) fn of(members: Vec<Member>, archive: &Arc<Archive>) -> Option<Retained> {
        let is_simple = members.len() == archive.len() && archive.frame().overflow == 0;
        is_simple.then(|| Retained { members, archive: archive.clone() })
    }
}

impl Shared {
    /// Publishes a payload that differs from the last one in some values. `None`: it has to be parsed, and nothing was done.
    pub(crate) fn patch(
        &self,
        payload: &str,
        facts: Facts,
        start: Instant,
    ) -> Option<Result<Outcome, PublishError>> {
        let (edits, changes, mut retained) = {
            let mut last = self.last.last();
            let last = last.as_mut()?;
            // Not put back if this fails: its memory is then free for the new one.
            let retained = last.retained.take()?;
            let old = last.payload.as_deref()?;
            let edits = Edits::between(old, &retained.members, payload, &self.limits)?;
            let flags = edits.flags(old, &retained.members);
            let places = flags.map(|(key, value)| Some((retained.archive.place_of(&key)?, value)));
            let changes: Vec<_> = places.collect::<Option<_>>()?;
            (edits, changes, retained)
        };
        if !retained.archive.takes(&changes) {
            return None;
        }
        // Else it would have to be copied to be changed. It is copied while the disk is just getting it.
        let is_taken_back = self.checkpointer.take_back();
        let since = retained.archive.generation();
        let archive = Arc::make_mut(&mut retained.archive);
        let places = archive.patch(&changes, facts);
        let mut writer = self.writer();
        let known = places.as_deref().map(|places| (since, places));
        if let Err(error) = self.store(&mut writer, archive, known, start) {
            drop(writer);
            self.offer_again(is_taken_back);
            return Some(Err(error));
        }
        let took = start.elapsed();
        let changes = Changes::at(&places.unwrap_or_default(), archive);
        edits.apply_to(&mut retained.members);
        let archive = retained.archive.clone();
        // While the writer is locked: whoever recreates the file takes this for its content.
        if let Some(last) = &mut *self.last.last() {
            last.becomes(payload, retained);
        }
        drop(writer);
        Some(Ok(self.published(archive, took, changes)))
    }
}
