//! The parser against its rules written down plainly, on streams and splits at random.

use std::time::Duration;

use proptest::prelude::*;

use super::super::retry::{RETRY_MAX, RETRY_MIN};
use super::tests::{event, parse_chunks};
use super::*;

/// The rules written down as plainly as possible: the whole stream decoded first, then line by line. Limits count bytes, so the
/// undecoded lines go along. A line without end only counts for the limits.
fn model(limit: usize, stream: &[u8]) -> Vec<Item> {
    let stream = stream.strip_prefix(&BYTE_ORDER_MARK).unwrap_or(stream);
    let text = String::from_utf8_lossy(stream);
    let raw_lines = split_lines(stream, |byte| *byte);
    let characters: Vec<char> = text.chars().collect();
    let lines = split_lines(&characters, |c| u8::try_from(*c).unwrap_or(b'?'));
    assert_eq!(raw_lines.len(), lines.len());
    let complete = lines.len() - 1;
    let mut items = Vec::new();
    let (mut data, mut raw_data_bytes) = (None::<String>, 0);
    let (mut event_type, mut id) = (String::new(), String::new());
    for (number, (raw, line)) in raw_lines.iter().zip(&lines).enumerate() {
        let line: String = line.iter().collect();
        let is_complete = number < complete;
        if line.is_empty() {
            if !is_complete {
                break;
            }
            if let Some(data) = data.take() {
                if data.len() > limit {
                    items.push(Item::TooLarge { part: Part::Data, limit });
                    return items;
                }
                let name = if event_type.is_empty() { "message" } else { &event_type };
                items.push(event(name, &data, &id));
            }
            event_type.clear();
            raw_data_bytes = 0;
            continue;
        }
        if !is_complete && !line.contains(':') && line.len() <= 5 {
            break;
        }
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        let part = match name {
            "data" => {
                let raw_value = raw.get(5..).unwrap_or(b"");
                let raw_value = raw_value.strip_prefix(b" ").unwrap_or(raw_value);
                raw_data_bytes += raw_value.len() + usize::from(data.is_some());
                (raw_data_bytes > limit).then_some(Part::Data)
            }
            "event" | "id" => None,
            _ => (raw.len() > limit).then_some(Part::Line),
        };
        if let Some(part) = part {
            items.push(Item::TooLarge { part, limit });
            return items;
        }
        if !is_complete {
            break;
        }
        match name {
            "" => items.push(Item::Comment),
            "data" => {
                data = Some(match data {
                    Some(earlier) => earlier + "\n" + value,
                    None => value.to_owned(),
                });
            }
            "event" => event_type = value.to_owned(),
            "id" if !value.contains('\0') => id = value.to_owned(),
            "retry" if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => {
                let delay = Duration::from_millis(value.parse().unwrap_or(u64::MAX));
                items.push(Item::Retry(delay.clamp(RETRY_MIN, RETRY_MAX)));
            }
            _ => {}
        }
    }
    items
}

/// Lines without their ends; the last one has none.
fn split_lines<T: Copy>(text: &[T], ascii: impl Fn(&T) -> u8) -> Vec<Vec<T>> {
    let mut lines = vec![Vec::new()];
    let mut after_cr = false;
    for part in text {
        match ascii(part) {
            b'\n' if after_cr => after_cr = false,
            end @ (b'\n' | b'\r') => {
                after_cr = end == b'\r';
                lines.push(Vec::new());
            }
            _ => {
                after_cr = false;
                lines.last_mut().unwrap().push(*part);
            }
        }
    }
    lines
}

/// Pieces that make the interesting cases likely.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let words: Vec<&'static [u8]> = vec![
        b"data",
        b"data:",
        b"data: ",
        b"event: x",
        b"event:",
        b"id: 1",
        b"id",
        b"id: \0",
        b"retry: ",
        b"retry:7",
        b"12345",
        b"99999999",
        b":",
        b": c",
        b" ",
        b"  ",
        b"unknown",
        b"unknown: ",
        b"foo:",
        b"\n",
        b"\n",
        b"\n",
        b"\n\n",
        b"\r",
        b"\r",
        b"\r\n",
        b"\r\n",
        b"\r\r",
        b"\n\r",
        b"\xef\xbb\xbf",
        b"\xef\xbb",
        b"\xef",
        b"\xff",
        b"\xf0\x9f\x9a\xa9",
        b"\xf0\x9f",
        b"\xc3",
        b"\xa9",
        b"\xed\xa0\x80",
        b"{\"a\":true}",
        b"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    ];
    prop_oneof![
        8 => prop::sample::select(words).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..6),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_split_of_every_stream_gives_what_the_rules_say(
        pieces in prop::collection::vec(piece(), 0..40),
        limit in prop_oneof![Just(1 << 20), 8_usize..80],
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let stream = pieces.concat();
        let expected = model(limit, &stream);
        prop_assert_eq!(&parse_chunks(limit, [stream.as_slice()]), &expected, "in one piece");
        prop_assert_eq!(&parse_chunks(limit, stream.chunks(1)), &expected, "byte by byte");
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        places.extend([0, stream.len()]);
        places.sort_unstable();
        let chunks = places.windows(2).map(|pair| &stream[pair[0]..pair[1]]);
        prop_assert_eq!(&parse_chunks(limit, chunks), &expected, "cut at {:?}", places);
    }
}
