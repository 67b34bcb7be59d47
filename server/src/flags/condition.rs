//! Under which condition a change is to be made: the tags that its author saw.

use crate::flags::value::FlagValue;

/// Tags as a header names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tags {
    /// `*`: whatever is there.
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

    /// Whether one of them is `tag`. A weak one is as good as a strong one for whoever only wants to save a transfer.
    pub(crate) fn names(&self, tag: &str) -> bool {
        match self {
            Tags::Any => true,
            Tags::These(tags) => {
                tags.iter().any(|found| found.trim_start_matches("W/").trim_matches('"') == tag)
            }
        }
    }

    /// Whether what is there is what the author saw. Weak tags never are.
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
