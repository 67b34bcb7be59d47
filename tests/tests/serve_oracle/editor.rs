//! Somebody who edits the file by hand, in the ways in which editors save.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use flagstaff_tests::wait::DEADLINE;
use serde_json::Value;

use crate::record::{Edited, State};
use crate::step::{Step, Style, What};

/// Between the two halves of a save that has two.
const GAP: Duration = Duration::from_millis(2);

/// How long a broken text stays.
const BROKEN: Duration = Duration::from_millis(30);

/// Flags of edits that lie so many bursts back may go.
const OLD: usize = 120;

/// Reads the file, changes it, and saves it. Answers what was saved; an error says what is wrong with the server.
pub(crate) fn edit(
    path: &Path,
    step: &Step,
    style: Style,
    what: &What,
    spoiled: bool,
    killed: &AtomicBool,
) -> Result<Edited, String> {
    let before = fs::read_to_string(path)
        .map_err(|error| format!("the file cannot be read by its editor: {error}"))?;
    let mut state: State = serde_json::from_str(&before)
        .map_err(|error| format!("the file is neither the old one nor the new one: {error}: {before:?}"))?;
    thread::sleep(step.pause);
    let (key, value) = (step.hand_key(), step.value(0));
    let mut values = BTreeMap::from([(key.clone(), value.clone())]);
    state.insert(key.clone(), value.clone());
    match what {
        What::Change(other) => {
            values.insert(other.clone(), step.value(1));
            state.insert(other.clone(), step.value(1));
        }
        What::Remove(other) => {
            state.remove(other);
            state.retain(|key, _| hand_place(key).is_none_or(|place| place + OLD >= step.place));
        }
        What::Add | What::Reorder | What::Broken => {}
    }
    let text = match what {
        What::Reorder => reversed(&state),
        _ => serde_json::to_string_pretty(&state).unwrap_or_default() + "\n",
    };
    let failed = |error: io::Error| format!("the file cannot be saved by its editor: {error}");
    let began = Instant::now();
    let mut written_over = None;
    if *what == What::Broken {
        let broken = text.replacen('}', ", \"unfinished\": ", 1);
        save(path, &broken, style).map_err(failed)?;
        thread::sleep(BROKEN);
        let saved = Instant::now();
        loop {
            let found = fs::read_to_string(path).map_err(failed)?;
            if found == broken {
                break;
            }
            // A server has the file of its own in the place for a moment until it has looked at what was there, and may die in that moment.
            if killed.load(Ordering::SeqCst) {
                written_over = Some(broken);
                break;
            }
            if saved.elapsed() > DEADLINE {
                return Err(format!("step {}: a broken edit was written over with {found:?}", step.place));
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
    save(path, &text, style).map_err(failed)?;
    let done = Instant::now();
    if spoiled {
        save(path, &before, Style::Rename).map_err(failed)?;
    }
    Ok(Edited { place: step.place, burst: step.burst, key, value, values, written_over, began, done })
}

/// The texts that servers have put beside a file.
pub(crate) fn beside(path: &Path) -> Vec<String> {
    let number_of = |number: u32| -> PathBuf {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".edit-{number}"));
        name.into()
    };
    (1..).map_while(|number| fs::read_to_string(number_of(number)).ok()).collect()
}

fn hand_place(key: &str) -> Option<usize> {
    key.strip_prefix("hand-")?.parse().ok()
}

/// On one line, the last key first.
fn reversed(state: &State) -> String {
    let members = state.iter().rev().map(|(key, value)| format!("{}:{value}", Value::from(key.as_str())));
    format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
}

fn save(path: &Path, text: &str, style: Style) -> io::Result<()> {
    let beside = |end: &str| {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(end);
        path.with_file_name(name)
    };
    match style {
        Style::InPlace => {
            let mut file = OpenOptions::new().write(true).open(path)?;
            file.write_all(text.as_bytes())?;
            file.set_len(text.len() as u64)
        }
        Style::Rename => {
            let new = beside(".new");
            fs::write(&new, text)?;
            fs::rename(new, path)
        }
        Style::Truncate => {
            let mut file = File::create(path)?;
            thread::sleep(GAP);
            file.write_all(text.as_bytes())
        }
        Style::Backup => {
            let backup = beside("~");
            fs::rename(path, &backup)?;
            thread::sleep(GAP);
            fs::write(path, text)?;
            fs::remove_file(backup)
        }
    }
}
