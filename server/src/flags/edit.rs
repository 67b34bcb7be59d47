//! A requested change, and its condition: the tags that its author has seen.

use std::sync::Arc;

use crate::error::ChangeError;
use crate::flags::change::FlagChange;
use crate::flags::document::{Assignment, Document};
use crate::flags::history::History;
use crate::flags::value::FlagValue;

/// A requested change.
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
    /// Restores the flags of another change.
    Undo {
        revision: u64,
        force: bool,
    },
}

impl Edit {
    /// What a condition applies to.
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

/// Tags in a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tags {
    /// `*`: any.
    Any,
    /// These.
    These(Vec<String>),
}

impl Tags {
    /// The tags of a header, with or without their quotes. Tags never hold a comma.
    pub(crate) fn parse(header: &str) -> Tags {
        let tags: Vec<_> = header.split(',').map(str::trim).filter(|tag| !tag.is_empty()).collect();
        if tags == ["*"] {
            return Tags::Any;
        }
        Tags::These(tags.into_iter().map(|tag| tag.trim_matches('"').to_owned()).collect())
    }

    /// Whether one of them is `tag`. To save a transfer, weak tags are as good as strong ones.
    pub(crate) fn names(&self, tag: &str) -> bool {
        match self {
            Tags::Any => true,
            Tags::These(tags) => {
                tags.iter().any(|found| found.trim_start_matches("W/").trim_matches('"') == tag)
            }
        }
    }

    /// Whether the current state is what the author has seen. Weak tags never match.
    fn hold(&self, etag: &str, flag: &Subject<'_>) -> bool {
        match (self, flag) {
            (Tags::Any, Subject::Flag(flag)) => flag.is_some(),
            (Tags::Any, Subject::All) => true,
            (Tags::These(tags), Subject::All) => tags.iter().any(|tag| tag == etag),
            (Tags::These(tags), Subject::Flag(flag)) => {
                let flag = flag.map(FlagValue::tag);
                tags.iter().any(|tag| tag == etag || Some(tag) == flag.as_ref())
            }
        }
    }
}

/// What is to be changed.
#[derive(Debug)]
pub(crate) enum Subject<'a> {
    /// Any flags.
    All,
    /// One flag, and its value if it is there.
    Flag(Option<&'a FlagValue>),
}

/// `If-Match` and `If-None-Match` of a change.
#[derive(Debug, Clone, Default)]
pub(crate) struct Condition {
    pub(crate) if_match: Option<Tags>,
    pub(crate) if_none_match: Option<Tags>,
}

impl Condition {
    /// Whether the change may be made. `etag` is that of all flags.
    pub(crate) fn holds(&self, etag: &str, subject: &Subject<'_>) -> bool {
        self.if_match.as_ref().is_none_or(|tags| tags.hold(etag, subject))
            && self.if_none_match.as_ref().is_none_or(|tags| !tags.hold(etag, subject))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn if_match(header: &str, subject: &Subject<'_>) -> bool {
        Condition { if_match: Some(Tags::parse(header)), ..Condition::default() }.holds("e1", subject)
    }

    #[test]
    fn a_tag_of_all_flags_or_of_the_one_flag_holds_with_and_without_quotes() {
        let value = FlagValue::parse("k", "1").unwrap();
        let tag = value.tag();
        let flag = Subject::Flag(Some(&value));
        assert!(if_match("\"e1\"", &flag) && if_match("e1", &flag) && if_match("\"x\", \"e1\"", &flag));
        assert!(if_match(&format!("\"{tag}\""), &flag) && !if_match(&format!("\"{tag}\""), &Subject::All));
        assert!(!if_match("\"e2\"", &flag) && !if_match("W/\"e1\"", &flag) && !if_match("", &flag));
        assert!(!if_match(&tag, &Subject::Flag(None)));
    }

    #[test]
    fn a_star_means_that_the_flag_is_there() {
        let value = FlagValue::parse("k", "1").unwrap();
        assert!(if_match("*", &Subject::Flag(Some(&value))) && if_match("*", &Subject::All));
        assert!(!if_match("*", &Subject::Flag(None)));
        let only_new = Condition { if_none_match: Some(Tags::Any), ..Condition::default() };
        assert!(only_new.holds("e1", &Subject::Flag(None)));
        assert!(!only_new.holds("e1", &Subject::Flag(Some(&value))));
    }
}
