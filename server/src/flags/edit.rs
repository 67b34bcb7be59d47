//! What somebody wants to change.

use std::sync::Arc;

use crate::error::ChangeError;
use crate::flags::change::FlagChange;
use crate::flags::condition::Subject;
use crate::flags::document::{Assignment, Document};
use crate::flags::history::History;
use crate::flags::value::FlagValue;

/// A change that is asked for.
#[derive(Debug)]
pub(crate) enum Edit {
    Set {
        key: Arc<str>,
        value: FlagValue,
    },
    Remove {
        key: Arc<str>,
    },
    /// Several flags at once; `None` removes one.
    Merge(Vec<(Arc<str>, Option<FlagValue>)>),
    /// Sets the flags of another change back.
    Undo {
        revision: u64,
        force: bool,
    },
}

impl Edit {
    /// What a condition is about.
    pub(crate) fn subject<'a>(&self, document: &'a Document) -> Subject<'a> {
        match self {
            Edit::Set { key, .. } | Edit::Remove { key } => Subject::Flag(document.get(key)),
            Edit::Merge(_) | Edit::Undo { .. } => Subject::All,
        }
    }

    pub(crate) fn undoes(&self) -> Option<u64> {
        match self {
            Edit::Undo { revision, .. } => Some(*revision),
            _ => None,
        }
    }

    /// The flags after the change, and what it changed. Takes time in proportion to all flags and those of the change.
    pub(crate) fn apply(
        &self,
        document: &Document,
        history: &History,
    ) -> Result<(Document, Vec<FlagChange>), ChangeError> {
        let assign =
            |key: &Arc<str>, value: Option<FlagValue>| Assignment { key: key.clone(), value, at: None };
        let assignments = match self {
            Edit::Set { key, value } => vec![assign(key, Some(value.clone()))],
            Edit::Remove { key } if document.get(key).is_none() => {
                return Err(ChangeError::NoFlag { key: key.as_ref().to_owned() });
            }
            Edit::Remove { key } => vec![assign(key, None)],
            Edit::Merge(members) => members.iter().map(|(key, value)| assign(key, value.clone())).collect(),
            Edit::Undo { revision, force } => {
                let change =
                    history.get(*revision).ok_or(ChangeError::NotRemembered { revision: *revision })?;
                let touched = |flag: &&FlagChange| document.get(&flag.key) != flag.new.as_ref();
                let keys: Vec<_> = change.flags.iter().filter(touched).map(|flag| flag.key.clone()).collect();
                if !keys.is_empty() && !force {
                    return Err(ChangeError::ChangedSince { keys });
                }
                let back = |flag: &FlagChange| Assignment {
                    at: Some(flag.at),
                    ..assign(&flag.key, flag.old.clone())
                };
                change.flags.iter().map(back).collect()
            }
        };
        let after = document.with(assignments);
        let changes = document.changes_to(&after);
        Ok((after, changes))
    }
}
