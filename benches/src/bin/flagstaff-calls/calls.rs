//! The calls whose instructions are counted: `flagstaff-calls NAME COUNT PATH` makes one of them COUNT times.

use std::hint::black_box;
use std::path::Path;

use flagstaff_publisher::{Publisher, PublisherOptions};
use flagstaff_reader::{Key, Reader};

/// What can fail here needs no type of its own: whoever started it reads the text.
type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Names of the calls.
pub(crate) const NAMES: [&str; 15] = [
    "generation",
    "get_bool-hit",
    "get_bool-key",
    "get_bool-long-key",
    "get_bool-miss",
    "get_bool-one-pair",
    "get_bool-short-key",
    "get_bools-sixteen",
    "get_number",
    "get_string",
    "handle-bool",
    "handle-number",
    "read-three-flags",
    "with_str",
    "with_str-long-key",
];

const HIT: &str = "checkout.use-fast-path-17";
const MISS: &str = "checkout.use-fast-path-18";
const SHORT: &str = "beta";
const LONG: &str = "eu.compliance.consent.show-recommended-products-for-returning-customers";
const ONE_PAIR: &str = "eu.compliance.consent.show-recommended-products-17";
const NUMBER: &str = "cart.limit-for-guests";
const TEXT: &str = "search.ranking.model-name";
const LONG_TEXT: &str = "eu.compliance.consent.text-of-the-banner-for-returning-customers";

/// Publishes what the calls read: these flags among a thousand.
///
/// # Errors
/// They cannot be published.
pub(crate) fn prepare(path: &Path) -> Outcome<()> {
    let mut payload = format!(
        "{{\"{HIT}\":true,\"{SHORT}\":true,\"{LONG}\":true,\"{ONE_PAIR}\":true,\"{NUMBER}\":2.5,\"{TEXT}\":\"gradient-boosting-7\",\
         \"{LONG_TEXT}\":\"yes\""
    );
    for i in 0..1_000 {
        payload += &format!(",\"mobile.ios.onboarding.step-{i}\":{}", i % 2 == 0);
    }
    payload.push('}');
    let mut publisher = Publisher::open(path, &PublisherOptions::default())?;
    publisher.publish(&payload)?;
    Ok(publisher.close()?)
}

/// Makes the call `count` times and checks its answers.
///
/// # Errors
/// There is no such call, or it answers wrongly.
pub(crate) fn make(name: &str, count: u64, path: &Path) -> Outcome<()> {
    let reader = &Reader::open(path)?;
    let is_right = match name {
        "generation" => repeat(count, || reader.generation().0 > 0),
        "get_bool-hit" => repeat(count, || reader.get_bool(black_box(HIT))),
        "get_bool-miss" => repeat(count, || !reader.get_bool(black_box(MISS))),
        "get_bool-short-key" => repeat(count, || reader.get_bool(black_box(SHORT))),
        "get_bool-long-key" => repeat(count, || reader.get_bool(black_box(LONG))),
        "get_bool-one-pair" => repeat(count, || reader.get_bool(black_box(ONE_PAIR))),
        "get_bools-sixteen" => {
            let keys: Vec<String> = (0..16).map(|i| format!("mobile.ios.onboarding.step-{i}")).collect();
            let keys: [&str; 16] = std::array::from_fn(|i| keys[i].as_str());
            repeat(count, || reader.get_bools(*black_box(&keys)).iter().filter(|is_on| **is_on).count() == 8)
        }
        "get_bool-key" => {
            let key = Key::new(HIT);
            repeat(count, || reader.get_bool(black_box(&key)))
        }
        "get_number" => repeat(count, || reader.get_number(black_box(NUMBER)) == 2.5),
        "get_string" => repeat(count, || reader.get_string(black_box(TEXT)).len() == 19),
        "with_str" => {
            repeat(count, || reader.with_str(black_box(TEXT), |text| text.map_or(0, str::len)) == 19)
        }
        "with_str-long-key" => {
            repeat(count, || reader.with_str(black_box(LONG_TEXT), |text| text.map_or(0, str::len)) == 3)
        }
        "handle-bool" => {
            let flag = reader.bool_flag(HIT);
            repeat(count, || black_box(&flag).get())
        }
        "handle-number" => {
            let flag = reader.number_flag(NUMBER);
            repeat(count, || black_box(&flag).get() == 2.5)
        }
        "read-three-flags" => repeat(count, || {
            let (first, second, number) = reader.read(|view| {
                (
                    view.get_bool(black_box(HIT)),
                    view.get_bool(black_box(SHORT)),
                    view.get_number(black_box(NUMBER)),
                )
            });
            first && second && number == 2.5
        }),
        _ => return Err(format!("there is no call `{name}`").into()),
    };
    if is_right { Ok(()) } else { Err(format!("wrong answers of `{name}`").into()) }
}

/// One loop per call, so that what is counted is the call as it is inlined, and an add and a branch.
#[inline(always)]
fn repeat(count: u64, mut call: impl FnMut() -> bool) -> bool {
    let mut right = 0;
    for _ in 0..count {
        right += u64::from(black_box(call()));
    }
    right == count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_answers_what_it_should() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("calls.flagstaff");
        prepare(&path).unwrap();
        for name in NAMES {
            make(name, 10, &path).unwrap();
        }
        assert!(make("no-such-call", 1, &path).is_err());
        assert!(NAMES.is_sorted());
    }
}
