//! The command `flagstaff serve`, and requests to it.

#![allow(clippy::expect_used, reason = "a test without its server cannot go on")]

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use crate::http::{Events, Request, Response};
use crate::place::flagstaff;
use crate::process::Process;

/// A running `flagstaff serve` on a free port.
#[derive(Debug)]
pub struct FlagServer {
    /// The process.
    pub process: Process,
    /// Where it listens.
    pub address: SocketAddr,
    /// The line on stdout.
    pub line: String,
}

/// `flagstaff serve` on a free port, to be changed.
pub fn command<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Command {
    let mut command = flagstaff();
    command.args(["serve", "--port", "0"]).args(arguments);
    command
}

impl FlagServer {
    /// Starts it with more arguments, and waits for its address.
    #[track_caller]
    pub fn start<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> FlagServer {
        FlagServer::start_command(command(arguments))
    }

    /// Starts it with a file of flags.
    #[track_caller]
    pub fn with_file(file: &Path) -> FlagServer {
        FlagServer::start([file])
    }

    /// Starts it with a new file.
    #[track_caller]
    pub fn with_new_file(file: &Path) -> FlagServer {
        FlagServer::start(["--create".as_ref(), file])
    }

    /// Starts a command that is one.
    ///
    /// # Panics
    /// It does not start.
    #[track_caller]
    pub fn start_command(command: Command) -> FlagServer {
        let process = Process::start(command);
        let (_, line) = process.expect_line("http://");
        let address = line.trim_start_matches("http://").split('/').next().and_then(|text| text.parse().ok());
        FlagServer { process, address: address.expect("an address"), line }
    }

    /// The base URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Sends a request with the key `dev`.
    #[track_caller]
    pub fn send(&self, request: Request) -> Response {
        request.header("X-API-Key", "dev").send(self.address)
    }

    /// GET with the key `dev`.
    #[track_caller]
    pub fn get(&self, path: &str) -> Response {
        self.send(Request::new("GET", path))
    }

    /// Sets a flag, with the key `dev`.
    #[track_caller]
    pub fn put(&self, key: &str, json: &str) -> Response {
        self.send(put(key, json))
    }

    /// All flags as they are sent.
    #[track_caller]
    #[must_use]
    pub fn flags(&self) -> String {
        self.get("/api/v1/flags").body
    }

    /// The stream of flags.
    #[track_caller]
    #[must_use]
    pub fn stream(&self) -> Events {
        Events::open(&Request::new("GET", "/api/v1/flags/live").header("X-API-Key", "dev"), self.address)
    }

    /// The stream of the page.
    #[track_caller]
    #[must_use]
    pub fn page_stream(&self) -> Events {
        Events::open(&Request::new("GET", "/api/v1/page/live").header("X-API-Key", "dev"), self.address)
    }
}

/// A request that sets a flag.
pub fn put(key: &str, json: &str) -> Request {
    Request::new("PUT", &format!("/api/v1/flags/by-key/{key}")).body(json)
}
