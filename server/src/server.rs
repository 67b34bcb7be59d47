//! A running server.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use flagstaff_publisher::sse::ApiKey;
use tokio::runtime::Builder;
use tokio::sync::watch;

use crate::error::{ChangeError, StartError};
use crate::flags::clients::Client;
use crate::flags::environment::Environment;
use crate::http::listener::{listen, serve};
use crate::http::request_body::room;
use crate::http::routes::{Service, router};
use crate::options::{DEFAULT_API_KEY, Flags, ServerOptions};
use crate::watcher::Watcher;

/// Threads that may take their time, beside one for the changes of each environment.
const MORE_THREADS: usize = 3;

/// After so many turns of connections, one of what other threads have made ready has its turn: an answer to a change among them, which would
/// else wait for hundreds of turns for each stream that the change has woken too.
const TURNS: u32 = 2;

/// For those threads to end when the server ends.
const DISK_PATIENCE: Duration = Duration::from_millis(30);

/// A server, on threads of its own. It ends when this is dropped: streams are closed in order, within half a second.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    /// In the order of the options; never empty.
    environments: Vec<(String, Environment)>,
    first: Environment,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
    _watcher: Watcher,
}

impl Server {
    /// Starts a server. It accepts connections when this returns.
    ///
    /// # Errors
    /// Options that do not go together, a file of flags that cannot be used, or an address that cannot be had.
    pub fn start(options: ServerOptions) -> Result<Server, StartError> {
        let address = options.address();
        let is_loopback = options.bind.to_canonical().is_loopback();
        if !is_loopback && options.token.is_none() {
            return Err(StartError::NoToken { address });
        }
        let listener = listen(address).map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => StartError::PortInUse { address, source },
            _ => StartError::Listen { address, source },
        })?;
        let address = listener.local_addr()?;
        let environments = open(options.environments)?;
        let Some((_, first)) = environments.first().cloned() else {
            return Err(StartError::Threads(io::ErrorKind::InvalidInput.into()));
        };
        let (stop, stopped) = watch::channel(false);
        let service = Service {
            environments: environments.iter().cloned().collect::<HashMap<_, _>>(),
            address,
            is_loopback,
            token: options.token,
            heartbeat: options.heartbeat,
            room: room(),
            stopped: stopped.clone(),
        };
        let runtime = Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .global_queue_interval(TURNS)
            .max_blocking_threads(environments.len() + MORE_THREADS)
            .thread_name("flag-serve-disk")
            .build()?;
        let run = move || {
            if let Err(error) = runtime.block_on(serve(listener, router(Arc::new(service)), stopped)) {
                tracing::error!(%error, "the flag server ended");
            }
            runtime.shutdown_timeout(DISK_PATIENCE);
        };
        let thread = thread::Builder::new().name("flag-serve".to_owned()).spawn(run)?;
        let watcher = Watcher::start(environments.iter().map(|(_, environment)| environment.clone()))?;
        Ok(Server { address, environments, first, stop, thread: Some(thread), _watcher: watcher })
    }

    /// The address that it listens on, with the port that it got.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base URL for publishers, without a slash at its end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The environment of an API key.
    #[must_use]
    pub fn environment(&self, api_key: &str) -> Option<&Environment> {
        self.environments.iter().find(|(key, _)| key == api_key).map(|(_, environment)| environment)
    }

    /// Sets a flag of the first environment. See [`Environment::set`].
    ///
    /// # Errors
    /// The key or the value is not usable, or it cannot be kept.
    pub fn set(&self, key: &str, json: &str) -> Result<u64, ChangeError> {
        self.first.set(key, json)
    }

    /// Changes several flags of the first environment at once. See [`Environment::patch`].
    ///
    /// # Errors
    /// It is not a JSON object of flags, or it cannot be kept.
    pub fn patch(&self, json: &str) -> Result<u64, ChangeError> {
        self.first.patch(json)
    }

    /// All flags of the first environment, as one line of JSON.
    #[must_use]
    pub fn flags(&self) -> String {
        self.first.flags()
    }

    /// The live streams of the first environment.
    #[must_use]
    pub fn clients(&self) -> Vec<Client> {
        self.first.clients()
    }

    /// Waits for streams of the first environment. See [`Environment::wait_for_clients`].
    #[must_use]
    pub fn wait_for_clients(&self, count: usize, timeout: Duration) -> bool {
        self.first.wait_for_clients(count, timeout)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.environments.iter().for_each(|(_, environment)| environment.end());
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // Its panic would have been logged.
            let _ = thread.join();
        }
    }
}

/// Opens all environments. Nothing is made on the disk before all keys and files have been looked at.
fn open(mut wanted: Vec<(String, Flags)>) -> Result<Vec<(String, Environment)>, StartError> {
    if wanted.is_empty() {
        wanted.push((DEFAULT_API_KEY.to_owned(), Flags::samples()));
    }
    let mut files: Vec<PathBuf> = Vec::new();
    for (place, (key, flags)) in wanted.iter().enumerate() {
        ApiKey::new(key)?;
        if wanted.iter().take(place).any(|(other, _)| other == key) {
            return Err(StartError::SameKey { key: key.clone() });
        }
        if let Flags::File(path) = flags {
            // Two links may lead to one file; one that does not exist yet is told by its path.
            let real = fs::canonicalize(path).unwrap_or_else(|_| path.clone());
            if files.contains(&real) {
                return Err(StartError::SameFile { path: path.clone() });
            }
            files.push(real);
        }
    }
    let opened = wanted.into_iter().map(|(key, flags)| {
        let environment = match flags {
            Flags::Memory(payload) => Environment::in_memory(&payload),
            Flags::File(path) => Environment::in_file(path),
        };
        environment.map(|environment| (key, environment))
    });
    opened.collect()
}
