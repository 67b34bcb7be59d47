//! The archive that was published last, kept to be changed in place.
//!
//! A payload that only changes some values ([`payload::Edit`]) costs what it changes: the archive's records, texts of as many words, the facts
//! of its root, the checksums of the blocks that were touched. Every other payload is decoded and built whole.

use std::sync::Arc;

use flagstaff_format::{Archive, BuildError, Facts, Generation, Hint};

use crate::payload::{self, Edit, Limits, Members, PayloadError, Positions};

/// Bytes of the largest archive that is kept. Payloads of usual flags stay below; those of very short ones would take twice the memory.
const LARGEST: usize = 16 * 1024 * 1024;

/// An archive, and where the values of its payload stand. They are of one payload at any time: whoever changes them takes them
/// out of where they are kept, and puts them back when readers have them.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) archive: Arc<Archive>,
    positions: Positions,
}

impl Kept {
    /// Builds the archive of a payload whole. The second is [`Kept::of`] it.
    pub(crate) fn build(
        members: &Members<'_>,
        hint: Option<Hint>,
        facts: Facts,
    ) -> Result<(Archive, Option<Positions>), BuildError> {
        let (archive, places) = Archive::build_of(members, hint, Generation(1), facts)?;
        let is_kept = archive.bytes().len() <= LARGEST;
        let positions = places.filter(|_| is_kept).map(|places| Positions::of(members, &places));
        Ok((archive, positions))
    }

    pub(crate) fn of(archive: Arc<Archive>, positions: Positions) -> Kept {
        Kept { archive, positions }
    }

    /// What `new` changes in `old`, the payload of this archive, if it can be changed in place.
    pub(crate) fn edit<'a>(&self, old: &str, new: &'a str, limits: &Limits) -> Option<Edit<'a>> {
        let edit = self.positions.edit(old, new, limits)?;
        self.archive.can_be_patched(&edit.changes).then_some(edit)
    }

    /// Makes an edit, and returns the places of flags with another value. If somebody else still has the archive, this works on a copy.
    pub(crate) fn change(&mut self, edit: &Edit<'_>, facts: Facts) -> Vec<u32> {
        let places = Arc::make_mut(&mut self.archive).patch(&edit.changes, facts);
        self.positions.follow(edit);
        places
    }
}

/// The facts of an archive that is made of a payload.
pub(crate) fn facts_of(payload: &str, digest: [u64; 2], published_at: u64, identity: [u8; 32]) -> Facts {
    let mut facts = Facts::default();
    facts.published_at = published_at;
    facts.identity = identity;
    facts.payload_bytes = payload.len() as u64;
    facts.payload_digest = digest;
    facts
}

/// The way of payloads to archives without a file, and the one that is always taken whole. For tests of this and other crates.
#[doc(hidden)]
#[derive(Debug, Default)]
pub struct Follower {
    payload: String,
    archive: Option<Arc<Archive>>,
    kept: Option<Kept>,
}

impl Follower {
    /// The archive of the last payload that was taken.
    #[must_use]
    pub fn archive(&self) -> Option<&Archive> {
        self.archive.as_deref()
    }

    /// The archive of a payload that comes next, built whole. `None` if it is refused.
    ///
    /// # Errors
    /// [`PayloadError`].
    pub fn whole(&self, payload: &str) -> Result<Option<Archive>, PayloadError> {
        Ok(self.build(payload, &payload::members(payload, &Limits::default())?).map(|(archive, _)| archive))
    }

    fn build(&self, payload: &str, members: &Members<'_>) -> Option<(Archive, Option<Positions>)> {
        let hint = self.archive().map(Hint::of);
        Kept::build(members, hint, some_facts_of(payload)).ok()
    }

    /// Takes a payload as a publisher does. Whether the archive was changed in place, with the places of flags that have another
    /// value, or built.
    ///
    /// # Errors
    /// [`PayloadError`].
    pub fn take(&mut self, payload: &str) -> Result<Option<Vec<u32>>, PayloadError> {
        let limits = Limits::default();
        let mut places = None;
        if let Some(mut kept) = self.kept.take() {
            if let Some(edit) = kept.edit(&self.payload, payload, &limits) {
                self.archive = None;
                places = Some(kept.change(&edit, some_facts_of(payload)));
                self.archive = Some(kept.archive.clone());
                payload.clone_into(&mut self.payload);
            }
            self.kept = Some(kept);
        }
        if places.is_none() {
            let members = payload::members(payload, &limits)?;
            if let Some((archive, positions)) = self.build(payload, &members) {
                let archive = Arc::new(archive);
                self.kept = positions.map(|positions| Kept::of(archive.clone(), positions));
                self.archive = Some(archive);
                payload.clone_into(&mut self.payload);
            }
        }
        Ok(places)
    }
}

/// For tests: facts that differ with the payload.
fn some_facts_of(payload: &str) -> Facts {
    let digest = [payload.len() as u64 * 7, payload.bytes().map(u64::from).sum()];
    facts_of(payload, digest, payload.len() as u64, [7; 32])
}

#[cfg(test)]
#[path = "kept_tests.rs"]
mod tests;
