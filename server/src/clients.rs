//! Who streams.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use serde::{Serialize, Serializer};
use tokio::sync::watch;

use crate::change::rfc3339;

/// A live stream of flags.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Client {
    /// Number of the stream, from 1 in the order of arrival.
    pub id: u64,
    /// Where it comes from.
    pub address: SocketAddr,
    /// What the client calls itself.
    pub user_agent: Option<String>,
    /// When it came.
    #[serde(serialize_with = "as_rfc3339")]
    pub connected_at: SystemTime,
    /// The newest revision that was handed to its connection.
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
}

impl Default for Clients {
    fn default() -> Clients {
        Clients { list: Arc::default(), changed: watch::Sender::new(()) }
    }
}

impl Clients {
    /// Adds a stream. It leaves the list when what is answered is dropped.
    pub(crate) fn connect(&self, address: SocketAddr, user_agent: Option<String>) -> Connected {
        let mut list = self.list();
        list.last_id += 1;
        let id = list.last_id;
        let connected_at = SystemTime::now();
        list.clients.insert(id, Client { id, address, user_agent, connected_at, sent_revision: None });
        drop(list);
        self.changed.send_replace(());
        Connected { id, clients: self.clone() }
    }

    pub(crate) fn all(&self) -> Vec<Client> {
        self.list().clients.values().cloned().collect()
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
        if let Some(client) = self.clients.list().clients.get_mut(&self.id) {
            client.sent_revision = Some(revision);
        }
        self.clients.changed.send_replace(());
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.clients.list().clients.remove(&self.id);
        self.clients.changed.send_replace(());
    }
}
