//! Overrides: flags that somebody set on this host, for a time, whatever the source says.
//!
//! They are a file beside the snapshot. Each says until when it holds by two clocks, and the one that is over first ends it: the clock
//! since boot, which nobody sets, and the wall clock, which alone goes on over a reboot. What the source says about the same flag stands
//! there too, so that an override can end while the source is away.

use std::borrow::Cow;
use std::io;
use std::time::Duration;

use flagstaff_format::{BootId, boot, unix_micros};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::json::json_text;
use crate::payload::{self, Limits};
use crate::side_files::SideFiles;

/// The file, `.NAME.overrides`.
pub(crate) const FILE: &str = "overrides";

/// Bytes of the file that are read. A value has at most 64 KiB, and there are at most 1,000 overrides.
const MOST_BYTES: u64 = 8 << 20;

/// How far the two ends of an override may be apart before the later one is moved.
const TOLERANCE: Duration = Duration::from_secs(1);

/// One flag that is set on this host.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Override {
    /// The flag.
    pub key: String,
    /// Its value, as JSON.
    pub value: Box<RawValue>,
    /// What the source says, as JSON; `None` if it has no such flag.
    pub source: Option<Box<RawValue>>,
    /// Why.
    pub reason: String,
    /// Who, as they said.
    pub who: String,
    /// The user that the kernel saw.
    pub uid: u32,
    /// From when until when.
    #[serde(flatten)]
    pub term: Term,
}

/// A span of time by two clocks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Term {
    /// Its begin on the wall clock, in microseconds since 1970.
    pub made_at: u64,
    /// Its end on the wall clock, in microseconds since 1970.
    pub ends_at: u64,
    /// The boot in which it began.
    boot: String,
    /// Begin and end on the clock of that boot, in milliseconds.
    made_in_boot: u64,
    ends_in_boot: u64,
}

/// What the clocks say.
#[derive(Debug, Clone)]
pub(crate) struct Now {
    wall: u64,
    boot: String,
    in_boot: u64,
}

impl Now {
    pub(crate) fn read() -> Now {
        let BootId([high, low]) = BootId::current();
        // An unknown boot is never the same one: then the wall clock decides.
        let boot = if (high, low) == (0, 0) { String::new() } else { format!("{high:016x}{low:016x}") };
        Now { wall: unix_micros(), boot, in_boot: boot::now().as_millis() as u64 }
    }
}

impl Term {
    /// From now on.
    pub(crate) fn starting(now: &Now, time: Duration) -> Term {
        Term {
            made_at: now.wall,
            ends_at: now.wall.saturating_add(time.as_micros() as u64),
            boot: now.boot.clone(),
            made_in_boot: now.in_boot,
            ends_in_boot: now.in_boot.saturating_add(time.as_millis() as u64),
        }
    }

    /// From the same begin, for another time.
    pub(crate) fn lasting(&self, time: Duration) -> Term {
        let now = Now { wall: self.made_at, boot: self.boot.clone(), in_boot: self.made_in_boot };
        Term::starting(&now, time)
    }

    /// The same, but over.
    pub(crate) fn ended(&self) -> Term {
        Term { ends_at: 0, ends_in_boot: 0, ..self.clone() }
    }

    fn is_of_this_boot(&self, now: &Now) -> bool {
        self.boot == now.boot && !now.boot.is_empty()
    }

    /// Whether it has begun and neither clock says that it is over. In another boot, the wall clock could be anywhere: a begin that it has
    /// not reached yet shows that it was set back.
    pub(crate) fn holds(&self, now: &Now) -> bool {
        if self.is_of_this_boot(now) {
            return (self.made_in_boot..self.ends_in_boot).contains(&now.in_boot) && now.wall < self.ends_at;
        }
        (self.made_at..self.ends_at).contains(&now.wall)
    }

    /// What is left of it.
    #[must_use]
    pub fn left(&self) -> Duration {
        self.left_at(&Now::read())
    }

    fn left_at(&self, now: &Now) -> Duration {
        if !self.holds(now) {
            return Duration::ZERO;
        }
        let by_wall = Duration::from_micros(self.ends_at.saturating_sub(now.wall));
        if !self.is_of_this_boot(now) {
            return by_wall;
        }
        by_wall.min(Duration::from_millis(self.ends_in_boot.saturating_sub(now.in_boot)))
    }

    /// Somebody set the wall clock back: its end moves with it, so that a reboot, after which that clock alone counts, prolongs nothing.
    /// Whether it moved.
    pub(crate) fn follow_the_clock(&mut self, now: &Now) -> bool {
        let end = now.wall.saturating_add(self.left_at(now).as_micros() as u64);
        let is_late = self.ends_at > end.saturating_add(TOLERANCE.as_micros() as u64);
        if is_late {
            self.ends_at = end;
        }
        is_late
    }
}

/// All overrides of a snapshot file, those included that are over.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub(crate) struct Overrides {
    pub(crate) overrides: Vec<Override>,
}

impl Overrides {
    /// Those in the file. Without one there are none.
    pub(crate) fn read(side_files: &SideFiles) -> io::Result<Overrides> {
        match side_files.read(FILE, MOST_BYTES)? {
            Some(text) => Ok(serde_json::from_str(&text)?),
            None => Ok(Overrides::default()),
        }
    }

    pub(crate) fn write(&self, side_files: &SideFiles) -> io::Result<()> {
        if self.overrides.is_empty() {
            return side_files.remove(FILE);
        }
        side_files.write(FILE, &serde_json::to_string_pretty(self)?)
    }

    pub(crate) fn in_force(&self, now: &Now) -> impl Iterator<Item = &Override> {
        self.overrides.iter().filter(|one| one.term.holds(now))
    }

    pub(crate) fn find(&self, key: &str) -> Option<&Override> {
        self.overrides.iter().find(|one| one.key == key)
    }

    /// Takes from a payload of the source what it says about these flags. Whether that is news.
    pub(crate) fn learn(&mut self, payload: &str, limits: &Limits) -> bool {
        let Ok(members) = payload::members(payload, limits) else { return false };
        let mut found: Vec<Option<Box<RawValue>>> = vec![None; self.overrides.len()];
        for (key, token) in members.tokens() {
            // Of a key that comes twice, the last one counts.
            if let Some(at) = self.overrides.iter().position(|one| one.key == key) {
                found[at] = RawValue::from_string(token.to_owned()).ok();
            }
        }
        let mut is_news = false;
        for (one, source) in self.overrides.iter_mut().zip(found) {
            is_news |= one.source.as_deref().map(RawValue::get) != source.as_deref().map(RawValue::get);
            one.source = source;
        }
        is_news
    }
}

/// A payload with more members behind its own: of a key that comes twice, the last one counts. The result is a payload if and only if
/// `payload` is one, because a balanced text goes in before the last brace and nothing else changes.
pub(crate) fn with_members<'a, 'b>(
    payload: &'a str,
    members: impl Iterator<Item = (&'b str, &'b str)>,
) -> Cow<'a, str> {
    let mut members = members.peekable();
    let Some(body) = payload.trim_end_matches([' ', '\t', '\n', '\r']).strip_suffix('}') else {
        return Cow::Borrowed(payload);
    };
    if members.peek().is_none() {
        return Cow::Borrowed(payload);
    }
    let body = body.trim_end_matches([' ', '\t', '\n', '\r']);
    let mut text = body.to_owned();
    let mut between = if body.ends_with('{') { "" } else { "," };
    for (key, value) in members {
        text.push_str(between);
        text.push_str(&json_text(key));
        text.push(':');
        text.push_str(value);
        between = ",";
    }
    text.push('}');
    Cow::Owned(text)
}

#[cfg(test)]
#[path = "overrides_tests.rs"]
mod tests;
