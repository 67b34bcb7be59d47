//! A running server.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use flagstaff_publisher::sse::ApiKey;
use tokio::sync::watch;

use crate::error::{ChangeError, StartError};
use crate::flags::clients::Client;
use crate::flags::environment::Environment;
use crate::flags::file_lock::was_served;
use crate::flags::file_names::real;
use crate::http::endpoint::{Endpoint, listen};
use crate::http::request_body::room;
use crate::http::routes::router;
use crate::http::service::Service;
use crate::options::{DEFAULT_API_KEY, Flags, IfMissing, ServerOptions};
use crate::watcher::Watcher;

/// Threads for slow work, besides one for the changes of each environment.
const MORE_THREADS: usize = 3;

/// A server on its own threads. Dropping it stops it: streams are closed properly, within half a second.
#[derive(Debug)]
pub struct Server {
    /// Dropped first: nobody asks for the others any more.
    endpoint: Endpoint,
    /// In the order of the options; never empty.
    environments: Vec<(String, Environment)>,
    first: Environment,
    _watcher: Watcher,
}

impl Server {
    /// Starts a server. When this returns, it accepts connections.
    ///
    /// # Errors
    /// Options that contradict each other, a flag file that cannot be used, or an address that is not available.
    pub fn start(options: ServerOptions) -> Result<Server, StartError> {
        let address = options.address();
        let is_loopback = options.bind.to_canonical().is_loopback();
        if !is_loopback && options.token.is_none() {
            return Err(StartError::NoToken { address });
        }
        let listener = listen(address)?;
        let address = listener.local_addr()?;
        let (wanted, names) = named(options.environments, &options.names)?;
        let environments = open(wanted, options.if_missing)?;
        let Some((_, first)) = environments.first().cloned() else {
            return Err(StartError::Threads(io::ErrorKind::InvalidInput.into()));
        };
        let (stop, stopped) = watch::channel(false);
        let service = Service {
            environments: environments.iter().cloned().collect::<HashMap<_, _>>(),
            names,
            address,
            is_loopback,
            token: options.token,
            heartbeat: options.heartbeat,
            room: room(),
            stopped,
        };
        let threads = environments.len() + MORE_THREADS;
        let endpoint = Endpoint::serve(listener, router(Arc::new(service)), stop, threads)?;
        let watcher = Watcher::start(environments.iter().map(|(_, environment)| environment.clone()))?;
        Ok(Server { endpoint, environments, first, _watcher: watcher })
    }

    /// The address that it listens on, with the actual port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.endpoint.address()
    }

    /// The base URL for publishers, without a trailing slash.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// The environment with this API key.
    #[must_use]
    pub fn environment(&self, api_key: &str) -> Option<&Environment> {
        self.environments.iter().find(|(key, _)| key == api_key).map(|(_, environment)| environment)
    }

    /// Sets a flag of the first environment. See [`Environment::set`].
    ///
    /// # Errors
    /// The key or the value is invalid, or the change cannot be written.
    pub fn set(&self, key: &str, json: &str) -> Result<u64, ChangeError> {
        self.first.set(key, json)
    }

    /// Changes several flags of the first environment at once. See [`Environment::patch`].
    ///
    /// # Errors
    /// It is not a JSON object of flags, or the change cannot be written.
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
    }
}

/// An environment that is asked for: its API key, its name, and its flags.
type Wanted = (String, Arc<str>, Flags);

/// Gives each environment a name that no other has. Also returns all names, in order.
fn named(
    mut environments: Vec<(String, Flags)>,
    given: &[(String, String)],
) -> Result<(Vec<Wanted>, Vec<Arc<str>>), StartError> {
    if environments.is_empty() {
        environments.push((DEFAULT_API_KEY.to_owned(), Flags::samples()));
    }
    let refused = |name: &str, problem| StartError::Name { name: name.to_owned(), problem };
    for (place, (api_key, name)) in given.iter().enumerate() {
        let earlier = given.iter().take(place);
        if !environments.iter().any(|(key, _)| key == api_key) {
            return Err(refused(name, "is for an api key that no environment has"));
        } else if name.trim().is_empty() || name.chars().any(char::is_control) {
            return Err(refused(name, "is empty or has control characters, expected a word or two"));
        } else if earlier.clone().any(|(key, _)| key == api_key) {
            return Err(refused(name, "is the second one of this environment; give it one name"));
        } else if earlier.clone().any(|(_, other)| other == name) {
            return Err(refused(name, "is given to two environments; give each its own"));
        }
    }
    let mut names: Vec<Arc<str>> = Vec::new();
    let mut wanted = Vec::new();
    for (api_key, flags) in environments {
        let name = match (given.iter().find(|(key, _)| *key == api_key), &flags) {
            (Some((_, name)), _) => name.clone(),
            _ if api_key == DEFAULT_API_KEY => DEFAULT_API_KEY.to_owned(),
            (None, Flags::File(path)) => path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            (None, Flags::Memory(_)) => "in memory".to_owned(),
        };
        let is_taken = |name: &str| {
            names.iter().any(|other| **other == *name)
                || given.iter().any(|(key, given)| *key != api_key && given == name)
        };
        let mut unique = name.clone();
        let mut number = 2;
        while is_taken(&unique) {
            unique = format!("{name} {number}");
            number += 1;
        }
        let name: Arc<str> = unique.into();
        names.push(name.clone());
        wanted.push((api_key, name, flags));
    }
    Ok((wanted, names))
}

/// Opens all environments. Nothing is created on the disk before all keys and files have been checked.
fn open(wanted: Vec<Wanted>, if_missing: IfMissing) -> Result<Vec<(String, Environment)>, StartError> {
    let mut files: Vec<PathBuf> = Vec::new();
    for (place, (key, _, flags)) in wanted.iter().enumerate() {
        ApiKey::new(key)?;
        if wanted.iter().take(place).any(|(other, ..)| other == key) {
            return Err(StartError::SameKey { key: key.clone() });
        }
        if let Flags::File(path) = flags {
            // Two links may lead to one file, also before it exists.
            let real = real(path);
            if files.contains(&real) {
                return Err(StartError::SameFile { path: path.clone() });
            }
            // If a server has the file, an editor may be between its two steps: the lock decides then.
            let is_missing = fs::metadata(&real).is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
            if if_missing == IfMissing::Refuse && is_missing && !was_served(path) {
                return Err(StartError::Missing { path: path.clone() });
            }
            files.push(real);
        }
    }
    let opened = wanted.into_iter().map(|(key, name, flags)| {
        let environment = match flags {
            Flags::Memory(payload) => Environment::in_memory(name, &payload),
            Flags::File(path) => Environment::in_file(name, path, if_missing),
        };
        environment.map(|environment| (key, environment))
    });
    opened.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_server_names_the_first_also_while_an_editor_has_moved_the_file_away() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("flags.json");
        fs::write(&path, "{}").unwrap();
        let start =
            || Server::start(ServerOptions::default().port(0).environment("dev", Flags::File(path.clone())));
        let first = start().unwrap();
        fs::rename(&path, folder.path().join("flags.json~")).unwrap();
        assert!(matches!(start(), Err(StartError::Served { .. })));
        drop(first);
        assert!(matches!(start(), Err(StartError::Missing { .. })));
    }

    #[test]
    fn an_environment_without_a_name_is_called_by_its_file_and_no_two_have_one_name() {
        let file = |path: &str| Flags::File(path.into());
        let environments = || {
            ["dev", "k1", "k2", "k3"].map(str::to_owned).into_iter().zip([
                file("a/flags.json"),
                file("a/staging.json"),
                file("b/staging.json"),
                Flags::samples(),
            ])
        };
        let names = |given: &[(&str, &str)]| {
            let given: Vec<_> =
                given.iter().map(|(key, name)| ((*key).to_owned(), (*name).to_owned())).collect();
            let names = named(environments().collect(), &given);
            names.map(|(_, names)| names.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(names(&[]).unwrap(), ["dev", "staging", "staging 2", "in memory"]);
        assert_eq!(
            names(&[("k2", "staging"), ("dev", "Shop")]).unwrap(),
            ["Shop", "staging 2", "staging", "in memory"]
        );
        for given in
            [&[("k9", "x")][..], &[("k1", " ")], &[("k1", "x"), ("k2", "x")], &[("k1", "x"), ("k1", "y")]]
        {
            assert!(matches!(names(given), Err(StartError::Name { .. })), "{given:?}");
        }
    }
}
