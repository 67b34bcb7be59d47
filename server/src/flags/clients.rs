//! The live streams of an environment.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use serde::{Serialize, Serializer};
use tokio::sync::watch;

use crate::flags::change::rfc3339;
use crate::shared::{PIECE, Shared};

/// Least time between two lists for pages: a thousand clients that connect at once do not cause a thousand lists.
const PAUSE: Duration = Duration::from_millis(200);

/// A client with a live stream of flags.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Client {
    /// Number of the stream, from 1 in the order of arrival.
    pub id: u64,
    /// Its address.
    pub address: SocketAddr,
    /// Its `User-Agent`.
    pub user_agent: Option<String>,
    /// When it connected.
    #[serde(serialize_with = "as_rfc3339")]
    pub connected_at: SystemTime,
    /// The newest revision that was handed to its connection, if any.
    pub sent_revision: Option<u64>,
}

fn as_rfc3339<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339(*time))
}

/// The streams of an environment.
#[derive(Debug, Clone)]
pub(crate) struct Clients {
    list: Arc<Mutex<List>>,
    /// Woken by every change of the list.
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct List {
    last_id: u64,
    clients: BTreeMap<u64, Client>,
    /// Number of changes of the list.
    version: u64,
    shown: Option<Shown>,
}

/// The list as an event for pages.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    pub(crate) event: Shared,
    pub(crate) version: u64,
    /// Whether nothing has changed since it was made. Else there is a newer one `next`.
    pub(crate) is_newest: bool,
    pub(crate) next: Instant,
}

impl Default for Clients {
    fn default() -> Clients {
        Clients { list: Arc::default(), changed: watch::Sender::new(()) }
    }
}

impl Clients {
    /// Adds a stream. Dropping the returned value removes it.
    pub(crate) fn connect(&self, address: SocketAddr, user_agent: Option<String>) -> Connected {
        let mut list = self.list();
        list.last_id += 1;
        let id = list.last_id;
        let connected_at = SystemTime::now();
        list.clients.insert(id, Client { id, address, user_agent, connected_at, sent_revision: None });
        self.has_changed(list);
        Connected { id, clients: self.clone() }
    }

    pub(crate) fn all(&self) -> Vec<Client> {
        self.list().clients.values().cloned().collect()
    }

    /// The list for pages: encoded at most every [`PAUSE`], and shared by all pages.
    pub(crate) fn shown(&self) -> Shown {
        let mut list = self.list();
        let version = list.version;
        if let Some(shown) = &list.shown
            && (shown.version == version || Instant::now() < shown.next)
        {
            return Shown { is_newest: shown.version == version, ..shown.clone() };
        }
        let clients: Vec<_> = list.clients.values().collect();
        // Texts, numbers and times can always be written. JSON as it is written here has no line ends.
        let data = serde_json::to_string(&BTreeMap::from([("clients", clients)])).unwrap_or_default();
        let event = Shared::new(format!("event: clients\ndata: {data}\n\n"));
        let shown = Shown { event, version, is_newest: true, next: Instant::now() + PAUSE };
        let old = list.shown.replace(shown.clone());
        drop(list);
        // Somebody may still be reading it.
        if let Some(old) = old.filter(|old| old.event.len() > PIECE) {
            old.event.is_old();
        }
        shown
    }

    fn has_changed(&self, mut list: MutexGuard<'_, List>) {
        list.version += 1;
        drop(list);
        self.changed.send_replace(());
    }

    pub(crate) fn watch(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    fn list(&self) -> MutexGuard<'_, List> {
        // Nothing that holds it panics.
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream's place in the list.
#[derive(Debug)]
pub(crate) struct Connected {
    id: u64,
    clients: Clients,
}

impl Connected {
    pub(crate) fn sent(&self, revision: u64) {
        let mut list = self.clients.list();
        if let Some(client) = list.clients.get_mut(&self.id) {
            client.sent_revision = Some(revision);
        }
        self.clients.has_changed(list);
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        let mut list = self.clients.list();
        list.clients.remove(&self.id);
        self.clients.has_changed(list);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_get_one_copy_of_the_list_and_a_newer_one_after_a_while() {
        let clients = Clients::default();
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let first = clients.shown();
        assert!(first.is_newest && first.event.is_same(&clients.shown().event));
        let connected = clients.connect(address, None);
        connected.sent(0);
        let same = clients.shown();
        assert!(!same.is_newest && same.event.is_same(&first.event) && same.version == first.version);
        std::thread::sleep(same.next.saturating_duration_since(Instant::now()));
        let newer = clients.shown();
        assert!(newer.is_newest && newer.version > first.version && !newer.event.is_same(&first.event));
        drop(connected);
        assert!(!clients.shown().is_newest);
    }
}
