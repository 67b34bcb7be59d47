//! How a client is made.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use flagstaff_publisher::sse::{DEFAULT_BASE_URL, StreamOptions};
use flagstaff_publisher::{Guard, HISTORY, Hooks};

use crate::callback::StartCallback;
use crate::client::Client;
use crate::error::ClientError;
use crate::report::ErrorContext;
use crate::settings::{Requested, Settings};

/// Settings of a [`Client`]. Made by [`Client::builder`].
#[must_use = "a builder does nothing before `start`"]
pub struct ClientBuilder {
    requested: Requested,
    preload: bool,
}

impl Client {
    /// Settings for a client of the environment with this API key.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// let flags = flagstaff::Client::builder("the key of the environment")
    ///     .base_url("http://127.0.0.1:9")
    ///     .cache_dir(folder.path())
    ///     .start()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn builder(api_key: &str) -> ClientBuilder {
        ClientBuilder::new(api_key)
    }
}

impl ClientBuilder {
    fn new(api_key: &str) -> ClientBuilder {
        let requested = Requested {
            api_key: api_key.to_owned(),
            base_url: DEFAULT_BASE_URL.to_owned(),
            cache_dir: None,
            file: None,
            guard: Guard::default(),
            history: HISTORY,
            memory_dir: None,
            stream: StreamOptions::default(),
            on_error: None,
            on_start: None,
            watch: Hooks::default(),
        };
        ClientBuilder { requested, preload: false }
    }

    /// The address of the service. `https://api.soasap.com` by default.
    pub fn base_url(mut self, url: &str) -> ClientBuilder {
        self.requested.base_url = url.to_owned();
        self
    }

    /// The directory of the snapshot file, which is named after base URL and key. By default `soasap/cache` in the user's
    /// local data, where the command line looks as well. Made, with mode 0700, if it is missing.
    pub fn cache_dir(mut self, directory: impl Into<PathBuf>) -> ClientBuilder {
        self.requested.cache_dir = Some(directory.into());
        self
    }

    /// The snapshot file itself, instead of one in the cache directory. Its directory must exist.
    pub fn file(mut self, path: impl Into<PathBuf>) -> ClientBuilder {
        self.requested.file = Some(path.into());
        self
    }

    /// The directory of flags in memory, for when the file cannot be written: see [`Client`]. It must belong to this user alone
    /// (mode 0700), and is made if it is missing. By default `/dev/shm/flagstaff-<user id>`, else one of that name in the directory
    /// of temporary files.
    pub fn memory_dir(mut self, directory: impl Into<PathBuf>) -> ClientBuilder {
        self.requested.memory_dir = Some(directory.into());
        self
    }

    /// Which payloads this process holds back while it publishes, until `flagstaff accept` or another payload: by default one that removes all
    /// flags, or of 20 or more flags removes more than half or gives them another type.
    pub fn guard(mut self, guard: Guard) -> ClientBuilder {
        self.requested.guard = guard;
        self
    }

    /// How many of the last snapshots are kept beside the file while this client publishes, for `flagstaff log` and `flagstaff rollback`, with
    /// an audit log. 20 by default; with 0 there is neither.
    pub fn history(mut self, snapshots: usize) -> ClientBuilder {
        self.requested.history = snapshots;
        self
    }

    /// Timeouts and root certificates of the stream.
    pub fn stream(mut self, options: StreamOptions) -> ClientBuilder {
        self.requested.stream = options;
        self
    }

    /// Whether the background starts at once. By default it starts with the first read, so that a client that is made and never
    /// used costs no connection, and one that is made before a fork leaves the work to the children.
    pub fn preload(mut self, at_once: bool) -> ClientBuilder {
        self.preload = at_once;
        self
    }

    /// Calls `callback` with errors of the background. Without one they are logged by `tracing`, and where that has no subscriber either they are printed to
    /// stderr, at most once a minute.
    ///
    /// It runs in a thread of its own. It may read flags and close the client; a panic in it is caught and logged. While it
    /// is busy, up to 64 errors wait; then the oldest are dropped, and [`ErrorContext::dropped`] says how many. Errors of the stream reach it only
    /// in the process that publishes. A clone of the client that the callback holds keeps
    /// the client from being closed by dropping: call [`Client::close`] then.
    pub fn on_error(mut self, callback: impl Fn(&ErrorContext) + Send + Sync + 'static) -> ClientBuilder {
        self.requested.on_error = Some(Arc::new(callback));
        self
    }

    /// Calls `callback` in each process before its background is started, in the thread that makes the client or reads through it, in
    /// the middle of that call; more than once if threads race or a start fails. It must not panic. For a language binding that
    /// has to prepare for callbacks: only a thread of that language can make others.
    pub fn on_start(mut self, callback: impl Fn() + Send + Sync + 'static) -> ClientBuilder {
        self.requested.on_start = Some(StartCallback(Arc::new(callback)));
        self
    }

    /// Observes every step of this process on its way to the lock and as the publisher. For tests.
    #[doc(hidden)]
    pub fn watch(mut self, watch: Hooks) -> ClientBuilder {
        self.requested.watch = watch;
        self
    }

    /// Makes the client. Waits for no network; a snapshot file that exists is read from the first call on.
    ///
    /// # Errors
    /// [`ClientError`] if the API key or the base URL is not valid. A disk that does not work is no error: see [`ClientBuilder::on_error`].
    pub fn start(self) -> Result<Client, ClientError> {
        let preload = self.preload;
        let client = Client::of(Settings::of(self.requested)?);
        if preload {
            client.begin();
        }
        Ok(client)
    }
}

impl fmt::Debug for ClientBuilder {
    // Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("base_url", &self.requested.base_url)
            .field("cache_dir", &self.requested.cache_dir)
            .field("file", &self.requested.file)
            .field("preload", &self.preload)
            .finish_non_exhaustive()
    }
}
