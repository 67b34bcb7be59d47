//! The parser against its rules written down plainly, on streams and splits at random.

use proptest::prelude::*;

use super::super::retry::{RETRY_MAX, RETRY_MIN};
use super::tests::parse_chunks;
use super::*;

#[path = "plain_rules.rs"]
mod plain_rules;

fn parsed<'a>(limit: usize, chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<plain_rules::Plain> {
    parse_chunks(limit, chunks).into_iter().map(plain_rules::plain).collect()
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
        let expected = plain_rules::items(limit, &stream);
        prop_assert_eq!(&parsed(limit, [stream.as_slice()]), &expected, "in one piece");
        prop_assert_eq!(&parsed(limit, stream.chunks(1)), &expected, "byte by byte");
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        places.extend([0, stream.len()]);
        places.sort_unstable();
        let chunks = places.windows(2).map(|pair| &stream[pair[0]..pair[1]]);
        prop_assert_eq!(&parsed(limit, chunks), &expected, "cut at {:?}", places);
    }
}
