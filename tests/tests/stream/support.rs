//! What the rules have in common: good flags before, clients of both kinds, and servers behind TLS or a proxy.

use flagstaff_publisher::{Stopper, Waited};
use std::fs;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use flagstaff_publisher::sse::{
    ApiKey, Backoff, Clock, Connection, Endpoint, EventStream, Failure, Signal, StreamOptions,
};
use flagstaff_tests::place::{KEY, Place};
use flagstaff_tests::process::Process;
use flagstaff_tests::server::{FaultServer, Script};
use flagstaff_tests::tls::{Authority, Identity, TlsFront};

/// A place whose last good snapshot says `n = 1`.
pub(crate) fn place() -> Place {
    let place = Place::new();
    place.publish(r#"{"n": 1}"#);
    place
}

/// What a machine may say about proxies.
const PROXY_VARIABLES: [&str; 8] = [
    "http_proxy",
    "HTTP_PROXY",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
];

/// Starts `flagstaff run` with more arguments, and with no proxies but those given.
pub(crate) fn run(place: &Place, url: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Process {
    let mut command = place.run_command(url);
    for name in PROXY_VARIABLES {
        command.env_remove(name);
    }
    command.args(arguments).envs(variables.iter().copied());
    Process::start(command)
}

/// Opens one connection in this process.
pub(crate) fn open(url: &str, options: StreamOptions) -> Result<Connection, Failure> {
    let endpoint = Endpoint::with_options(url, ApiKey::new(KEY).unwrap(), options).unwrap();
    Connection::open(&endpoint, None, &Stopper::new())
}

/// Opens one connection to a server that answers by a script.
pub(crate) fn answer_to(script: Script) -> Result<Connection, Failure> {
    let server = FaultServer::start();
    server.always(script);
    open(&server.url(), StreamOptions::default())
}

/// A service with TLS, whose authority a file of the place names.
pub(crate) struct Secure {
    pub(crate) server: FaultServer,
    pub(crate) front: TlsFront,
    pub(crate) roots: String,
}

impl Secure {
    /// With a certificate that the authority signs for the host.
    pub(crate) fn start(place: &Place, host: &str) -> Secure {
        Secure::with(place, |authority| authority.issue(host))
    }

    pub(crate) fn with(place: &Place, identity: impl Fn(&Authority) -> Identity) -> Secure {
        let (server, authority) = (FaultServer::start(), Authority::new());
        let front = TlsFront::start(server.address(), identity(&authority));
        let roots = place.join("roots.pem");
        fs::write(&roots, authority.pem()).unwrap();
        Secure { server, front, roots: roots.display().to_string() }
    }
}

/// Time that passes only in waits, and when a case says so.
#[derive(Debug, Clone)]
pub(crate) struct FakeClock(Arc<Mutex<Instant>>);

impl FakeClock {
    pub(crate) fn new() -> FakeClock {
        FakeClock(Arc::new(Mutex::new(Instant::now())))
    }

    pub(crate) fn advance(&self, time: Duration) {
        *self.0.lock().unwrap() += time;
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Instant {
        *self.0.lock().unwrap()
    }

    fn wait(&self, time: Duration, _: &Stopper) -> Waited {
        self.advance(time);
        Waited::Elapsed
    }
}

/// A stream that waits no real time. `random` chooses the delays.
pub(crate) fn stream(
    server: &FaultServer,
    clock: &FakeClock,
    random: impl FnMut() -> f64 + Send + 'static,
) -> EventStream {
    let endpoint = Endpoint::new(&server.url(), ApiKey::new(KEY).unwrap()).unwrap();
    EventStream::with_parts(endpoint, Stopper::new(), Backoff::with_random(random), Box::new(clock.clone()))
}

/// The next failure, and its delay in seconds.
pub(crate) fn next_failure(stream: &mut EventStream) -> (Failure, f64) {
    loop {
        if let Signal::Failed { failure, retry_in } = stream.next() {
            return (failure, retry_in.as_secs_f64());
        }
    }
}
