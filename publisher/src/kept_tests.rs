//! Lives of payloads: whatever is changed in place is, byte for byte, what is built whole.

use std::collections::BTreeSet;

use fastrand::Rng;

use super::*;

/// Values of every kind, some of them wrong.
const VALUES: &[&str] = &[
    "true",
    "false",
    "null",
    "0",
    "-0",
    "1",
    "-1",
    "12345678",
    "1.5",
    "1.50",
    "-0.0",
    "1e3",
    "1E+3",
    "1e999",
    "-1e999",
    "18446744073709551615",
    "9223372036854775808",
    "\"\"",
    "\"a\"",
    "\"b\"",
    "\"treatment\"",
    "\"treatment-group-1\"",
    "\"\\u0061\"",
    "\"\\ud800\"",
    "\"\\ud83d\\ude00\"",
    "\"\u{fffd}\"",
    "\"\u{e9}\u{1f600}\"",
    "\"\\n\\\"\\\\\"",
    "[]",
    "{}",
    "[1,2]",
    "[1, 2]",
    "{\"a\":[1,2,{\"b\":null}]}",
    "{ \"a\" : 1 }",
    "[\"\\ud800\"]",
    "{\"a\":1e999}",
    "[\"]\",\"}\"]",
    // Not JSON, or not one value.
    "tru",
    "truex",
    "01",
    "1.",
    "-",
    "\"",
    "\"\\x\"",
    "[1",
    "[1,]",
    "{\"a\"}",
    "nul",
    "1 2",
    "1,\"more\":2",
    " 1",
    "1 ",
    "\"\t\"",
    "]",
    "",
    "NaN",
    "/**/1",
    "\u{feff}1",
];

const PIECES: &[&str] = &[
    " ", "\n", ",", ":", "\"", "{", "}", "[", "]", "\\", "\\u", "0", "1", "e", ".", "-", "true", "\u{feff}",
    "\u{e9}", "\"k1\":",
];

type Members = Vec<(String, String)>;

fn text(members: &Members, space: &str) -> String {
    let members: Vec<_> = members.iter().map(|(key, value)| format!("{space}\"{key}\":{value}")).collect();
    format!("{{{}}}", members.join(","))
}

fn good(random: &mut Rng) -> String {
    match random.u8(..6) {
        0 => format!("\"{}\"", "x".repeat(random.usize(..40))),
        1 => random.i64(-1000..1000).to_string(),
        2 => format!("{{\"percent\":{},\"groups\":[\"a\"]}}", random.u8(..)),
        _ => VALUES[random.usize(..37)].to_owned(),
    }
}

/// Another value of the same kind and about as long.
fn similar(value: &str, random: &mut Rng) -> String {
    if !value.starts_with(['"', '[', '{']) {
        return VALUES[random.usize(..17)].to_owned();
    }
    let digit = |random: &mut Rng| char::from(b'1' + random.u8(..9));
    let other =
        |character: char| if matches!(character, 'x' | '0'..='9') { digit(random) } else { character };
    value.chars().map(other).collect()
}

fn key(random: &mut Rng) -> String {
    let number = random.u32(..200);
    if number.is_multiple_of(9) { format!("a-long-key-{number:/>50}") } else { format!("k{number}") }
}

/// Changes members, or for once the text.
fn next(members: &mut Members, random: &mut Rng) -> String {
    for _ in 0..random.usize(1..4) {
        let at = random.usize(..members.len().max(1));
        match random.u8(..24) {
            0 => members.insert(at.min(members.len()), (key(random), good(random))),
            1 if !members.is_empty() => drop(members.remove(at)),
            2 if members.len() > 1 => members.swap(at, 0),
            3 => members.iter_mut().for_each(|(_, value)| *value = good(random)),
            4 if !members.is_empty() => members[at].0 = key(random),
            5 if !members.is_empty() => members[at].1 = good(random),
            _ if !members.is_empty() => members[at].1 = similar(&members[at].1, random),
            _ => {}
        }
    }
    let mut payload = text(members, "");
    let at = |random: &mut Rng, payload: &str| {
        let at = random.usize(..=payload.len());
        (0..=at).rev().find(|at| payload.is_char_boundary(*at)).unwrap()
    };
    // What follows is of this payload alone.
    match random.u8(..16) {
        0 if !members.is_empty() => {
            let mut once = members.clone();
            let which = random.usize(..once.len());
            once[which].1 = VALUES[random.usize(..VALUES.len())].to_owned();
            payload = text(&once, "");
        }
        1 => payload = text(members, [" ", "\n  "][random.usize(..2)]),
        2 => payload.truncate(at(random, &payload)),
        3 => {
            let at = at(random, &payload);
            payload.insert_str(at, PIECES[random.usize(..PIECES.len())]);
        }
        4 => {
            let (a, b) = (at(random, &payload), at(random, &payload));
            let end =
                (a.min(b)..=a.max(b).min(a.min(b) + 3)).rev().find(|end| payload.is_char_boundary(*end));
            payload.replace_range(a.min(b)..end.unwrap(), "");
        }
        5 => payload.push_str(PIECES[random.usize(..PIECES.len())]),
        _ => {}
    }
    payload
}

/// Takes a payload, and compares with what is built whole. Whether the archive was changed in place.
fn take(follower: &mut Follower, payload: &str) -> bool {
    let before = follower.archive().cloned();
    let whole = follower.whole(payload);
    match follower.take(payload) {
        Ok(places) => {
            let archive = follower.archive().unwrap();
            let whole = whole.unwrap().unwrap();
            assert_eq!(archive.frame(), whole.frame(), "{payload}");
            assert_eq!(archive.facts(), whole.facts(), "{payload}");
            assert!(archive.bytes() == whole.bytes(), "{payload}");
            archive.verify().unwrap();
            if let Some(places) = &places {
                let mut expected = BTreeSet::new();
                archive.each_difference(&before.unwrap(), |key, _| assert!(expected.insert(key)));
                let keys: Vec<_> = places.iter().map(|place| archive.key_at(*place).unwrap()).collect();
                assert_eq!(keys.len(), expected.len(), "{payload}");
                assert_eq!(BTreeSet::from_iter(keys), expected, "{payload}");
            }
            places.is_some()
        }
        Err(error) => {
            assert_eq!(whole.unwrap_err().to_string(), error.to_string(), "{payload}");
            let bytes = |archive: Option<&Archive>| archive.map(|archive| archive.bytes().to_vec());
            assert_eq!(bytes(follower.archive()), bytes(before.as_ref()), "{payload}");
            false
        }
    }
}

#[test]
fn an_archive_that_is_changed_in_place_is_the_one_that_is_built_whole_over_lives_of_random_payloads() {
    let long = std::env::var_os("FLAGSTAFF_LONG").is_some_and(|value| value != "0");
    let given = std::env::var("FLAGSTAFF_SEED").ok();
    let seed = given.map_or(20_261_127, |seed| seed.parse().unwrap());
    let mut random = Rng::with_seed(seed);
    eprintln!("seed {seed}");
    let (mut patched, mut all) = (0, 0);
    for _ in 0..if long { 20_000 } else { 300 } {
        let mut follower = Follower::default();
        let mut keys = BTreeSet::new();
        let count = random.usize(..60);
        let mut members: Members = (0..count)
            .map(|_| (key(&mut random), good(&mut random)))
            .filter(|(key, _)| keys.insert(key.clone()))
            .collect();
        take(&mut follower, &text(&members, ""));
        for _ in 0..20 {
            let payload = next(&mut members, &mut random);
            patched += u32::from(take(&mut follower, &payload));
            all += 1;
        }
    }
    assert!(patched > all / 10 && patched < all * 9 / 10, "{patched} of {all} were changed in place");
}

#[test]
fn every_value_is_taken_in_place_of_every_other_if_and_only_if_its_text_is_as_long_in_words() {
    let mut patched = 0;
    for before in VALUES {
        for after in VALUES {
            for around in [
                ("{\"k\":", "}"),
                ("{\"a\":1,\"k\":", ",\"z\":\"text\"}"),
                ("\u{feff}{ \"k\" : ", " , \"z\":2 } "),
            ] {
                let mut follower = Follower::default();
                if follower.take(&format!("{}{before}{}", around.0, around.1)).is_ok() {
                    patched += u32::from(take(&mut follower, &format!("{}{after}{}", around.0, around.1)));
                }
            }
        }
    }
    assert!(patched > 500, "{patched}");
}

/// A payload in which all values are others would cost a scan of each and then a build.
#[test]
fn many_changes_are_left_to_the_builder_and_few_are_made_in_place() {
    let payload = |turn: usize, changed: usize| {
        let members = (0..1000).map(|i| {
            (format!("flag-{i}"), (i * 7 + if i % (1000 / changed) == 0 { turn } else { 0 }).to_string())
        });
        text(&members.collect(), "")
    };
    for (changed, in_place) in [(1, true), (100, true), (125, true), (200, false), (1000, false)] {
        let mut follower = Follower::default();
        take(&mut follower, &payload(0, changed));
        assert_eq!(take(&mut follower, &payload(1, changed)), in_place, "{changed} of 1000");
    }
}

#[test]
fn a_value_that_is_too_deep_is_refused_in_place_as_it_is_whole() {
    let nested = |levels: usize| format!("{{\"k\":{}{},\"z\":[]}}", "[".repeat(levels), "]".repeat(levels));
    let mut follower = Follower::default();
    take(&mut follower, &nested(126));
    take(&mut follower, &nested(127));
    assert!(!take(&mut follower, &nested(128)));
    assert_eq!(
        follower.take(&nested(128)).unwrap_err().to_string(),
        "flag \"k\" is nested deeper than 128 levels; flatten its value"
    );
    take(&mut follower, &nested(127));
}
