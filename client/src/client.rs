//! The client.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use flagstaff_reader::{ChangedKeys, Generation, Reader};

use crate::changes::{Changes, Listener};
use crate::error::CloseError;
use crate::settings::Settings;
use crate::state::State;
use crate::{background, watcher};

/// How long a close waits for the disk.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often [`Client::wait_until_ready`] looks at the link, which wakes nobody up when it changes.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Feature flags, kept fresh. `Send + Sync`; clones are cheap and share everything.
///
/// ```
/// use std::time::Duration;
/// use flagstaff::Client;
///
/// # let folder = tempfile::tempdir()?;
/// let flags = Client::builder("the key of the environment")
///     .base_url("http://127.0.0.1:9")
///     .cache_dir(folder.path())
///     .on_error(|error| eprintln!("flags: {error}"))
///     .start()?;
/// // Returns at once, whatever the network does: the last known value, or else the default.
/// if flags.get_bool("new-checkout") {
///     println!("at most {} items", flags.get_i64_or("cart-limit", 50));
/// }
/// let on = flags.bool_flag("new-checkout"); // the fastest way to read one flag often
/// assert!(!on.get());
/// assert!(!flags.wait_until_ready(Duration::from_millis(10)), "nobody listens at that address");
/// flags.close()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Getters
/// A client has all getters of a [`Reader`]: `get_bool`, `get_number`, `get_string`, their `_or` forms, `read` for many flags of one
/// generation, `snapshot`, handles such as `bool_flag`, `status`. The first of them that is called in a process starts the background;
/// that check costs one load beside what a `Reader` costs. [`Client::reader`] is for code that takes a `Reader`.
///
/// # The background
/// Each process that reads has one thread that waits, asleep, for the publisher lock of the host (and one that owns the lock
/// file). Whoever gets it publishes: one connection, one copy of the flags and one moment of change for all. When that process
/// ends, however it ends, another has the lock within milliseconds. Where `flagstaff run` or another user's process publishes, clients stay
/// readers.
///
/// # Fork
/// A client that was made before a fork reads current values in every child at once, through clones and handles too. With its
/// first read a child joins the election with threads of its own; until then, and after an `exec`, there is nothing of it. It uses
/// none of its parent's threads and locks. Callbacks are called in the children as well. The log is
/// written by a thread on which nothing waits, because a subscriber's locks may be taken for ever in a child. What the HTTP library
/// logs by itself, at debug level, is not kept apart like that. And in a Rust program the standard library takes a lock when a thread
/// begins or ends: a child that is forked in just that moment of another thread reads as all others do, but takes no part in the election.
///
/// # A file that cannot be written
/// Flags are then kept in memory, in [`ClientBuilder::memory_dir`](crate::ClientBuilder::memory_dir), and [`ClientBuilder::on_error`](crate::ClientBuilder::on_error) is called once. All processes of this user
/// share that place, so that there still is one stream for all of them; other users have their own. It costs a few MiB of `/dev/shm`
/// at most, and nothing but the file of each key stays there until the next reboot.
///
/// - If there is no snapshot at the path either, this is decided in [`ClientBuilder::start`](crate::ClientBuilder::start).
/// - If there is one, and somebody else keeps it fresh, the client is a reader. It switches to memory when that
///   publisher has been gone for 10 seconds, and stays there. Until memory has flags, getters return the old ones.
/// - The same if the disk turns out to be full or broken when the file is opened.
///
/// Handles that were made before the switch go on reading the old file; make new ones. Generations begin again with it.
#[derive(Clone)]
pub struct Client {
    /// That of the state, once more: a read that goes straight to it does not wait for another pointer.
    reader: Reader,
    state: Arc<State>,
    owner: Arc<Owner>,
}

/// Closes the client when its last clone is gone. The threads of the background hold the state, but not this.
struct Owner(Arc<State>);

impl Drop for Owner {
    fn drop(&mut self) {
        // What the disk said has been logged by the background.
        if let Err(error @ CloseError::Timeout { .. }) = self.0.close(PATIENCE) {
            tracing::warn!("{error}");
        }
    }
}

impl Client {
    pub(crate) fn of(settings: Settings) -> Client {
        let state = State::new(settings, background::start);
        Client { reader: state.reader.clone(), owner: Arc::new(Owner(state.clone())), state }
    }

    pub(crate) fn begin(&self) {
        background::start(&self.state);
        background::wait_for_import(&self.state);
    }

    /// The reader that getters use now, for code that takes a [`Reader`]. Counts as a read: the first one starts the background.
    ///
    /// Ask for it again after a while: a client moves to another one when it has to keep flags in memory.
    ///
    /// ```
    /// use flagstaff::{Client, Reader};
    ///
    /// fn items_at_most(flags: &Reader) -> i64 {
    ///     flags.get_i64_or("cart-limit", 50)
    /// }
    /// # let folder = tempfile::tempdir()?;
    /// # let client = Client::builder("k").base_url("http://127.0.0.1:9").cache_dir(folder.path()).start()?;
    /// assert_eq!(items_at_most(client.reader()), 50);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    #[must_use]
    pub fn reader(&self) -> &Reader {
        // One load: all that a read costs more than that of a `Reader`.
        if self.state.is_direct() { &self.reader } else { background::started_reader(&self.state) }
    }

    /// Waits until there are flags that are kept fresh: the publisher of this host, whichever process that is, has an open stream.
    /// False if that takes longer than `timeout`; what is read then is the last known value, or the default.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # let folder = tempfile::tempdir()?;
    /// # let builder = flagstaff::Client::builder("k").base_url("http://127.0.0.1:9");
    /// # let flags = builder.cache_dir(folder.path()).start()?;
    /// if !flags.wait_until_ready(Duration::from_millis(10)) {
    ///     eprintln!("starts with the last known flags");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn wait_until_ready(&self, timeout: Duration) -> bool {
        let begun = Instant::now();
        loop {
            let status = self.status();
            if status.generation.0 > 0 && !status.is_stale() {
                return true;
            }
            let left = timeout.saturating_sub(begun.elapsed());
            if left.is_zero() {
                return false;
            }
            self.wait_for_change(status.generation, LOOK_EVERY.min(left));
        }
    }

    /// The flags that may have changed since `seen`, a generation that this client has returned. Costs what changed. `keys` is `None` where
    /// that is not known: read all flags again. To be called with each change, and with the values before and now: [`Client::on_change`].
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let builder = flagstaff::Client::builder("k").base_url("http://127.0.0.1:9");
    /// # let flags = builder.cache_dir(folder.path()).start()?;
    /// let seen = flags.generation();
    /// // Later:
    /// if let Some(keys) = flags.changes_since(seen).keys {
    ///     println!("to be read again: {keys:?}");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn changes_since(&self, seen: Generation) -> ChangedKeys {
        let reader = self.reader();
        // In memory generations have begun again: up to that of the file they may have been seen there.
        let has_moved = !self.state.is_direct() && !std::ptr::eq(reader, &raw const self.state.reader);
        let is_of_both = has_moved && seen <= self.state.reader.generation();
        reader.changes_since(if is_of_both { Generation(u64::MAX) } else { seen })
    }

    /// As [`Client::changes_since`]; waits first, asleep, until the generation is another one than `seen`, at most `timeout`.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let builder = flagstaff::Client::builder("k").base_url("http://127.0.0.1:9");
    /// # let flags = builder.cache_dir(folder.path()).start()?;
    /// let seen = flags.generation();
    /// let changed = flags.wait_for_changes(seen, std::time::Duration::from_millis(10));
    /// assert_eq!(changed.generation, seen);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wait_for_changes(&self, seen: Generation, timeout: Duration) -> ChangedKeys {
        self.wait_for_change(seen, timeout);
        self.changes_since(seen)
    }

    /// Calls `callback` with the flags that changed, from now on.
    ///
    /// All callbacks of a client run one after the other in a thread of their own, in the order in which they were added. A callback may
    /// read flags and close the client; a panic in it is caught and logged. Changes that come while one is busy are
    /// told as one. Keeps two copies of the flags in memory. It counts as a read; a clone of the client that the callback holds
    /// keeps the client from being closed by dropping.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # let folder = tempfile::tempdir()?;
    /// # let builder = flagstaff::Client::builder("k").base_url("http://127.0.0.1:9");
    /// # let flags = builder.cache_dir(folder.path()).start()?;
    /// flags.on_change(|changes| {
    ///     for change in changes.iter() {
    ///         println!("{}: {:?} -> {:?}", change.key, change.old, change.new);
    ///     }
    /// });
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_change(&self, callback: impl Fn(&Changes) + Send + Sync + 'static) {
        let seen = self.snapshot();
        self.state.listeners.push(Listener(Box::new(callback)));
        if let Some(process) = self.state.process() {
            watcher::watch(&self.state, process, Some(seen));
        }
    }

    /// Ends the background in this process: closes the stream, writes the last flags to the disk, gives the lock to whoever
    /// waits for it. Takes at most 5 seconds, and a few milliseconds if there is nothing to write.
    ///
    /// No callback is called any more after this; one that is running is not waited for. Reads go on, from what other processes
    /// publish. A second close only waits again. Any thread may call it, a callback too. Dropping the last clone does the same.
    ///
    /// # Errors
    /// [`CloseError`]: what was not done in time.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # let folder = tempfile::tempdir()?;
    /// # let builder = flagstaff::Client::builder("k").base_url("http://127.0.0.1:9");
    /// # let flags = builder.cache_dir(folder.path()).start()?;
    /// flags.close()?;
    /// assert!(!flags.get_bool("no-such-flag"), "reads go on");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn close(&self) -> Result<(), CloseError> {
        self.close_within(PATIENCE)
    }

    /// As [`Client::close`], with another limit. What is not done by then goes on in the background.
    ///
    /// # Errors
    /// As [`Client::close`].
    ///
    /// ```
    /// # use std::time::Duration;
    /// # let folder = tempfile::tempdir()?;
    /// # let builder = flagstaff::Client::builder("k").base_url("http://127.0.0.1:9");
    /// # let flags = builder.cache_dir(folder.path()).start()?;
    /// if let Err(error) = flags.close_within(Duration::from_millis(500)) {
    ///     eprintln!("{error}");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn close_within(&self, limit: Duration) -> Result<(), CloseError> {
        self.state.close(limit)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not through the reader: to be shown is no read.
        f.debug_struct("Client")
            .field("settings", &self.state.settings)
            .field("clones", &Arc::strong_count(&self.owner))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use flagstaff_publisher::{Publisher, PublisherOptions};

    use super::*;
    use crate::process::Process;

    /// Generations begin again in memory, so that the number of one there may have been one of the file.
    #[test]
    fn a_generation_of_the_file_is_not_taken_for_one_of_the_memory_that_a_client_has_moved_to() {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["file", "memory"].map(|name| folder.path().join(name));
        let mut publishers =
            paths.clone().map(|path| Publisher::open(path, &PublisherOptions::default()).unwrap());
        let mut publish = |at: usize, flags: &str| drop(publishers[at].publish(flags).unwrap());
        publish(0, r#"{"one": 1, "two": 2}"#);
        publish(0, r#"{"one": 1, "two": 3}"#);
        let client = Client::builder("k").base_url("http://127.0.0.1:9").file(&paths[0]).start().unwrap();
        let seen = client.generation();
        assert_eq!((client.changes_since(Generation(1)).keys, seen.0), (Some(vec!["two".to_owned()]), 2));
        publish(1, r#"{"one": 5, "two": 5}"#);
        publish(1, r#"{"one": 5, "two": 6}"#);
        publish(1, r#"{"one": 5, "two": 7}"#);
        client.state.move_to(&paths[1]);
        assert!(client.state.process().is_some_and(Process::is_started));
        let moved = client.changes_since(seen);
        assert_eq!((moved.generation.0, moved.keys), (3, None), "`one` is another one in memory");
        publish(1, r#"{"one": 6, "two": 7}"#);
        assert_eq!(client.changes_since(moved.generation).keys, Some(vec!["one".to_owned()]));
        client.close().unwrap();
    }
}
