//! Commands that people give to whoever publishes.

use std::path::PathBuf;

use flagstaff_tests::lives::flags::{OVERRIDDEN, key};
use flagstaff_tests::place::{Answer, Place};

use crate::hosts::Outcome;

/// Sets the flag that is overridden in these lives.
pub(crate) fn set_override(place: &Place, value: u32, time: &str) -> Outcome {
    let (key, value) = (key(OVERRIDDEN), format!("\"{value}\""));
    done(place.answer("override", [&*key, &*value, "--for", time, "--force", "--reason", "a life"]))
}

pub(crate) fn clear_overrides(place: &Place) -> Outcome {
    done(place.answer("override", ["--clear", "--all"]))
}

/// There as long as there are any.
pub(crate) fn overrides_file(place: &Place) -> PathBuf {
    let name = place.file().file_name().unwrap_or_default().to_string_lossy().into_owned();
    place.join(&format!(".{name}.overrides"))
}

fn done(answer: Answer) -> Outcome {
    if answer.code == 0 { Ok(()) } else { Err(format!("a command was not done: {answer:?}")) }
}
