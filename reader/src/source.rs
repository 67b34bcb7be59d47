//! The three places that a value can come from.

use std::borrow::Cow;

use flagstaff_format::protocol::Observed;
use flagstaff_format::{Hashed, Hit, TextAt, Value, View};

use crate::snapshot::Snapshot;

/// Where one read gets its values.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Source<'a> {
    /// Shared memory, within one observed generation.
    Live(&'a View, Observed),
    /// A private copy.
    Copy(&'a Snapshot),
    /// Nothing has been published.
    Nothing,
}

/// The read was overtaken by the publisher: try again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Overtaken;

impl<'a> Source<'a> {
    pub(crate) fn of(copy: &'a Snapshot) -> Source<'a> {
        if copy.frame().is_some() { Source::Copy(copy) } else { Source::Nothing }
    }
}

impl Source<'_> {
    pub(crate) fn find(self, key: &str, hashed: &Hashed) -> Result<Hit, Overtaken> {
        match self {
            Source::Live(view, seen) => view.attempt(seen, key, hashed).ok_or(Overtaken),
            Source::Copy(copy) => Ok(copy.find(key)),
            Source::Nothing => Ok(Hit::MISSING),
        }
    }

    /// A text, handed to `f` as `&str`. `None` if damage made it no text.
    pub(crate) fn text<T>(self, at: TextAt, f: impl FnOnce(&str) -> T) -> Result<Option<T>, Overtaken> {
        match self {
            Source::Live(view, seen) => {
                let (mut stack, mut heap) = ([0; 512], Vec::new());
                let bytes = view.copy_text(seen, at, &mut stack, &mut heap).ok_or(Overtaken)?;
                Ok(std::str::from_utf8(bytes).ok().map(f))
            }
            Source::Copy(copy) => Ok(copy.text_at(at).map(f)),
            Source::Nothing => Ok(None),
        }
    }

    /// The text of a flag of kind `wanted`; `None` if the flag is missing or of another kind.
    pub(crate) fn text_of<T>(
        self,
        key: &str,
        hashed: &Hashed,
        wanted: u64,
        f: impl FnOnce(&str) -> T,
    ) -> Result<Option<T>, Overtaken> {
        let found = self.find(key, hashed)?;
        match found.text() {
            Some(at) if found.kind() == wanted => self.text(at, f),
            _ => Ok(None),
        }
    }

    /// A value of any type.
    pub(crate) fn value(self, key: &str, hashed: &Hashed) -> Result<Option<Value<'static>>, Overtaken> {
        self.find(key, hashed)?.value_with(|at| self.text(at, |text| Cow::Owned(text.to_owned())))
    }

    /// A number that stands for what this source holds and for nothing else in this reader's life; `None` if values
    /// from here must not be remembered.
    pub(crate) fn stamp(self) -> Option<u64> {
        match self {
            Source::Live(view, seen) if !seen.is_superseded() => view.stamp(seen.generation()),
            _ => None,
        }
    }
}
