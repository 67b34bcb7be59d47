//! `cargo xtask test-browser`: the page of the flag server, in a real browser.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::python;
use crate::step::{Failures, Steps};
use crate::workspace::{BINARY, build_command, root, target_directory};

/// Tests find the browser here.
const BROWSER: &str = "CHROMIUM";

/// What Debian, other distributions and the maker call it.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// What a run needs that is not in this repository.
pub(crate) struct Browser {
    path: PathBuf,
}

impl Browser {
    /// Looks for a browser and for Python. The error says what is missing, and what to do.
    pub(crate) fn find() -> Result<Browser, String> {
        if !python::is_here() {
            return Err(python::NEEDED.to_owned());
        }
        let path = match env::var_os(BROWSER) {
            Some(path) => Some(PathBuf::from(path)),
            None => NAMES.into_iter().find_map(on_path),
        };
        path.map(|path| Browser { path }).ok_or_else(|| {
            format!(
                "because they need chromium; install it (apt-get install chromium), or name one in {BROWSER}"
            )
        })
    }

    /// An interpreter that has the driver of the browser, told where browser and command are.
    pub(crate) fn python(&self, steps: &mut Steps, command: &Path) -> Option<Command> {
        let environment = target_directory().join("browser").join("venv");
        let python = python::environment_with(steps, &environment, &tests().join("requirements.txt"))?;
        let mut python = Command::new(python);
        python.current_dir(tests()).env(BROWSER, &self.path).env(BINARY, command);
        Some(python)
    }
}

/// Builds the command and runs pytest with these arguments.
pub(crate) fn run(arguments: &[String]) -> Result<(), Failures> {
    let mut steps = Steps::default();
    match Browser::find() {
        Ok(browser) => {
            if let Some(binary) = build_command(&mut steps, "dev") {
                test(&mut steps, &browser, arguments, &binary);
            }
        }
        Err(missing) => steps.fail(format!("browser tests cannot run, {missing}")),
    }
    steps.finish()
}

/// The same as a step of another task.
pub(crate) fn test(steps: &mut Steps, browser: &Browser, arguments: &[String], command: &Path) {
    if let Some(mut python) = browser.python(steps, command) {
        python.args(["-m", "pytest"]).args(arguments);
        steps.run("browser tests", &mut python);
    }
}

/// Measures how long a click takes until another process has read it, with a command that is built as it ships.
pub(crate) fn bench(steps: &mut Steps, browser: &Browser, command: &Path, record: &Path) -> bool {
    let Some(mut python) = browser.python(steps, command) else { return false };
    python.args(["-m", "pytest", "test_latency.py", "-s"]).env("FLAGSTAFF_BENCH_RECORD", record);
    steps.run("page", &mut python)
}

/// The folder of the tests.
pub(crate) fn tests() -> PathBuf {
    root().join("server").join("tests").join("browser")
}

fn on_path(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(name)).find(|path| path.is_file())
}
