//! Draws the pictures of docs/images: runs the commands in terminals of their own and draws their screens.
//!
//! ```sh
//! cargo build --release -p flagstaff-cli
//! cargo run -p flagstaff-cli --example screens -- target/release/flagstaff docs/images
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a tool for whoever writes documentation: it works or says where it broke"
)]
#![allow(clippy::print_stdout, reason = "it talks to whoever runs it")]

mod svg;
#[path = "../../tests/cli/terminal.rs"]
#[allow(dead_code, reason = "the tests need more of it")]
mod terminal;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use terminal::Terminal;

/// What the terminal needs of the tests' programs.
mod program {
    use std::time::Duration;

    use rustix::process::{Pid, Signal, kill_process};

    pub(crate) const LIMIT: Duration = Duration::from_secs(60);

    pub(crate) fn kill(pid: u32, signal: Signal) {
        kill_process(Pid::from_raw(pid as i32).unwrap(), signal).unwrap();
    }
}

fn main() {
    let arguments: Vec<_> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [binary, images] = arguments.as_slice() else {
        panic!("usage: screens <the program flagstaff> <folder for the pictures>");
    };
    fs::create_dir_all(images).unwrap();
    let setup = Setup::new(&binary.canonicalize().unwrap());
    for (name, picture) in
        [("status", status as fn(&Setup) -> String), ("top", top), ("watch", watch), ("demo", demo)]
    {
        let path = images.join(name).with_extension("svg");
        fs::write(&path, picture(&setup)).unwrap();
        println!("{}", path.display());
    }
}

/// A folder with a publisher and readers. Its path is in the pictures.
struct Setup {
    folder: PathBuf,
    path: std::ffi::OsString,
    processes: Vec<Child>,
}

impl Setup {
    fn new(binary: &Path) -> Setup {
        let folder = std::env::temp_dir().join("flagstaff-screens");
        // Left by a run that was killed.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).unwrap();
        std::os::unix::fs::symlink(binary, folder.join("flagstaff")).unwrap();
        let mut setup = Setup { path: folder.clone().into_os_string(), folder, processes: Vec::new() };
        setup.flags(true, 50, "Welcome");
        setup.start(&["run", "--source", "flags.json", "--file", "flags.flagstaff"]);
        while !setup.folder.join("flags.flagstaff").exists() {
            std::thread::sleep(Duration::from_millis(20));
        }
        for _ in 0..3 {
            setup.start(&["watch", "--json", "--file", "flags.flagstaff"]);
        }
        // So that ages are not zero.
        std::thread::sleep(Duration::from_secs(4));
        setup
    }

    fn flagstaff(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("flagstaff");
        command.args(arguments).env("PATH", &self.path).current_dir(&self.folder);
        for name in ["FLAGSTAFF_FILE", "FLAGSTAFF_API_KEY", "SOASAP_API_KEY", "FLAGSTAFF_LOG"] {
            command.env_remove(name);
        }
        command
    }

    fn start(&mut self, arguments: &[&str]) {
        let mut command = self.flagstaff(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.processes.push(command.spawn().unwrap());
    }

    /// Writes the source of the flags.
    fn flags(&self, checkout: bool, limit: u32, banner: &str) {
        let text = serde_json::json!({
            "new-checkout": checkout,
            "cart-limit": limit,
            "banner": banner,
            "payments.retry": { "attempts": 3, "backoff": [1, 2, 5] },
            "search.ranking": "bm25",
            "search.timeout-ms": 250,
            "kill.recommendations": false,
            "dark-mode": true,
            "beta.countries": ["at", "ch", "de"],
            "support.phone": null,
        });
        let new = self.folder.join("flags.new");
        fs::write(&new, text.to_string()).unwrap();
        fs::rename(new, self.folder.join("flags.json")).unwrap();
    }

    fn terminal(&self, arguments: &[&str], columns: u16, rows: u16) -> Terminal {
        Terminal::start(&self.flagstaff(arguments), columns, rows)
    }
}

impl Drop for Setup {
    fn drop(&mut self) {
        for process in &mut self.processes {
            // Both fail only if it has ended.
            let _ = process.kill();
            let _ = process.wait();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn file(setup: &Setup) -> String {
    setup.folder.join("flags.flagstaff").display().to_string()
}

fn status(setup: &Setup) -> String {
    let mut terminal = setup.terminal(&["status", "--file", &file(setup)], 92, 14);
    terminal.end();
    terminal.shows("last error");
    svg::of(&terminal.screen(), "flagstaff status")
}

fn top(setup: &Setup) -> String {
    let terminal = setup.terminal(&["top", "--file", &file(setup)], 110, 26);
    terminal.shows("have the file mapped");
    setup.flags(false, 50, "Welcome");
    terminal.shows("new-checkout: true -> false");
    setup.flags(false, 20, "Sale");
    terminal.shows("cart-limit: 50 -> 20");
    // A second look at the processes shows processor usage: the word behind the memory and its unit.
    terminal.until("a second look", |screen| {
        let line = screen.lines().find(|line| line.contains("publisher") && line.contains(" run "));
        line.and_then(|line| line.split_whitespace().nth(6)?.parse::<f64>().ok()).is_some()
    });
    svg::of(&terminal.screen(), "flagstaff top")
}

fn watch(setup: &Setup) -> String {
    let terminal = setup.terminal(&["watch", "--file", &file(setup)], 92, 7);
    terminal.shows("10 flags");
    setup.flags(true, 20, "Sale");
    terminal.shows("new-checkout: false -> true");
    setup.flags(true, 50, &format!("Sale{}", ", and everything must go".repeat(9)));
    terminal.shows("cart-limit: 20 -> 50");
    program::kill(setup.processes[0].id(), rustix::process::Signal::KILL);
    terminal.shows("publisher gone");
    svg::of(&terminal.screen(), "flagstaff watch")
}

fn demo(setup: &Setup) -> String {
    let terminal = setup.terminal(&["demo", "--seconds", "60"], 80, 24);
    terminal.shows("flip 9");
    std::thread::sleep(Duration::from_millis(600));
    let screen = terminal.screen();
    terminal.signal(rustix::process::Signal::INT);
    svg::of(&screen, "flagstaff demo")
}
