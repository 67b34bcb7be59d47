//! The flag server of the demo: that of `flagstaff serve`, with flags in memory.

use std::time::{Duration, SystemTime};

use flagstaff_server::{Author, Change, Environment, Flags, Server, ServerOptions};

use super::clock;
use super::flags;
use crate::failure::Failure;

/// The server, until dropped.
#[derive(Debug)]
pub(super) struct Service {
    server: Server,
    flags: Environment,
    api_key: String,
    flip: u64,
    /// The revision of the last flip.
    revision: u64,
    /// Streams up to this number belong to publishers that have ended.
    gone: u64,
    /// The newest revision that was searched for a person's changes.
    looked_at: u64,
}

/// A flag that somebody changed, on the page or with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Changed {
    pub(super) key: String,
    /// JSON; `None`: there was no such flag.
    pub(super) old: Option<String>,
    /// JSON; `None`: there is no such flag any more.
    pub(super) new: Option<String>,
    /// When, on the clock of the demo.
    pub(super) at: u64,
}

impl Service {
    /// Starts it on a port; 0 takes a free one.
    pub(super) fn start(api_key: &str, port: u16) -> Result<Service, Failure> {
        let payload = flags::payload(0, clock::now(), &flags::constant_part());
        let options = ServerOptions::default().port(port).heartbeat(Duration::from_secs(1));
        let options = options.environment(api_key, Flags::Memory(payload)).environment_name(api_key, "demo");
        let server = Server::start(options)?;
        // Never missing: the server was started with this key.
        let flags = server.environment(api_key).cloned();
        let flags = flags.ok_or_else(|| Failure::Demo("the server does not know its key".to_owned()))?;
        let api_key = api_key.to_owned();
        Ok(Service { server, flags, api_key, flip: 0, revision: 0, gone: 0, looked_at: 0 })
    }

    /// Base URL for publishers.
    pub(super) fn url(&self) -> String {
        self.server.url()
    }

    /// Where a person finds the page.
    pub(super) fn page(&self) -> String {
        format!("{}/#key={}", self.server.url(), self.api_key)
    }

    /// Whether somebody has the page open.
    pub(super) fn has_page(&self) -> bool {
        self.flags.pages() > 0
    }

    /// Makes a flip.
    pub(super) fn flip(&mut self, flip: u64) -> Result<(), Failure> {
        let failed = |error| Failure::Demo(format!("the flag server refuses a flip: {error}"));
        self.revision = self.flags.patch(&flags::flip(flip, clock::now())).map_err(failed)?;
        self.flip = flip;
        Ok(())
    }

    /// The last flip, if it was sent to the connection of a living publisher.
    pub(super) fn handed_over(&self) -> Option<u64> {
        let has_it = |sent: Option<u64>| sent.is_some_and(|sent| sent >= self.revision);
        let mut clients = self.flags.clients().into_iter();
        clients.any(|client| client.id > self.gone && has_it(client.sent_revision)).then_some(self.flip)
    }

    /// The publisher has ended: what is sent to its connection from now on is lost.
    pub(super) fn forget_clients(&mut self) {
        self.gone = self.flags.clients().iter().map(|client| client.id).max().unwrap_or(self.gone);
    }

    /// What somebody changed since the last call, oldest first.
    pub(super) fn changed_by_somebody(&mut self) -> Vec<Changed> {
        let changes = self.flags.changes_since(self.looked_at);
        if let Some(newest) = changes.first() {
            self.looked_at = newest.revision;
        }
        changes
            .iter()
            .rev()
            .filter(|change| change.author != Author::PROGRAM)
            .flat_map(|c| flags_of(c))
            .collect()
    }
}

fn flags_of(change: &Change) -> Vec<Changed> {
    // Converts wall clock time to the clock of the demo.
    let age = SystemTime::now().duration_since(change.time).unwrap_or_default();
    let at = clock::now().saturating_sub(age.as_nanos() as u64);
    let flags = change.flags.iter().map(|flag| Changed {
        key: flag.key().to_owned(),
        old: flag.before().map(str::to_owned),
        new: flag.after().map(str::to_owned),
        at,
    });
    flags.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flip_without_a_publisher_is_handed_to_nobody_and_is_nobodys_change() {
        let mut service = Service::start("demo-key", 0).unwrap();
        service.flip(1).unwrap();
        assert_eq!(service.handed_over(), None);
        assert_eq!(service.changed_by_somebody(), []);
        assert!(!service.has_page());
        assert!(service.page().ends_with("/#key=demo-key"), "{}", service.page());
    }
}
