//! How a server is to be.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::samples::SAMPLES;
use crate::token::Token;

/// Port unless told otherwise.
pub const DEFAULT_PORT: u16 = 7878;

/// API key of the environment that is there if none is named.
pub const DEFAULT_API_KEY: &str = "dev";

/// Time between two comments on a silent stream unless told otherwise: what the service does.
pub const DEFAULT_HEARTBEAT: Duration = Duration::from_secs(15);

/// Where the flags of an environment are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Flags {
    /// In memory, beginning with this JSON object. Nothing is kept when the server ends.
    Memory(String),
    /// In this JSON file, which is made if it does not exist.
    File(PathBuf),
}

impl Flags {
    /// A handful of flags in memory, one of each kind.
    #[must_use]
    pub fn samples() -> Flags {
        Flags::Memory(SAMPLES.to_owned())
    }
}

/// Options of a [`Server`](crate::Server).
#[derive(Debug, Clone)]
#[must_use]
pub struct ServerOptions {
    pub(crate) bind: IpAddr,
    pub(crate) port: u16,
    pub(crate) environments: Vec<(String, Flags)>,
    pub(crate) token: Option<Token>,
    pub(crate) heartbeat: Duration,
}

impl Default for ServerOptions {
    fn default() -> ServerOptions {
        ServerOptions {
            bind: Ipv4Addr::LOCALHOST.into(),
            port: DEFAULT_PORT,
            environments: Vec::new(),
            token: None,
            heartbeat: DEFAULT_HEARTBEAT,
        }
    }
}

impl ServerOptions {
    /// Address to listen on. The default is 127.0.0.1, so that no other host can change flags; every other one than a loopback address
    /// needs a [token](ServerOptions::token).
    pub fn bind(mut self, address: IpAddr) -> Self {
        self.bind = address;
        self
    }

    /// Port to listen on; 0 takes a free one. The default is [`DEFAULT_PORT`].
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Adds an environment. Without any there is one with the key [`DEFAULT_API_KEY`] and [some flags in memory](Flags::samples).
    pub fn environment(mut self, api_key: impl Into<String>, flags: Flags) -> Self {
        self.environments.push((api_key.into(), flags));
        self
    }

    /// Asks for this token in every request that changes something. The default is to ask for none.
    pub fn token(mut self, token: Token) -> Self {
        self.token = Some(token);
        self
    }

    /// Time between two comments on a silent stream. The default is [`DEFAULT_HEARTBEAT`]; clients give a stream up after 45 s without one.
    pub fn heartbeat(mut self, interval: Duration) -> Self {
        self.heartbeat = interval.max(Duration::from_millis(10));
        self
    }

    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::new(self.bind, self.port)
    }
}
