//! The `Retry-After` header: seconds or a date.

use std::time::{Duration, SystemTime};

/// How long the server asks to wait, from `now` on. Zero for a date in the past; `None` for anything else.
///
/// A number too large to hold is as good as the largest one: the caller caps it anyway.
pub(super) fn parse_retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

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
    fn dates_in_leap_years_are_read() {
        for (text, seconds) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Tue, 29 Feb 2000 00:00:00 GMT", 951_782_400),
            ("Wed, 01 Mar 2000 00:00:00 GMT", 951_868_800),
            ("Tue, 31 Dec 2024 23:59:59 GMT", 1_735_689_599),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
        ] {
            assert_eq!(parse_retry_after(text, at(0)), Some(Duration::from_secs(seconds)), "{text}");
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
