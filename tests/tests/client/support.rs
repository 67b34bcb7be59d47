//! Clients in this process and in others.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use flagstaff::{Client, ClientBuilder};
use flagstaff_tests::place::{KEY, Place};
use flagstaff_tests::process::Process;
use flagstaff_tests::server::FaultServer;
use flagstaff_tests::wait::{DEADLINE, wait_until};

/// What the log of a process says when it has become the publisher.
pub(crate) const LEADS: &str = "publishes for this host";

/// A command that plays a role on the place's snapshot.
pub(crate) fn role_command(role: &str, place: &Place, server: &FaultServer, argument: u64) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flagstaff-test-role"));
    command.arg(role).arg(place.file()).arg(argument.to_string());
    command.env("FLAGSTAFF_TEST_URL", server.url()).env("FLAGSTAFF_TEST_MEMORY", place.join("memory"));
    command
}

pub(crate) fn role(role: &str, place: &Place, server: &FaultServer, argument: u64) -> Process {
    Process::start(role_command(role, place, server, argument))
}

/// A client in this process.
pub(crate) fn builder(file: &Path, server: &FaultServer) -> ClientBuilder {
    Client::builder(KEY).file(file).base_url(&server.url())
}

pub(crate) fn client(place: &Place, server: &FaultServer) -> Client {
    builder(&place.file(), server).start().unwrap()
}

/// A server whose flags say `n = 1`.
pub(crate) fn server() -> FaultServer {
    let server = FaultServer::start();
    server.publish(r#"{"n": 1}"#);
    server
}

#[track_caller]
pub(crate) fn wait_for_n(client: &Client, n: i64) -> Duration {
    wait_until(&format!("n = {n}"), DEADLINE, || client.get_i64("n") == n)
}

/// Children of a role that are to be killed when the test ends, however it ends.
pub(crate) struct Children(Vec<rustix::process::Pid>);

impl Children {
    /// All that the role has named so far.
    pub(crate) fn of(process: &Process) -> Children {
        let stdout = process.stdout();
        let ids = stdout.lines().filter_map(|line| line.strip_prefix("child ")?.parse().ok());
        Children(ids.filter_map(rustix::process::Pid::from_raw).collect())
    }

    pub(crate) fn live(&self) -> bool {
        !self.0.is_empty() && self.0.iter().all(|id| rustix::process::test_kill_process(*id).is_ok())
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        for id in &self.0 {
            let _ = rustix::process::kill_process(*id, rustix::process::Signal::KILL);
        }
    }
}

pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
