//! `flagstaff serve`: a flag server.

use std::env;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

use clap::Args;
use flagstaff_server::{DEFAULT_API_KEY, DEFAULT_PORT, Flags, Server, ServerOptions, Token};
use rustix::process::{Resource, getrlimit, setrlimit};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::failure::Failure;
use crate::log::Format;
use crate::{output, service_manager, show, signals};

const TOKEN_VARIABLE: &str = "FLAGSTAFF_SERVE_TOKEN";

/// Descriptors that are asked for, one for each stream.
const MOST_FILES: u64 = 65_536;

const EXAMPLES: &str = "\
The address is printed on stdout; open it in a browser, or use curl:
  curl -H 'X-API-Key: dev' http://127.0.0.1:7878/api/v1/flags
  curl -H 'X-API-Key: dev' -X PUT --json true http://127.0.0.1:7878/api/v1/flags/by-key/new-checkout
  FLAGSTAFF_API_KEY=dev flagstaff run --base-url http://127.0.0.1:7878 --file /tmp/flags.flagstaff

Examples:
  flagstaff serve
  flagstaff serve flags.json --create
  flagstaff serve flags.json --environment staging=staging.json
  FLAGSTAFF_SERVE_TOKEN=... flagstaff serve flags.json --bind 0.0.0.0";

/// Serve flags from JSON files, for development, tests and small set-ups
///
/// Keeps flags in JSON files, streams them to `flagstaff run` and to clients, and has an HTTP API and a page to
/// change them. Edits of the files by hand are picked up. The last 100 changes can be undone while the server runs.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Serve {
    /// JSON file that holds the flags. Without one there are a few sample flags in memory, and nothing is saved
    #[arg(value_name = "FLAGS.json")]
    file: Option<PathBuf>,

    /// Create each flag file that does not exist, without flags
    #[arg(long)]
    create: bool,

    /// API key of its environment
    #[arg(long, value_name = "KEY", default_value = DEFAULT_API_KEY)]
    api_key: String,

    /// Another environment: its API key and its file. May be repeated
    #[arg(long, value_name = "KEY=FILE", value_parser = parse_environment)]
    environment: Vec<(String, PathBuf)>,

    /// Name of an environment on the page, given its API key. May be repeated. Without one it is the name of the file without `.json`
    #[arg(long, value_name = "KEY=NAME", value_parser = parse_name)]
    name: Vec<(String, String)>,

    /// Port to listen on; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = DEFAULT_PORT)]
    port: u16,

    /// Address to listen on. Any other than a loopback address needs a token
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    bind: IpAddr,

    /// Token required for every write request. Every user of this host can see it in the process list: prefer the variable
    /// FLAGSTAFF_SERVE_TOKEN, or a file
    #[arg(long, value_name = "TOKEN", conflicts_with = "token_file", value_parser = Token::new)]
    token: Option<Token>,

    /// File that holds the token
    #[arg(long, value_name = "PATH")]
    token_file: Option<PathBuf>,

    /// Time between heartbeats on an idle stream
    #[arg(long, value_name = "DURATION", default_value = "15s", value_parser = show::parse_duration)]
    heartbeat: Duration,

    /// How the log on stderr is written
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t, env = "FLAGSTAFF_LOG_FORMAT")]
    pub(crate) log_format: Format,
}

/// What ends the wait of the main thread.
enum Event {
    Signal,
    Printed(Result<(), Failure>),
}

fn in_thread(
    name: &str,
    said: &Sender<Event>,
    work: impl FnOnce() -> Event + Send + 'static,
) -> Result<(), Failure> {
    let said = said.clone();
    let work = move || {
        // Nobody listens any more if this fails.
        let _ = said.send(work());
    };
    let started = thread::Builder::new().name(name.to_owned()).spawn(work);
    started.map(drop).map_err(|source| Failure::System { action: "start a thread", source })
}

fn parse_environment(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((key, file)) if !key.is_empty() && !file.is_empty() => Ok((key.to_owned(), file.into())),
        _ => Err("expected an API key and a file, for example staging=staging.json".to_owned()),
    }
}

fn parse_name(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, name)) if !key.is_empty() && !name.is_empty() => Ok((key.to_owned(), name.to_owned())),
        _ => Err("expected an API key and a name, for example dev=Production".to_owned()),
    }
}

impl Serve {
    pub(crate) fn run(self) -> Result<(), Failure> {
        // Before anything is served: a signal from then on ends the server in order.
        signals::second_ends_at_once()?;
        let mut stops = Signals::new([SIGTERM, SIGINT])
            .map_err(|source| Failure::System { action: "listen for signals", source })?;
        let (said, events) = mpsc::channel();
        in_thread("flag-signals", &said, move || {
            stops.forever().next();
            Event::Signal
        })?;
        allow_many_streams();
        flagstaff_publisher::give_memory_back();
        let server = Server::start(self.options()?)?;
        if self.file.is_none() {
            tracing::warn!(
                "sample flags in memory: changes are lost when the server stops; name a file to save them"
            );
        }
        let key =
            if self.api_key == DEFAULT_API_KEY { String::new() } else { format!("#key={}", self.api_key) };
        let line = format!("{}/{key}", server.url());
        // Not here: it waits for whoever reads stdout, and a stop does not.
        in_thread("flag-output", &said, move || Event::Printed(output::line(&line)))?;
        service_manager::notify("READY=1\nSTATUS=serving flags");
        while let Ok(Event::Printed(printed)) = events.recv() {
            printed?;
        }
        service_manager::notify("STOPPING=1");
        tracing::info!("stopping");
        drop(server);
        Ok(())
    }

    fn options(&self) -> Result<ServerOptions, Failure> {
        let flags = self.file.clone().map_or_else(Flags::samples, Flags::File);
        let mut options = ServerOptions::default().bind(self.bind).port(self.port).heartbeat(self.heartbeat);
        options = options.environment(self.api_key.as_str(), flags);
        for (key, file) in &self.environment {
            options = options.environment(key.as_str(), Flags::File(file.clone()));
        }
        for (key, name) in &self.name {
            options = options.environment_name(key.as_str(), name.as_str());
        }
        if self.create {
            options = options.create_missing_files();
        }
        Ok(match self.token()? {
            Some(token) => options.token(token),
            None => options,
        })
    }

    fn token(&self) -> Result<Option<Token>, Failure> {
        if let Some(token) = &self.token {
            return Ok(Some(token.clone()));
        }
        let (origin, text) = if let Some(path) = &self.token_file {
            let read = fs::read_to_string(path);
            let failed = |source| Failure::Io { action: "read the token from", path: path.clone(), source };
            (path.display().to_string(), read.map_err(failed)?)
        } else if let Some(text) = env::var_os(TOKEN_VARIABLE).filter(|text| !text.is_empty()) {
            (format!("variable {TOKEN_VARIABLE}"), text.to_string_lossy().into_owned())
        } else {
            return Ok(None);
        };
        Token::new(&text).map(Some).map_err(|source| Failure::Token { origin, source })
    }
}

/// The limit of a shell is usually 1,024 descriptors, which a thousand streams would use up.
fn allow_many_streams() {
    let mut limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(MOST_FILES, |most| most.min(MOST_FILES));
    if limit.current.is_some_and(|current| current < wanted) {
        limit.current = Some(wanted);
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::debug!(%error, "the limit of open files stays as it is");
        }
    }
}
