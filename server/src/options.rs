//! Options of a server.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::token::Token;

/// The default port.
pub const DEFAULT_PORT: u16 = 7878;

/// The API key of the default environment.
pub const DEFAULT_API_KEY: &str = "dev";

/// The default time between heartbeats on an idle stream, as in the hosted service.
pub const DEFAULT_HEARTBEAT: Duration = Duration::from_secs(15);

/// Flags to look at for a server without a file: one of each kind.
const SAMPLES: &str = r#"{
  "new-checkout": false,
  "dark-mode": true,
  "cart-limit": 50,
  "search.rollout-ratio": 0.25,
  "greeting": "hello",
  "search.engine": {"name": "fast", "pages": [1, 2, 3]}
}"#;

/// Where the flags of an environment are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Flags {
    /// In memory, starting with this JSON object. Changes are lost when the server stops.
    Memory(String),
    /// In this JSON file. It must exist, unless [`ServerOptions::create_missing_files`] is chosen.
    File(PathBuf),
}

impl Flags {
    /// Some sample flags in memory, one of each type.
    #[must_use]
    pub fn samples() -> Flags {
        Flags::Memory(SAMPLES.to_owned())
    }
}

/// What happens if a flag file does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IfMissing {
    Refuse,
    Create,
}

/// Options of a [`Server`](crate::Server).
///
/// ```no_run
/// use flagstaff_server::{Flags, Server, ServerOptions};
///
/// let options = ServerOptions::default()
///     .environment("dev", Flags::File("flags.json".into()))
///     .environment("s3cret", Flags::File("staging.json".into()))
///     .environment_name("dev", "Production")
///     .create_missing_files();
/// let server = Server::start(options)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct ServerOptions {
    pub(crate) bind: IpAddr,
    pub(crate) port: u16,
    pub(crate) environments: Vec<(String, Flags)>,
    /// By API key.
    pub(crate) names: Vec<(String, String)>,
    pub(crate) if_missing: IfMissing,
    pub(crate) token: Option<Token>,
    pub(crate) heartbeat: Duration,
}

impl Default for ServerOptions {
    fn default() -> ServerOptions {
        ServerOptions {
            bind: Ipv4Addr::LOCALHOST.into(),
            port: DEFAULT_PORT,
            environments: Vec::new(),
            names: Vec::new(),
            if_missing: IfMissing::Refuse,
            token: None,
            heartbeat: DEFAULT_HEARTBEAT,
        }
    }
}

impl ServerOptions {
    /// Address to listen on. The default is 127.0.0.1, so that no other host can change flags; an address that is not a loopback
    /// address requires a [token](ServerOptions::token).
    pub fn bind(mut self, address: IpAddr) -> Self {
        self.bind = address;
        self
    }

    /// Port to listen on; 0 takes a free one. The default is [`DEFAULT_PORT`].
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Adds an environment. Without any there is one with the key [`DEFAULT_API_KEY`] and [sample flags](Flags::samples).
    pub fn environment(mut self, api_key: impl Into<String>, flags: Flags) -> Self {
        self.environments.push((api_key.into(), flags));
        self
    }

    /// Names an environment for people: the page shows names and never API keys. The default is `dev` for the key [`DEFAULT_API_KEY`],
    /// else the name of the file without its extension.
    pub fn environment_name(mut self, api_key: impl Into<String>, name: impl Into<String>) -> Self {
        self.names.push((api_key.into(), name.into()));
        self
    }

    /// Creates each flag file that does not exist, without flags. The default is [`StartError::Missing`](crate::StartError::Missing): a
    /// mistyped path would otherwise be a server without flags, and every publisher would take that for the new flags.
    pub fn create_missing_files(mut self) -> Self {
        self.if_missing = IfMissing::Create;
        self
    }

    /// Requires this token for every write request. The default is to require none.
    pub fn token(mut self, token: Token) -> Self {
        self.token = Some(token);
        self
    }

    /// Time between heartbeats on an idle stream. The default is [`DEFAULT_HEARTBEAT`]; clients give up on a stream after 45 s without one.
    pub fn heartbeat(mut self, interval: Duration) -> Self {
        self.heartbeat = interval.max(Duration::from_millis(10));
        self
    }

    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::new(self.bind, self.port)
    }
}
