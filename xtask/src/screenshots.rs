//! `cargo xtask screenshots`: the pictures of the documentation, from running programs, so that anyone can make them again.

use std::fs;
use std::path::Path;

use crate::browser::Browser;
use crate::step::{Failures, Steps};
use crate::workspace::{build_command, cargo, root};

/// So that a clone stays small.
const MOST_BYTES: u64 = 200 * 1024;

pub(crate) fn run() -> Result<(), Failures> {
    let mut steps = Steps::default();
    let folder = root().join("docs").join("images");
    if let Err(error) = fs::create_dir_all(&folder) {
        steps.fail(format!("cannot make {}: {error}", folder.display()));
    } else if let Some(command) = build_command(&mut steps, "dev") {
        page(&mut steps, &folder, &command);
        terminal(&mut steps, &folder, &command);
    }
    steps.finish()
}

/// The page of the flag server: light, dark, and on a phone.
fn page(steps: &mut Steps, folder: &Path, command: &Path) {
    match Browser::find() {
        Ok(browser) => {
            let Some(mut python) = browser.python(steps, command) else { return };
            if steps.run("pictures of the page", python.arg("screenshots.py").arg(folder)) {
                check(steps, folder, &["page-light.png", "page-dark.png", "page-phone.png"]);
            }
        }
        Err(missing) => steps.fail(format!("pictures of the page cannot be taken, {missing}")),
    }
}

/// The terminal, as the commands for people fill it.
fn terminal(steps: &mut Steps, folder: &Path, command: &Path) {
    let mut program = cargo(&["run", "--package", "flagstaff-cli", "--example", "screens", "--locked", "--"]);
    if steps.run("pictures of the terminal", program.arg(command).arg(folder)) {
        check(steps, folder, &["status.svg", "watch.svg", "top.svg", "demo.svg"]);
    }
}

fn check(steps: &mut Steps, folder: &Path, names: &[&str]) {
    for picture in names.iter().map(|name| folder.join(name)) {
        let picture_name = picture.display();
        match fs::metadata(&picture).map(|found| found.len()) {
            Ok(bytes) if bytes <= MOST_BYTES => {
                println!("== {picture_name}: {} KiB", bytes.div_ceil(1024));
            }
            Ok(bytes) => {
                steps.fail(format!("{picture_name} has {bytes} bytes, at most {MOST_BYTES} are good"));
            }
            Err(error) => steps.fail(format!("{picture_name} was not made: {error}")),
        }
    }
}
