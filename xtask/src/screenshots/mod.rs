//! `cargo xtask screenshots`: the pictures of the documentation, from running programs, so that anyone can make them again.
//!
//! One module for each kind of picture. Each writes into a folder and says which files it wrote.

mod page;
mod terminal;

use std::fs;
use std::path::Path;

use crate::binary::Binary;
use crate::step::{Failures, Steps, root};

/// So that a clone stays small.
const MOST_BYTES: u64 = 200 * 1024;

pub(crate) fn run() -> Result<(), Failures> {
    let mut steps = Steps::default();
    let folder = root().join("docs").join("images");
    if let Err(error) = fs::create_dir_all(&folder) {
        steps.fail(format!("cannot make {}: {error}", folder.display()));
        return steps.finish();
    }
    if let Some(command) = Binary::build(&mut steps) {
        let mut names = page::take(&mut steps, &folder, &command).to_vec();
        names.extend(terminal::take(&mut steps, &folder, &command));
        for name in names {
            check(&mut steps, &folder.join(name));
        }
    }
    steps.finish()
}

fn check(steps: &mut Steps, picture: &Path) {
    match fs::metadata(picture) {
        Ok(found) if found.len() <= MOST_BYTES => {
            println!("== {}: {} KiB", picture.display(), found.len().div_ceil(1024));
        }
        Ok(found) => {
            steps.fail(format!(
                "{} has {} bytes, at most {MOST_BYTES} are good",
                picture.display(),
                found.len()
            ));
        }
        Err(error) => steps.fail(format!("{} was not made: {error}", picture.display())),
    }
}
