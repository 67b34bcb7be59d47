use super::*;
use crate::archive::perfect::max_places;
use crate::bytes::layout::MAX_PAYLOAD;
use proptest::prelude::*;
use std::collections::BTreeMap;

const FIRST: Generation = Generation(1);

fn flag(key: &str, value: Value<'static>) -> Flag<'static> {
    Flag { key: key.to_owned().into(), value }
}

fn build(flags: &[Flag<'_>]) -> Archive {
    let archive = Archive::build(flags, FIRST, Facts::default()).unwrap();
    archive.verify().unwrap();
    archive
}

fn value() -> impl Strategy<Value = Value<'static>> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::I64),
        (i64::MAX as u64 + 1..).prop_map(Value::U64),
        (-1e300..1e300).prop_map(Value::F64),
        ".{0,40}".prop_map(|text| Value::String(text.into())),
        Just(Value::Json("{\"a\":[1,2]}".into())),
        Just(Value::HugeNumber("1e999".into())),
    ]
}

proptest! {
    #[test]
    fn every_flag_is_found_with_its_value_and_no_other(
        flags in proptest::collection::btree_map("[a-z.-]{0,70}", value(), 0..300),
        others in proptest::collection::vec("[a-z.-]{0,70}", 50),
    ) {
        let list: Vec<_> = flags.iter().map(|(k, v)| flag(k, v.clone())).collect();
        let archive = build(&list);
        prop_assert_eq!(archive.iter().collect::<BTreeMap<_, _>>(), flags.clone());
        for other in others {
            prop_assert_eq!(archive.find(&other).is_present(), flags.contains_key(&other));
        }
    }

    #[test]
    fn every_flag_is_counted_once_with_its_type(flags in proptest::collection::btree_map("[a-z]{0,9}", value(), 0..100)) {
        let list: Vec<_> = flags.iter().map(|(k, v)| flag(k, v.clone())).collect();
        let counts = build(&list).type_counts();
        let count = |name| list.iter().filter(|flag| flag.value.kind_name() == name).count() as u64;
        prop_assert_eq!((counts.bools, counts.numbers, counts.strings), (count("bool"), count("number"), count("string")));
        prop_assert_eq!((counts.jsons, counts.nulls), (count("json"), count("null")));
    }

    #[test]
    fn any_bytes_behind_a_good_frame_are_refused_or_readable(at: prop::sample::Index, with: u8) {
        let good = build(&[flag("a", Value::Bool(true)), flag(&"k".repeat(60), Value::String("text".into()))]);
        let mut bytes = good.bytes.clone();
        let at = at.index(bytes.len());
        bytes[at] ^= with;
        let frame = Frame { checksum: crate::bytes::checksum::checksum(&bytes), ..good.frame };
        if let Ok(archive) = Archive::check(frame, bytes) {
            let _ = archive.verify();
            let _ = archive.iter().count();
            let _ = archive.find("a");
        }
    }
}

#[test]
fn the_last_of_several_flags_with_one_key_wins() {
    let archive = build(&[
        flag("twice", Value::I64(1)),
        flag("once", Value::Null),
        flag("twice", Value::I64(2)),
        flag("twice", Value::I64(3)),
    ]);
    assert_eq!((archive.len(), archive.find("twice").i64()), (2, Some(3)));
}

/// The typed getters took such a number for missing, and only `get` of a copy returned it, which no JSON can say.
#[test]
fn a_number_that_is_not_finite_is_no_value_and_fails_the_proof_of_the_archive() {
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let flags = [flag("bad", Value::F64(number)), flag("good", Value::F64(1.5))];
        let archive = Archive::build(&flags, FIRST, Facts::default()).unwrap();
        let found = archive.find("bad");
        assert_eq!((archive.value_of(found), found.number()), (None, None), "{number}");
        assert_eq!(archive.iter().collect::<Vec<_>>(), [("good".to_owned(), Value::F64(1.5))], "{number}");
        assert!(matches!(archive.verify(), Err(Damage::Record { .. })), "{number}");
    }
}

#[test]
fn a_payload_of_nothing_but_one_key_becomes_one_flag() {
    let flags: Vec<_> = (0..100_000).map(|i| flag("again", Value::I64(i))).collect();
    assert_eq!(build(&flags).find("again").i64(), Some(99_999));
}

#[test]
fn the_last_bit_of_the_archive_counts() {
    let good = build(&[flag("a", Value::Bool(true))]);
    let mut bytes = good.bytes.clone();
    *bytes.last_mut().unwrap() ^= 1;
    assert!(matches!(Archive::check(good.frame, bytes), Err(Damage::Checksum { .. })));
}

#[test]
fn an_archive_that_disagrees_with_its_frame_is_refused() {
    let good = build(&[flag("a", Value::Bool(true))]);
    let frame = Frame { flags: 2, ..good.frame };
    assert!(matches!(
        Archive::check(frame, good.bytes.clone()),
        Err(Damage::Implausible { what: "flags", .. })
    ));
}

/// A payload spends at least `"k":1,` on a flag. There are at most 2^8 + 1 keys of less than two bytes and 2^16 of two, which
/// cost 7 bytes each; all others cost 8 and more.
#[test]
fn the_largest_archive_that_a_payload_can_become_fits_an_area() {
    let short = (1 << 16) + (1 << 8) + 1;
    let flags = short + (MAX_PAYLOAD - 7 * (1 << 16)) / 8;
    let texts = MAX_PAYLOAD + 7 * flags;
    let bytes = max_places(flags) * 64 + max_places(flags) * 4 + 9 * 64 + shape::ROOT_BYTES;
    // Text needs quotes: a flag with text costs two bytes more than one without, and takes at most 8 + its length.
    assert!(bytes as u64 <= AREA_BYTES - FRAME_BYTES, "{bytes} bytes without text");
    let with_text = MAX_PAYLOAD / 10 + short;
    let bytes = max_places(with_text) * 68 + with_text * 8 + 4096;
    assert!(bytes as u64 <= AREA_BYTES - FRAME_BYTES, "{bytes} bytes with text everywhere");
    assert!(texts as u64 <= AREA_BYTES, "one long text");
}

#[test]
fn an_archive_of_50_000_short_flags_takes_under_90_bytes_per_flag() {
    let flags: Vec<_> =
        (0..50_000).map(|i| flag(&format!("service.checkout.flag-{i:08}"), Value::Bool(true))).collect();
    let archive = build(&flags);
    assert!(archive.bytes().len() < 90 * flags.len(), "{} bytes", archive.bytes().len());
}
