//! The guard: a payload that would empty a host, or change most of its flags at once, is held until somebody accepts it.
//!
//! It is asked for every payload, so it looks at a part of the flags first, and at all of them only if that part, or their number, is
//! suspicious.

use std::fmt;
use std::str::FromStr;

use flagstaff_format::{Archive, Fate, Records};

use crate::outcome::Keys;

/// Sets with fewer flags change as a whole while somebody sets them up: of those, only the removal of all is held.
const FROM_FLAGS: usize = 20;

/// Places of the table that the first look takes, at least, and one of how many it takes of a large table.
const FIRST_LOOK: usize = 64;

/// Which payloads of a source are held back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Guard(Option<f64>);

impl Guard {
    /// Nothing is held.
    pub const OFF: Guard = Guard(None);

    /// Holds a payload that removes all flags; of 20 or more flags also one that removes more than this share of them, or gives more than this
    /// share another type. `None` unless it is above 0 and at most 1.
    ///
    /// ```
    /// use flagstaff_publisher::Guard;
    ///
    /// assert_eq!(Guard::share(0.5), Some(Guard::default()));
    /// assert_eq!(Guard::share(1.5), None);
    /// ```
    #[must_use]
    pub fn share(share: f64) -> Option<Guard> {
        (share > 0.0 && share <= 1.0).then_some(Guard(Some(share)))
    }

    /// Whether nothing can be suspicious that gives so many of the flags another value, and leaves the keys alone.
    pub(crate) fn lets_pass(self, changed: usize, flags: usize) -> bool {
        self.0.is_none_or(|share| changed as f64 <= share * flags as f64)
    }

    /// What is suspicious about `after` in place of `before`. Of both, `overridden` flags are not the source's.
    pub(crate) fn suspects<R: Records>(
        self,
        before: &R,
        after: &Archive,
        overridden: usize,
    ) -> Option<Suspicion> {
        let share = self.0?;
        let (flags, left) = (before.frame().flags as usize, after.len());
        let is_emptied = left <= overridden && flags > overridden;
        let most = share * flags as f64;
        if !is_emptied && (flags < FROM_FLAGS || !looks_suspicious(before, after, share, most)) {
            return None;
        }
        let mut found = Suspicion { before: flags, after: left, ..Suspicion::default() };
        after.each_fate(before, 1, |fate, key| {
            let keys = match fate {
                Fate::Kept => return,
                Fate::Gone => &mut found.removed,
                Fate::OtherType => &mut found.retyped,
            };
            keys.push(key().unwrap_or_default());
        });
        let is_much = |keys: &Keys| keys.count as f64 > most;
        (is_emptied || is_much(&found.removed) || is_much(&found.retyped)).then_some(found)
    }
}

/// Whether it is worth to look at every flag: half of the share in a part of the table is enough.
fn looks_suspicious<R: Records>(before: &R, after: &Archive, share: f64, most: f64) -> bool {
    let flags = before.frame().flags as usize;
    if flags.saturating_sub(after.len()) as f64 > most {
        return true;
    }
    let every = (before.frame().places / FIRST_LOOK).clamp(1, FIRST_LOOK);
    let (mut looked_at, mut gone, mut retyped) = (0, 0, 0);
    after.each_fate(before, every, |fate, _| {
        looked_at += 1;
        gone += usize::from(fate == Fate::Gone);
        retyped += usize::from(fate == Fate::OtherType);
    });
    gone.max(retyped) as f64 > share / 2.0 * f64::from(looked_at)
}

impl Default for Guard {
    /// Half of the flags.
    fn default() -> Guard {
        Guard(Some(0.5))
    }
}

impl FromStr for Guard {
    type Err = GuardError;

    /// `off`, or a share such as 0.5.
    fn from_str(text: &str) -> Result<Guard, GuardError> {
        if text == "off" {
            return Ok(Guard::OFF);
        }
        text.parse().ok().and_then(Guard::share).ok_or(GuardError)
    }
}

/// A text that is no guard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected off, or a share of the flags above 0 and at most 1, such as 0.5")]
#[non_exhaustive]
pub struct GuardError;

/// What a payload would do that is not done without being accepted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Suspicion {
    /// Flags that readers have.
    pub before: usize,
    /// Flags that they would have.
    pub after: usize,
    /// Flags that would be gone.
    pub removed: Keys,
    /// Flags that would have another type.
    pub retyped: Keys,
}

/// On one line, without values.
impl fmt::Display for Suspicion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Suspicion { before, after, removed, retyped } = self;
        write!(f, "of {before} flags it ")?;
        match (removed.count, retyped.count) {
            (_, 0) => write!(f, "removes {removed}")?,
            (0, _) => write!(f, "changes the type of {retyped}")?,
            _ => write!(f, "removes {removed} and changes the type of {retyped}")?,
        }
        write!(f, "; {after} would be left")
    }
}

#[cfg(test)]
mod tests {
    use flagstaff_format::{Facts, Generation};

    use super::*;
    use crate::payload::decode;

    fn archive(members: impl IntoIterator<Item = String>) -> Archive {
        let json = format!("{{{}}}", members.into_iter().collect::<Vec<_>>().join(","));
        let flags = decode(&json, &Default::default()).unwrap();
        Archive::build(&flags, Generation(1), Facts::default()).unwrap()
    }

    fn flags(keys: std::ops::Range<usize>, value: &str) -> impl Iterator<Item = String> {
        keys.map(move |i| format!("\"flag-{i}\":{value}"))
    }

    fn suspects(before: &Archive, after: &Archive) -> Option<(usize, usize)> {
        let found = Guard::default().suspects(before, after, 0)?;
        Some((found.removed.count, found.retyped.count))
    }

    #[test]
    fn removal_of_all_flags_is_held_and_removal_of_some_of_a_few_is_not() {
        let (one, few) = (archive(flags(0..1, "1")), archive(flags(0..19, "1")));
        let empty = archive([]);
        assert_eq!(suspects(&one, &empty), Some((1, 0)));
        assert_eq!(suspects(&few, &empty), Some((19, 0)));
        assert_eq!(suspects(&few, &one), None);
        assert_eq!(suspects(&one, &archive(flags(5..6, "1"))), None, "a set that is being built");
        assert_eq!(suspects(&empty, &few), None, "nothing is lost");
        assert_eq!(suspects(&empty, &empty), None);
        assert_eq!(Guard::OFF.suspects(&few, &empty, 0), None);
    }

    #[test]
    fn of_twenty_flags_or_more_no_more_than_the_share_may_go_or_change_their_type() {
        for count in [20, 64, 1000, 20_000] {
            let all = archive(flags(0..count, "1"));
            let half = count / 2;
            assert_eq!(suspects(&all, &archive(flags(half..count, "2"))), None, "half of {count}");
            assert_eq!(suspects(&all, &archive(flags(half + 1..count, "2"))), Some((half + 1, 0)));
            let renamed = flags(0..half - 1, "1").chain(flags(count..2 * count, "1"));
            assert_eq!(
                suspects(&all, &archive(renamed)),
                Some((count - half + 1, 0)),
                "more flags than before"
            );
            let retyped = |to| flags(0..to, "\"1\"").chain(flags(to..count, "1.5"));
            assert_eq!(suspects(&all, &archive(retyped(half))), None);
            assert_eq!(suspects(&all, &archive(retyped(half + 1))), Some((0, half + 1)));
            let grown = flags(0..10 * count, "7");
            assert_eq!(suspects(&all, &archive(grown)), None);
        }
    }

    #[test]
    fn another_share_is_another_limit() {
        let all = archive(flags(0..1000, "true"));
        let without = |gone| archive(flags(gone..1000, "true"));
        let guard: Guard = "0.1".parse().unwrap();
        assert_eq!(guard.suspects(&all, &without(100), 0), None);
        assert_eq!(guard.suspects(&all, &without(101), 0).map(|found| found.removed.count), Some(101));
        assert_eq!("1".parse::<Guard>().unwrap().suspects(&all, &without(999), 0), None);
        for wrong in ["0", "-1", "1.1", "NaN", "half", ""] {
            assert_eq!(wrong.parse::<Guard>(), Err(GuardError), "{wrong}");
        }
    }

    #[test]
    fn overrides_do_not_hide_that_the_source_has_no_flags_left() {
        let (with, left) = (archive(flags(0..3, "1")), archive(flags(0..1, "1")));
        assert!(Guard::default().suspects(&with, &left, 1).is_some());
        assert_eq!(Guard::default().suspects(&left, &left, 1), None, "there were none before");
    }

    #[test]
    fn the_difference_is_said_on_one_line_without_values() {
        let all = archive(flags(0..2, "\"secret\""));
        let found = Guard::default().suspects(&all, &archive([]), 0).unwrap();
        assert_eq!(found.to_string(), "of 2 flags it removes 2 (flag-0, flag-1); 0 would be left");
    }
}
