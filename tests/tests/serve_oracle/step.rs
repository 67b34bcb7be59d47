//! What is done to a flag server: a list of steps that a seed names.

use std::time::Duration;

use fastrand::Rng;
use serde_json::{Value, json};

/// API clients, each with keys of its own beside those that all of them change.
pub(crate) const CLIENTS: usize = 4;

/// Environments of the server.
pub(crate) const ENVIRONMENTS: usize = 2;

/// Keys that look like something else of the API.
const ODD_KEYS: [&str; 5] = ["live", ".", "..", "a/b", "by-key"];

/// How somebody saves a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// Opened for writing, written over, cut to its new length.
    InPlace,
    /// A new file, renamed over the old one.
    Rename,
    /// Emptied, and written a moment later.
    Truncate,
    /// The old file is renamed to a backup, a new one is written under the name, the backup is removed.
    Backup,
}

/// What somebody changes by hand. Each edit adds a flag of its own as well, by which it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    /// Nothing else.
    Add,
    /// A flag that API clients change too.
    Change(String),
    /// Such a flag goes, and so do flags of edits long ago.
    Remove(String),
    /// Another layout and order.
    Reorder,
    /// First a text that is no JSON, then a good one.
    Broken,
}

/// One deed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// Sets flags (`true`) and removes others. One flag is PUT or DELETE, several are PATCH. `guarded`: only if it still is what it was at a
    /// look before.
    Write { keys: Vec<(String, bool)>, guarded: bool },
    /// PATCH of many flags.
    Import { flags: usize },
    /// Takes back the change that lies so many before the newest.
    Undo { back: usize, force: bool },
    /// Reads one flag.
    Read(String),
    /// Opens a stream, takes its first event, and goes.
    Listen,
    /// Reads the file, thinks, and saves it. `spoiled`: a server with a defect would then put back what was there before; see `planted`.
    Edit { style: Style, what: What, spoiled: bool },
    /// Stops the server for a while, at any of its instructions.
    Freeze(Duration),
    /// SIGKILL. It is started again when everybody else is done.
    Kill,
    /// Starts another server on the same file, by its name or by a link to it.
    Second { by_link: bool },
}

impl Action {
    /// Its kind, in one word.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Action::Write { .. } => "write",
            Action::Import { .. } => "import",
            Action::Undo { .. } => "undo",
            Action::Read(_) => "read",
            Action::Listen => "listen",
            Action::Edit { .. } => "edit",
            Action::Freeze(_) => "freeze",
            Action::Kill => "kill",
            Action::Second { .. } => "second",
        }
    }
}

/// Who does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Actor {
    /// An API client.
    Client(usize),
    /// Somebody with an editor; one for each environment.
    Editor(usize),
    /// Whoever starts and stops processes.
    Machine,
}

/// One deed of the list.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// Its place in the list of the seed. Names it, also in a list that was shortened, and makes its values unlike all others.
    pub place: usize,
    /// Steps of one burst are done at the same time, by each actor in order. Between bursts the world comes to rest and is judged.
    pub burst: usize,
    pub actor: Actor,
    pub environment: usize,
    /// Before it, or while an editor thinks.
    pub pause: Duration,
    pub action: Action,
}

impl Step {
    /// The value that this step gives to its flag of a number: no other step gives it to any.
    pub(crate) fn value(&self, part: usize) -> Value {
        let number = self.place * 1000 + part;
        if self.place.is_multiple_of(2) { json!(number) } else { json!(format!("text {number}")) }
    }

    /// The flag by which an edit by hand is known.
    pub(crate) fn hand_key(&self) -> String {
        format!("hand-{}", self.place)
    }
}

/// The list of a seed, which goes on for ever: a longer one begins with the shorter one.
pub(crate) fn list(seed: u64, bursts: usize) -> Vec<Step> {
    let mut random = Rng::with_seed(seed);
    let mut steps = Vec::new();
    for burst in 0..bursts {
        // Not all bursts are full: rare races need room.
        let most = 4 + random.usize(..20);
        let last = random.u8(..12);
        for _ in 0..most {
            let place = steps.len();
            steps.push(any(&mut random, place, burst));
        }
        let deed = match last {
            0 | 1 => Action::Kill,
            2 => Action::Second { by_link: random.bool() },
            3..=7 => Action::Freeze(Duration::from_millis(random.u64(5..150))),
            _ => continue,
        };
        let (place, environment) = (steps.len(), random.usize(..ENVIRONMENTS));
        let pause = Duration::from_millis(random.u64(..80));
        steps.push(Step { place, burst, actor: Actor::Machine, environment, pause, action: deed });
    }
    steps
}

fn any(random: &mut Rng, place: usize, burst: usize) -> Step {
    let environment = usize::from(random.u8(..4) == 0);
    let client = random.usize(..CLIENTS);
    let key = |random: &mut Rng| match random.u8(..8) {
        0..=3 => format!("shared-{}", random.u8(..3)),
        4..=6 => format!("own-{client}-{}", random.u8(..3)),
        _ => ODD_KEYS[random.usize(..ODD_KEYS.len())].to_owned(),
    };
    let (actor, action) = match random.u8(..40) {
        0..=12 => {
            let set = random.u8(..5) > 0;
            let action = Action::Write { keys: vec![(key(random), set)], guarded: random.bool() };
            (Actor::Client(client), action)
        }
        13..=16 => {
            let mut keys = vec![(key(random), true)];
            for _ in 0..random.u8(1..4) {
                let (key, set) = (key(random), random.u8(..4) > 0);
                if keys.iter().all(|(other, _)| *other != key) {
                    keys.push((key, set));
                }
            }
            (Actor::Client(client), Action::Write { keys, guarded: false })
        }
        17 => (Actor::Client(client), Action::Import { flags: random.usize(20..200) }),
        18..=21 => {
            (Actor::Client(client), Action::Undo { back: random.usize(..4), force: random.u8(..3) == 0 })
        }
        22..=24 => (Actor::Client(client), Action::Read(key(random))),
        25 => (Actor::Client(client), Action::Listen),
        _ => {
            let style = match random.u8(..4) {
                0 => Style::InPlace,
                1 => Style::Rename,
                2 => Style::Truncate,
                _ => Style::Backup,
            };
            let what = match random.u8(..8) {
                0..=2 => What::Add,
                3 | 4 => What::Change(format!("shared-{}", random.u8(..3))),
                5 => What::Remove(format!("shared-{}", random.u8(..3))),
                6 => What::Reorder,
                _ => What::Broken,
            };
            (Actor::Editor(environment), Action::Edit { style, what, spoiled: false })
        }
    };
    let pause = Duration::from_micros(random.u64(..12_000));
    Step { place, burst, actor, environment, pause, action }
}
