use proptest::prelude::*;

use flagstaff_format::Value;

use super::*;
use crate::json::json_of;
use crate::payload::decode;

fn at(wall: u64, boot: &str, in_boot: u64) -> Now {
    Now { wall: wall * 1_000_000, boot: boot.to_owned(), in_boot: in_boot * 1000 }
}

fn half_an_hour() -> Term {
    Term::starting(&at(10_000, "b", 500), Duration::from_secs(1800))
}

#[test]
fn an_override_ends_when_the_first_of_its_clocks_says_so() {
    let term = half_an_hour();
    for (now, holds) in [
        (at(10_000, "b", 500), true),
        (at(11_799, "b", 2299), true),
        (at(11_800, "b", 2300), false),
        // The wall clock is set forward, and back.
        (at(11_800, "b", 600), false),
        (at(5, "b", 2299), true),
        (at(5, "b", 2300), false),
        // Another boot: the wall clock alone.
        (at(10_100, "c", 3), true),
        (at(11_800, "c", 3), false),
        (at(9_999, "c", 3), false),
        // A boot that is not known is never the same.
        (at(9_999, "", 600), false),
    ] {
        assert_eq!(term.holds(&now), holds, "{now:?}");
        assert_eq!(term.left_at(&now).is_zero(), !holds, "{now:?}");
    }
}

#[test]
fn a_clock_that_is_set_back_prolongs_nothing_even_over_a_reboot() {
    let mut term = half_an_hour();
    assert!(!term.follow_the_clock(&at(10_100, "b", 600)), "nothing has happened");
    // Twenty minutes are over, and somebody sets the clock back by an hour.
    let set_back = at(7_600, "b", 1700);
    assert!(term.follow_the_clock(&set_back));
    assert_eq!(term.left_at(&set_back), Duration::from_secs(600));
    // After a reboot that took a minute, nine are left by that clock; but its begin is in the future now, so it is over.
    assert!(!term.holds(&at(7_660, "c", 2)));
    assert!(!term.holds(&at(10_100, "c", 2)));
    // Set forward: what is left is less, and stays so.
    let mut term = half_an_hour();
    assert!(!term.follow_the_clock(&at(11_000, "b", 600)));
    assert_eq!(term.left_at(&at(11_000, "b", 600)), Duration::from_secs(800));
}

#[test]
fn members_are_put_behind_those_of_the_payload() {
    let with = |payload: &str| with_members(payload, [("a", "1"), ("q\"", "[2]")].into_iter()).into_owned();
    assert_eq!(with("{}"), r#"{"a":1,"q\"":[2]}"#);
    assert_eq!(with("{ \n}\n"), r#"{"a":1,"q\"":[2]}"#);
    assert_eq!(with(r#"{"a":{} }"#), r#"{"a":{},"a":1,"q\"":[2]}"#);
    assert_eq!(with_members("{ }", std::iter::empty()), "{ }", "nothing is touched without need");
}

proptest! {
    #[test]
    fn what_is_no_payload_does_not_become_one_and_what_is_one_stays_one(
        parts in proptest::collection::vec(
            prop_oneof!["\\{", "\\}", ",", ":", "\"a\"", "\"k\"", "1", "\\[", "\\]", " ", "\"\\}\"", "\u{feff}"], 0..9)
    ) {
        let payload = parts.concat();
        let merged = with_members(&payload, [("k", "7")].into_iter());
        let limits = Limits::default();
        prop_assert_eq!(decode(&payload, &limits).is_ok(), decode(&merged, &limits).is_ok(), "{}", merged);
        if let Ok(flags) = decode(&merged, &limits) {
            prop_assert_eq!(&flags.last().unwrap().value, &Value::I64(7));
        }
    }

    #[test]
    fn a_value_that_is_written_as_json_is_read_as_the_same_value(
        value in prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::I64),
            (u64::MAX / 2 + 1..).prop_map(Value::U64),
            any::<f64>().prop_filter("JSON has no others", |value| value.is_finite()).prop_map(Value::F64),
            "1e[4-9][0-9]{2}".prop_map(|text| Value::HugeNumber(text.into())),
            any::<String>().prop_map(|text| Value::String(text.into())),
            Just(Value::Json("{\"a\":[1,\"b\"]}".into())),
        ]
    ) {
        let json = format!("{{\"k\":{}}}", json_of(&value));
        let flags = decode(&json, &Limits::default()).unwrap();
        match (&flags[0].value, &value) {
            (Value::F64(read), Value::F64(written)) => prop_assert_eq!(read.to_bits(), written.to_bits()),
            (read, written) => prop_assert_eq!(read, written),
        }
    }
}
