//! One answer, taken once: while payloads come it is compared with each that it may be of.

use std::sync::Arc;

use fastrand::Rng;
use flagstaff_reader::{Reader, Value};

use super::expected::{Wrong, bool_of, compare, json_of, number_of, text_of, value_of};
use super::flags::{Content, key};

/// All that a single call answered.
#[derive(Debug)]
pub(super) enum Look {
    /// `read(|view|)` of several keys.
    View(Vec<(usize, bool, f64, String, Option<String>)>),
    /// Booleans that were asked for together; `false` by default.
    Bools(&'static str, Vec<(usize, bool)>),
    /// `get`, or several of one `snapshot()`.
    Values(&'static str, Vec<(usize, Option<Value<'static>>)>),
    /// `kinds()`.
    Kinds([u64; 5]),
    /// A handle of a boolean flag.
    Bool(usize, bool),
    /// A handle of a string flag.
    Text(usize, Arc<str>),
}

impl Look {
    pub(super) fn view(reader: &Reader, keys: &[usize]) -> Look {
        let names: Vec<String> = keys.iter().map(|i| key(*i)).collect();
        Look::View(reader.read(|view| {
            let all = keys.iter().zip(&names).map(|(i, key)| {
                let (on, number) = (view.get_bool_or(key, true), view.get_number_or(key, -0.25));
                (*i, on, number, view.get_string_or(key, "?"), view.get_json_text(key))
            });
            all.collect()
        }))
    }

    pub(super) fn snapshot(reader: &Reader, keys: &[usize]) -> Look {
        let snapshot = reader.snapshot();
        let values = keys.iter().map(|i| (*i, snapshot.get(key(*i)).map(Value::into_owned)));
        Look::Values("get of a snapshot", values.collect())
    }

    /// Several keys at once, of one generation: slices of any length, and an array that a compiler knows.
    pub(super) fn many(reader: &Reader, keys: &[usize], random: &mut Rng) -> Look {
        let names: Vec<String> = keys.iter().map(|i| key(*i)).collect();
        let with_keys = |values: Vec<bool>| keys.iter().copied().zip(values).collect();
        match random.u32(..3) {
            0 => Look::Bools("get_bools_of", with_keys(reader.get_bools_of(&names))),
            1 if !names.is_empty() => {
                let sixteen: [&str; 16] = std::array::from_fn(|at| names[at % names.len()].as_str());
                let values = reader.get_bools(sixteen);
                let keys = (0..16).map(|at| keys[at % keys.len()]);
                Look::Bools("get_bools", keys.zip(values).collect())
            }
            _ => Look::Values("get_many_of", keys.iter().copied().zip(reader.get_many_of(&names)).collect()),
        }
    }

    pub(super) fn getter(reader: &Reader, i: usize) -> Look {
        Look::Values("get", vec![(i, reader.get(key(i)))])
    }

    pub(super) fn kinds(reader: &Reader) -> Look {
        let kinds = reader.type_counts();
        Look::Kinds([kinds.bools, kinds.numbers, kinds.strings, kinds.jsons, kinds.nulls])
    }

    /// How many answers it is.
    pub(super) fn answers(&self) -> u64 {
        match self {
            Look::View(answers) => 4 * answers.len() as u64,
            Look::Bools(_, values) => values.len() as u64,
            Look::Values(_, values) => values.len() as u64,
            Look::Kinds(_) | Look::Bool(..) | Look::Text(..) => 1,
        }
    }

    /// All of it is what this payload holds.
    pub(super) fn compare(&self, expected: Content) -> Result<(), Wrong> {
        match self {
            Look::View(answers) => answers.iter().try_for_each(|(i, on, number, text, json)| {
                let (i, held) = (*i, expected.held(*i));
                let held = held.as_ref();
                compare("get_bool in read", i, *on, bool_of(held).unwrap_or(true))?;
                compare("get_number in read", i, *number, number_of(held).unwrap_or(-0.25))?;
                compare("get_string in read", i, text.as_str(), text_of(held).unwrap_or("?"))?;
                compare("get_json_text in read", i, json.as_deref(), json_of(held))
            }),
            Look::Bools(call, values) => values.iter().try_for_each(|(i, on)| {
                compare(call, *i, *on, bool_of(expected.held(*i).as_ref()).unwrap_or(false))
            }),
            Look::Values(call, values) => values.iter().try_for_each(|(i, value)| {
                let held = expected.held(*i);
                compare(call, *i, value.as_ref(), value_of(held.as_ref()).as_ref())
            }),
            Look::Kinds(kinds) => compare("kinds", 0, *kinds, expected.kinds()),
            Look::Bool(i, on) => {
                compare("BoolFlag", *i, *on, bool_of(expected.held(*i).as_ref()).unwrap_or(false))
            }
            Look::Text(i, text) => {
                let held = expected.held(*i);
                compare("StringFlag", *i, &**text, text_of(held.as_ref()).unwrap_or("?"))
            }
        }
    }
}
