//! The `Retry-After` header: seconds or a date.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const SECONDS_PER_DAY: u64 = 86_400;
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// How long the server asks to wait, from `now` on. Zero for a date in the past; `None` for what is neither form.
///
/// A number too large to hold is as good as the largest one: the caller caps it anyway.
#[must_use]
pub fn parse_retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    parse_http_date(value).map(|date| date.saturating_sub(now))
}

/// Time since 1970 of any of the three date forms of HTTP, which differ in order and separators only:
/// `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT`, `Sun Nov  6 08:49:37 1994`.
fn parse_http_date(value: &str) -> Option<Duration> {
    let words: Vec<&str> = value.split([' ', ',', '-']).filter(|word| !word.is_empty()).take(8).collect();
    let (day, month, year, time) = match words.as_slice() {
        [_, day, month, year, time, "GMT"] => (day, month, year, time),
        [_, month, day, time, year] => (day, month, year, time),
        _ => return None,
    };
    let year = match (year.len(), number(year)?) {
        (4, year @ 1970..) => year,
        // Two digits: the form is so old that the century is open. Far past dates make no sense here.
        (2, year) => 2000 + year,
        _ => return None,
    };
    let month = MONTHS.iter().position(|name| name == month)?;
    let day = number(day).filter(|day| (1..=31).contains(day))?;
    let mut parts = time.split(':').map(number);
    let (Some(Some(hour)), Some(Some(minute)), Some(Some(second)), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let days = days_since_1970(year, month, day);
    Some(Duration::from_secs(days * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second))
}

fn number(text: &str) -> Option<u64> {
    // The standard parser also takes a sign.
    text.parse().ok().filter(|_| text.len() <= 4 && text.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Days in the Gregorian calendar; `month` counts from 0. A day past the end of its month counts into the next.
fn days_since_1970(year: u64, month: usize, day: u64) -> u64 {
    const BEFORE_MONTH: [u64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let leap_years_to = |year: u64| year / 4 - year / 100 + year / 400;
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let leap_day = u64::from(is_leap && month > 1);
    (year - 1970) * 365 + leap_years_to(year - 1) - leap_years_to(1969) + BEFORE_MONTH[month] + leap_day + day
        - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn seconds_are_read() {
        for (text, seconds) in [("0", 0), ("120", 120), (" 7 ", 7), ("99999999999999999999999", u64::MAX)] {
            assert_eq!(parse_retry_after(text, at(0)), Some(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn all_three_date_forms_mean_the_same() {
        let date = "06 Nov 2044 08:49:37";
        let seconds = 2_362_034_977;
        for text in
            ["Sun, 06 Nov 2044 08:49:37 GMT", "Sunday, 06-Nov-44 08:49:37 GMT", "Sun Nov  6 08:49:37 2044"]
        {
            assert_eq!(
                parse_retry_after(text, at(seconds - 90)),
                Some(Duration::from_secs(90)),
                "{text} is {date}"
            );
        }
    }

    #[test]
    fn leap_years_are_counted() {
        for (text, seconds) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Tue, 29 Feb 2000 00:00:00 GMT", 951_782_400),
            ("Wed, 01 Mar 2000 00:00:00 GMT", 951_868_800),
            ("Fri, 31 Dec 2024 23:59:59 GMT", 1_735_689_599),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
        ] {
            assert_eq!(parse_http_date(text), Some(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn a_date_in_the_past_is_no_wait() {
        assert_eq!(
            parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", at(2_000_000_000)),
            Some(Duration::ZERO)
        );
    }

    #[test]
    fn anything_else_is_ignored() {
        for text in [
            "",
            "soon",
            "-1",
            "+5",
            "1.5",
            "Sun, 06 Nov 1994",
            "Sun, 06 Nov 1994 25:00:00 GMT",
            "Sun, 06 Foo 1994 08:49:37 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1901 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49 GMT",
            "Sun, +6 Nov 1994 08:49:37 GMT",
        ] {
            assert_eq!(parse_retry_after(text, at(0)), None, "{text}");
        }
    }
}
