//! What somebody wants to change.

use std::sync::Arc;

use crate::change::FlagChange;
use crate::condition::Subject;
use crate::document::Document;
use crate::error::ChangeError;
use crate::history::History;
use crate::value::FlagValue;

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

    /// Makes the change. `document` is of no use after an error.
    pub(crate) fn apply(
        self,
        document: &mut Document,
        history: &History,
    ) -> Result<Vec<FlagChange>, ChangeError> {
        Ok(match self {
            Edit::Set { key, value } => document.assign(&key, Some(value), None).into_iter().collect(),
            Edit::Remove { key } => match document.assign(&key, None, None) {
                Some(change) => vec![change],
                None => return Err(ChangeError::NoFlag { key: key.as_ref().to_owned() }),
            },
            Edit::Merge(members) => {
                let before = document.clone();
                for (key, value) in members {
                    document.assign(&key, value, None);
                }
                // A key that is written twice is one change.
                before.changes_to(document)
            }
            Edit::Undo { revision, force } => {
                let change = history.get(revision).ok_or(ChangeError::NotRemembered { revision })?;
                let touched = |flag: &&FlagChange| document.get(&flag.key) != flag.new.as_ref();
                let keys: Vec<_> = change.flags.iter().filter(touched).map(|flag| flag.key.clone()).collect();
                if !keys.is_empty() && !force {
                    return Err(ChangeError::ChangedSince { keys });
                }
                let mut back: Vec<_> = change.flags.iter().collect();
                // From the front to the end, so that each finds those that were before it.
                back.sort_by_key(|flag| flag.at);
                back.into_iter()
                    .filter_map(|flag| document.assign(&flag.key, flag.old.clone(), Some(flag.at)))
                    .collect()
            }
        })
    }
}
