//! One reader that lives long, with handles made at different times, and how it is asked.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use flagstaff_reader::{
    BoolFlag, ChangedKeys, Generation, JsonFlag, Key, NumberFlag, Reader, StringFlag, Value,
};

use super::expected::{Wrong, bool_of, compare, i64_of, json_of, number_of, text_of, u64_of, value_of};
use super::flags::{Content, HOT, key};
use super::look::Look;

/// How a subject asks. Most ask in one way only: a call that looks at the path would hide that another one does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Diet {
    /// Getters by key.
    Getters,
    /// Handles.
    Handles,
    /// `read(|view|)`.
    View,
    /// `get_bools`, `get_many_of` and those beside them.
    Many,
    /// `snapshot()`.
    Snapshot,
    /// `kinds()`.
    Kinds,
    /// `wait_for_change`, and getters.
    Wait,
    /// `changes_since`: it knows the flags, and reads again those that it is told of.
    Feed,
    /// All of it.
    All,
}

impl Diet {
    const EACH: [Diet; 8] = [
        Diet::Getters,
        Diet::Handles,
        Diet::View,
        Diet::Many,
        Diet::Snapshot,
        Diet::Kinds,
        Diet::Wait,
        Diet::Feed,
    ];

    /// That of a subject with this number.
    #[must_use]
    pub fn of(number: u32) -> Diet {
        match number % 12 {
            0..3 => Diet::Getters,
            3..5 => Diet::Handles,
            5 => Diet::View,
            6 => Diet::Snapshot,
            7 => Diet::Kinds,
            8 => Diet::Wait,
            9 => Diet::Feed,
            10 => Diet::Many,
            _ => Diet::All,
        }
    }
}

struct Handles {
    on: BoolFlag,
    on_or: BoolFlag,
    number: NumberFlag,
    text: StringFlag,
    json: JsonFlag<serde_json::Value>,
}

/// The reader of a subject: a plain one, or what a client dereferences to.
pub trait Source {
    /// It.
    fn reader(&self) -> &Reader;
    /// What its own `changes_since` returns.
    fn changes_since(&self, seen: Generation) -> ChangedKeys;
}

impl Source for Reader {
    fn reader(&self) -> &Reader {
        self
    }

    fn changes_since(&self, seen: Generation) -> ChangedKeys {
        Reader::changes_since(self, seen)
    }
}

impl Source for flagstaff::Client {
    fn reader(&self) -> &Reader {
        flagstaff::Client::reader(self)
    }

    fn changes_since(&self, seen: Generation) -> ChangedKeys {
        flagstaff::Client::changes_since(self, seen)
    }
}

/// The subject.
pub struct Subject {
    source: Arc<dyn Source>,
    diet: Diet,
    /// Made the first time that each is asked for.
    handles: Vec<Option<Handles>>,
    /// The hot flags, as the feed keeps them, and up to which generation.
    known: Vec<Option<Value<'static>>>,
    seen: Generation,
    /// A planted defect: it does not hear the first key that it is told.
    pub is_deaf: bool,
    /// What it answered last.
    pub at: Content,
    /// Answers that were compared.
    pub reads: u64,
}

impl Subject {
    /// A subject that has answered nothing yet.
    #[must_use]
    pub fn new(source: Arc<dyn Source>, number: u32) -> Subject {
        let handles = (0..HOT).map(|_| None).collect();
        Subject {
            source,
            diet: Diet::of(number),
            handles,
            known: vec![None; HOT],
            seen: Generation::NONE,
            is_deaf: false,
            at: Content::default(),
            reads: 0,
        }
    }

    /// Another one of a clone of the same reader.
    #[must_use]
    pub fn again(&self, number: u32) -> Subject {
        Subject { at: self.at, ..Subject::new(Arc::new(self.reader().clone()), number) }
    }

    /// The reader.
    #[must_use]
    pub fn reader(&self) -> &Reader {
        self.source.reader()
    }

    /// Asks about `count` keys and compares each answer with `expected`.
    ///
    /// # Errors
    /// The first answer that is another one.
    pub fn ask(&mut self, expected: Content, count: usize, random: &mut Rng) -> Result<(), Wrong> {
        let diet = match self.diet {
            Diet::All => Diet::EACH[random.usize(..Diet::EACH.len())],
            diet => diet,
        };
        let there = (expected.size as usize).clamp(1, HOT);
        let keys: Vec<usize> = (0..count)
            .map(|at| match random.u32(..10) {
                // It tells payloads apart.
                _ if at == 0 => 0,
                0 => random.usize(..(expected.size as usize + 10).max(HOT)),
                1..5 => random.usize(..there),
                _ => random.usize(..HOT),
            })
            .collect();
        let look = match diet {
            Diet::Getters | Diet::All => return self.ask_getters(expected, &keys, random),
            Diet::Handles => return self.ask_handles(expected, &keys),
            Diet::Wait => {
                let _ = self.reader().wait_for_change(Generation(u64::MAX), Duration::ZERO);
                return self.ask_getters(expected, &keys, random);
            }
            Diet::Feed => return self.ask_feed(expected),
            Diet::View => Look::view(self.reader(), &keys),
            Diet::Many => Look::many(self.reader(), &keys, random),
            Diet::Snapshot => Look::snapshot(self.reader(), &keys),
            Diet::Kinds => Look::kinds(self.reader()),
        };
        self.reads += look.answers();
        look.compare(expected)
    }

    /// One look while payloads come, in the way of this subject: to be compared with each of them.
    pub(super) fn look(&mut self, random: &mut Rng) -> Look {
        let i = random.usize(..HOT);
        let keys = [0, i, random.usize(..HOT)];
        let look = match self.diet {
            Diet::Handles => {
                let handles = handles(&mut self.handles, self.source.reader(), i);
                if random.bool() {
                    Look::Bool(i, handles.on.get())
                } else {
                    Look::Text(i, handles.text.get())
                }
            }
            Diet::Getters | Diet::Wait | Diet::Feed => Look::getter(self.reader(), i),
            Diet::Snapshot => Look::snapshot(self.reader(), &keys),
            Diet::Many => Look::many(self.reader(), &keys, random),
            Diet::Kinds => Look::kinds(self.reader()),
            Diet::View | Diet::All => Look::view(self.reader(), &keys),
        };
        self.reads += look.answers();
        look
    }

    fn ask_getters(&mut self, expected: Content, keys: &[usize], random: &mut Rng) -> Result<(), Wrong> {
        self.reads += keys.len() as u64;
        let reader = self.reader();
        for &i in keys {
            let (held, key) = (expected.held(i), key(i));
            let (held, key) = (held.as_ref(), key.as_str());
            // Of the first one the number.
            match if i == 0 { random.u32(2..4) } else { random.u32(..11) } {
                0 => compare("get_bool", i, reader.get_bool(key), bool_of(held).unwrap_or(false))?,
                1 => compare("get_bool_or", i, reader.get_bool_or(key, true), bool_of(held).unwrap_or(true))?,
                2 => compare(
                    "get_number",
                    i,
                    reader.get_number_or(key, -0.25),
                    number_of(held).unwrap_or(-0.25),
                )?,
                3 => compare("get_i64", i, reader.get_i64_or(key, -3), i64_of(held).unwrap_or(-3))?,
                4 => compare("get_u64", i, reader.get_u64(key), u64_of(held).unwrap_or(0))?,
                5 => compare(
                    "get_string",
                    i,
                    reader.get_string_or(key, "?").as_str(),
                    text_of(held).unwrap_or("?"),
                )?,
                6 => reader.with_str(key, |text| compare("with_str", i, text, text_of(held)))?,
                7 => compare("get", i, reader.get(key), value_of(held))?,
                8 => compare("get of a Key", i, reader.get(Key::new(key)), value_of(held))?,
                9 => compare(
                    "get_bool of a Key",
                    i,
                    reader.get_bool_or(Key::new(key), true),
                    bool_of(held).unwrap_or(true),
                )?,
                _ => {
                    let parsed = json_of(held).and_then(|text| serde_json::from_str(text).ok());
                    compare("get_json", i, reader.get_json::<serde_json::Value>(key), parsed)?;
                }
            }
        }
        Ok(())
    }

    /// All hot flags, of which those were read that the feed named. No other one may have changed.
    fn ask_feed(&mut self, expected: Content) -> Result<(), Wrong> {
        let changed = self.source.changes_since(self.seen);
        self.seen = changed.generation;
        let named =
            changed.keys.map(|keys| keys.into_iter().skip(usize::from(self.is_deaf)).collect::<Vec<_>>());
        for i in 0..HOT {
            let key = key(i);
            if named.as_ref().is_none_or(|named| named.contains(&key)) {
                self.known[i] = self.source.reader().get(&key);
            }
        }
        self.reads += HOT as u64;
        (0..HOT).try_for_each(|i| {
            let held = expected.held(i);
            compare("what is known by the feed", i, self.known[i].as_ref(), value_of(held.as_ref()).as_ref())
        })
    }

    fn ask_handles(&mut self, expected: Content, keys: &[usize]) -> Result<(), Wrong> {
        for &i in keys.iter().filter(|i| **i < HOT) {
            let held = expected.held(i);
            let held = held.as_ref();
            let handles = handles(&mut self.handles, self.source.reader(), i);
            self.reads += 5;
            compare("BoolFlag", i, handles.on.get(), bool_of(held).unwrap_or(false))?;
            compare("BoolFlag, true by default,", i, handles.on_or.get(), bool_of(held).unwrap_or(true))?;
            compare("NumberFlag", i, handles.number.get(), number_of(held).unwrap_or(-0.25))?;
            compare("StringFlag", i, &*handles.text.get(), text_of(held).unwrap_or("?"))?;
            let parsed: Option<serde_json::Value> =
                json_of(held).and_then(|text| serde_json::from_str(text).ok());
            compare("JsonFlag", i, handles.json.get().as_deref(), parsed.as_ref())?;
        }
        Ok(())
    }
}

fn handles<'a>(all: &'a mut [Option<Handles>], reader: &Reader, i: usize) -> &'a Handles {
    all[i].get_or_insert_with(|| {
        let key = key(i);
        Handles {
            on: reader.bool_flag(&key),
            on_or: reader.bool_flag_or(&key, true),
            number: reader.number_flag_or(&key, -0.25),
            text: reader.string_flag_or(&key, "?"),
            json: reader.json_flag(&key),
        }
    })
}
