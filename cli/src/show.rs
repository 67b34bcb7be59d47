//! Times, sizes and values for people.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use flagstaff_publisher::printable;
use flagstaff_reader::Value;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// A point in time as RFC 3339 in UTC, with milliseconds. One that no calendar of four digits has, as in a damaged file, is the
/// first or the last that it has.
pub(crate) fn time(time: SystemTime) -> String {
    const LAST: Duration = Duration::from_millis(253_402_300_799_999);
    humantime::format_rfc3339_millis(time.clamp(UNIX_EPOCH, UNIX_EPOCH + LAST)).to_string()
}

/// A span of time with as much detail as a person wants.
pub(crate) fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0 if span < Duration::from_millis(1) => format!("{} us", span.as_micros()),
        0 => format!("{} ms", span.as_millis()),
        1..60 => format!("{:.1} s", span.as_secs_f64()),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// A span of time in words, in its two largest units.
pub(crate) fn words(span: Duration) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")];
    let seconds = span.as_secs();
    let Some(first) = UNITS.iter().position(|(unit, _)| seconds >= *unit) else {
        return "less than a second".to_owned();
    };
    let mut left = seconds;
    let mut words = Vec::new();
    for (unit, name) in UNITS.iter().skip(first).take(2) {
        let count = left / unit;
        left %= unit;
        if count > 0 {
            words.push(format!("{count} {name}{}", if count == 1 { "" } else { "s" }));
        }
    }
    words.join(" ")
}

/// An age in seconds as a span; `None` if it is none.
pub(crate) fn seconds(age: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(age).ok()
}

/// An age in seconds, in words.
pub(crate) fn ago(age: Option<f64>) -> String {
    match age.and_then(seconds) {
        Some(age) => format!("{} ago", words(age)),
        None => "not known".to_owned(),
    }
}

/// A size in bytes.
pub(crate) fn bytes(bytes: u64) -> String {
    let kib = bytes as f64 / 1024.0;
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{kib:.1} KiB"),
        _ => format!("{:.1} MiB", kib / 1024.0),
    }
}

/// A number with commas between its thousands.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A value on one line, whole.
pub(crate) fn value(value: &Value<'_>) -> Result<String, serde_json::Error> {
    Ok(harmless(&crate::json::text(value)?))
}

/// A text in at most so many columns of a terminal. A text that is cut off ends with its size.
pub(crate) fn shortened(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let rest = format!(".. ({})", bytes(text.len() as u64));
    let room = columns.saturating_sub(rest.len());
    let mut used = 0;
    let kept = text.chars().take_while(|c| {
        used += c.width().unwrap_or(0);
        used <= room
    });
    let kept: String = kept.collect();
    if kept.is_empty() { text.chars().take(columns.min(1)).collect() } else { kept + &rest }
}

/// A key on one line, in at most so many columns: its middle is left out, because keys often begin alike and differ at the end.
pub(crate) fn key_in(key: &str, columns: usize) -> String {
    const GAP: &str = "..";
    let key = self::key(key);
    if key.width() <= columns {
        return key;
    }
    let room = columns.saturating_sub(GAP.len());
    let fitting = |chars: &mut dyn Iterator<Item = char>, room: usize| {
        let mut used = 0;
        let fits = |c: &char| {
            used += c.width().unwrap_or(0);
            used <= room
        };
        chars.take_while(fits).collect::<Vec<_>>()
    };
    // The end has one more, if there is one.
    let start: String = fitting(&mut key.chars(), room / 2).into_iter().collect();
    let end: String = fitting(&mut key.chars().rev(), room - room / 2).into_iter().rev().collect();
    format!("{start}{}{end}", &GAP[..GAP.len().min(columns)])
}

/// A key on one line.
pub(crate) fn key(key: &str) -> String {
    harmless(key)
}

/// Without control characters that a terminal obeys, and without invisible ones.
pub(crate) fn harmless(text: &str) -> String {
    printable(text).into_owned()
}

/// Reads a span of time from the command line: a number of seconds, or numbers with units.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let in_seconds = text.parse().ok().and_then(seconds);
    in_seconds.or_else(|| humantime::parse_duration(text).ok()).ok_or_else(|| {
        "expected seconds, or numbers with units such as 500ms, 90s, 5m, 1h30m or 2d".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399, "2000-02-28T23:59:59.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (1_709_251_199, "2024-02-29T23:59:59.000Z"),
            (1_709_251_200, "2024-03-01T00:00:00.000Z"),
            (4_102_444_800, "2100-01-01T00:00:00.000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000Z"),
            (u64::MAX / 1_000_000, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(time(UNIX_EPOCH + Duration::from_secs(seconds)), expected);
        }
    }

    #[test]
    fn spans_sizes_and_counts_are_short() {
        assert_eq!(span(Duration::from_micros(7)), "7 us");
        assert_eq!(span(Duration::from_millis(1500)), "1.5 s");
        assert_eq!(span(Duration::from_secs(3 * 86_400 + 7200)), "3 d 2 h");
        assert_eq!((bytes(1023), bytes(1536)), ("1023 B".to_owned(), "1.5 KiB".to_owned()));
        assert_eq!((count(999), count(1_234_567)), ("999".to_owned(), "1,234,567".to_owned()));
    }

    #[test]
    fn ages_are_words_in_two_units() {
        for (seconds, expected) in [
            (0.2, "less than a second"),
            (1.0, "1 second"),
            (59.9, "59 seconds"),
            (60.0, "1 minute"),
            (200.0, "3 minutes 20 seconds"),
            (3600.0 * 25.0, "1 day 1 hour"),
            (3600.0 * 24.0 + 59.0, "1 day"),
        ] {
            assert_eq!(words(Duration::from_secs_f64(seconds)), expected);
        }
    }

    #[test]
    fn long_texts_are_cut_between_characters_and_by_what_they_take_on_a_terminal() {
        let (narrow, wide) = ("\u{e4}".repeat(100), "\u{4e2d}".repeat(100));
        assert_eq!(shortened(&narrow, 100), narrow);
        assert_eq!(shortened(&narrow, 30), format!("{}.. (200 B)", "\u{e4}".repeat(20)));
        assert_eq!(shortened(&wide, 31), format!("{}.. (300 B)", "\u{4e2d}".repeat(10)));
        assert_eq!((shortened("abcdef", 3), shortened("abcdef", 0)), ("a".to_owned(), String::new()));
    }

    #[test]
    fn a_long_key_keeps_its_start_and_its_end() {
        assert_eq!(key_in("team.checkout.new-flow", 22), "team.checkout.new-flow");
        assert_eq!(key_in("team.checkout.new-flow", 13), "team...w-flow");
        assert_eq!(key_in(&"\u{4e2d}".repeat(10), 9), "\u{4e2d}..\u{4e2d}\u{4e2d}");
        assert_eq!(
            (key_in("abcdef", 3), key_in("abcdef", 1), key_in("abc", 0)),
            ("..f".into(), ".".into(), "".into())
        );
    }

    #[test]
    fn durations_are_seconds_or_have_units() {
        for (text, expected) in [
            ("60", 60_000),
            ("0.05", 50),
            ("60s", 60_000),
            ("5m", 300_000),
            ("1h30m", 5_400_000),
            ("1h 30m", 5_400_000),
            ("500ms", 500),
            ("0", 0),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(expected)), "{text}");
        }
        for text in ["", "-1", "-1s", "m", "5 x", "NaN", "inf", "1e400"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
