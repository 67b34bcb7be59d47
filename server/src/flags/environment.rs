//! One API key and its flags.

mod by_hand;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use flagstaff_publisher::payload::{ImportError, PayloadError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::error::{ChangeError, StartError};
use crate::flags::change::{Author, Change, FlagChange};
use crate::flags::clients::{Client, Clients};
use crate::flags::document::{Document, members};
use crate::flags::edit::{Condition, Edit, Subject};
use crate::flags::file_lock::FileLock;
use crate::flags::flag_file::FlagFile;
use crate::flags::history::History;
use crate::flags::history_file::HistoryFile;
use crate::flags::persisted::{NotWritten, Persisted};
use crate::flags::value::{FlagValue, checked_key};
use crate::flags::view::View;
use crate::options::IfMissing;

/// How often a change is retried because the file was edited by hand at the same moment.
const MOST_TRIES: usize = 20;

/// The flags of one API key, for the program that contains the server. Clones refer to the same environment.
///
/// With a file, each change waits until it is on the disk.
#[derive(Debug, Clone)]
pub struct Environment(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: Arc<str>,
    state: Mutex<State>,
    view: watch::Sender<Arc<View>>,
    clients: Clients,
    /// Each open page has a clone.
    pages: Arc<()>,
    /// The server is stopping.
    ends: AtomicBool,
    /// Serializes changes: those that wait occupy no thread.
    turn: Arc<Semaphore>,
}

#[derive(Debug)]
struct State {
    document: Arc<Document>,
    revision: u64,
    history: History,
    history_file: Option<HistoryFile>,
    persisted: Option<Persisted>,
    /// Earlier views that are still in use. They are large: a connection must not spend time on freeing one.
    old_views: Vec<Arc<View>>,
}

/// The result of a change; `changes` is empty if it changed nothing.
#[derive(Debug)]
pub(crate) struct Applied {
    pub(crate) view: Arc<View>,
    pub(crate) changes: Vec<FlagChange>,
}

impl Environment {
    pub(crate) fn in_memory(name: Arc<str>, payload: &str) -> Result<Environment, StartError> {
        let document = Document::parse(payload).map_err(StartError::Flags)?;
        Ok(Environment::new(name, document, None, None))
    }

    /// Takes the flags from a file.
    pub(crate) fn in_file(
        name: Arc<str>,
        path: PathBuf,
        if_missing: IfMissing,
    ) -> Result<Environment, StartError> {
        let lock = FileLock::take(&path)?;
        let file = FlagFile::new(path);
        if lock.is_some() {
            file.recover();
        }
        let text = match file.read() {
            Err(ImportError::Missing { path }) if if_missing == IfMissing::Refuse => {
                return Err(StartError::Missing { path });
            }
            Err(ImportError::Missing { path }) => {
                file.create().map_err(|source| StartError::Create { path: path.clone(), source })?;
                tracing::info!("created {}, which has no flags yet", path.display());
                file.read()
            }
            read => read,
        };
        let text = text.map_err(StartError::File)?;
        let refused = |source| ImportError::Payload { path: file.path().to_owned(), source };
        let document = Document::parse(&text).map_err(|error| StartError::File(refused(error)))?;
        // Without the lock, whose directory cannot be written to, nothing is.
        let remembered = lock.is_some().then(|| HistoryFile::open(file.path()));
        Ok(Environment::new(name, document, Some(Persisted::new(file, lock, text)), remembered))
    }

    fn new(
        name: Arc<str>,
        document: Document,
        persisted: Option<Persisted>,
        remembered: Option<(HistoryFile, History)>,
    ) -> Environment {
        let document = Arc::new(document);
        let (history_file, history) = remembered.unzip();
        let history = history.unwrap_or_default();
        let revision = history.newest();
        let view = View::new(revision, document.clone(), history.clone(), None);
        let state = State { document, revision, history, history_file, persisted, old_views: Vec::new() };
        let view = watch::Sender::new(Arc::new(view));
        Environment(Arc::new(Inner {
            name,
            state: Mutex::new(state),
            view,
            clients: Clients::default(),
            pages: Arc::default(),
            ends: AtomicBool::new(false),
            turn: Arc::new(Semaphore::new(1)),
        }))
    }

    /// What people call it. See [`ServerOptions::environment_name`](crate::ServerOptions::environment_name).
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Sets a flag to a JSON value and returns the revision.
    ///
    /// # Errors
    /// The key or the value is invalid, or the change cannot be written.
    pub fn set(&self, key: &str, json: &str) -> Result<u64, ChangeError> {
        let value = FlagValue::parse(key, json)?;
        self.edit(Edit::Set { key: checked_key(key)?, value })
    }

    /// Removes a flag and returns the revision.
    ///
    /// # Errors
    /// There is no such flag, or the change cannot be written.
    pub fn remove(&self, key: &str) -> Result<u64, ChangeError> {
        self.edit(Edit::Remove { key: checked_key(key)? })
    }

    /// Changes several flags at once: each member of the JSON object replaces the flag of its name, `null` removes it.
    /// Returns the revision.
    ///
    /// # Errors
    /// It is not a JSON object of flags, or it cannot be written.
    pub fn patch(&self, json: &str) -> Result<u64, ChangeError> {
        self.edit(merge(json)?)
    }

    /// All flags, as one line of JSON.
    #[must_use]
    pub fn flags(&self) -> String {
        self.view().document.line()
    }

    /// The number of the last change. With a file it goes on after a restart.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.view().revision
    }

    /// The changes after a revision, newest first; at most the last 100.
    #[must_use]
    pub fn changes_since(&self, revision: u64) -> Vec<Arc<Change>> {
        self.view().history.kept_since(revision)
    }

    /// Number of pages that are open in browsers.
    #[must_use]
    pub fn pages(&self) -> usize {
        Arc::strong_count(&self.0.pages) - 1
    }

    pub(crate) fn open_page(&self) -> Arc<()> {
        self.0.pages.clone()
    }

    /// The live streams.
    #[must_use]
    pub fn clients(&self) -> Vec<Client> {
        self.0.clients.all()
    }

    /// Waits until at least `count` live streams have been sent the newest flags. Returns `false` after `timeout`.
    #[must_use]
    pub fn wait_for_clients(&self, count: usize, timeout: Duration) -> bool {
        let begun = Instant::now();
        loop {
            let revision = self.revision();
            let is_fresh = |client: &&Client| client.sent_revision.is_some_and(|sent| sent >= revision);
            if self.clients().iter().filter(is_fresh).count() >= count {
                return true;
            }
            if begun.elapsed() >= timeout {
                return false;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn edit(&self, edit: Edit) -> Result<u64, ChangeError> {
        self.apply(&edit, &Condition::default(), Author::PROGRAM).map(|applied| applied.view.revision)
    }

    pub(crate) fn view(&self) -> Arc<View> {
        self.0.view.borrow().clone()
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Arc<View>> {
        self.0.view.subscribe()
    }

    pub(crate) fn streams(&self) -> &Clients {
        &self.0.clients
    }

    /// Makes a change under a condition. Waits for the disk.
    pub(crate) fn apply(
        &self,
        edit: &Edit,
        condition: &Condition,
        author: Author,
    ) -> Result<Applied, ChangeError> {
        let mut state = self.state();
        for _ in 0..MOST_TRIES {
            self.catch_up(&mut state)?;
            if let Some(applied) = self.attempt(&mut state, edit, condition, author)? {
                return Ok(applied);
            }
        }
        Err(ChangeError::FileBusy)
    }

    /// `None`: the file was edited by hand in the meantime.
    fn attempt(
        &self,
        state: &mut State,
        edit: &Edit,
        condition: &Condition,
        author: Author,
    ) -> Result<Option<Applied>, ChangeError> {
        let view = self.view();
        let subject = edit.subject(&state.document);
        if !condition.holds(&view.etag, &subject) {
            let current = match subject {
                Subject::Flag(Some(value)) => Some(value.json().to_owned()),
                _ => None,
            };
            let (etag, revision) = (view.etag.clone(), view.revision);
            return Err(ChangeError::Precondition { etag, revision, current });
        }
        let (document, changes) = edit.apply(&state.document, &state.history)?;
        if changes.is_empty() {
            return Ok(Some(Applied { view, changes }));
        }
        if self.0.ends.load(Ordering::SeqCst) {
            return Err(ChangeError::Stopping);
        }
        let text =
            if state.persisted.is_some() { document.file_text().map_err(too_large)? } else { String::new() };
        if !self.keep(state, text)? {
            return Ok(None);
        }
        self.announce(state, document, &changes, author, edit.undoes());
        Ok(Some(Applied { view: self.view(), changes }))
    }

    /// Waits for the turn of a change; dropping the permit passes the turn on.
    pub(crate) async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        // It is never closed.
        self.0.turn.clone().acquire_owned().await.ok()
    }

    /// From now on no change is started.
    pub(crate) fn end(&self) {
        self.0.ends.store(true, Ordering::SeqCst);
    }

    /// Writes the file. `false`: it was edited by hand since it was read.
    fn keep(&self, state: &mut State, text: String) -> Result<bool, ChangeError> {
        let Some(persisted) = &mut state.persisted else { return Ok(true) };
        match persisted.write(text) {
            Ok(()) => Ok(true),
            Err(NotWritten::Changed) => Ok(false),
            Err(NotWritten::Busy) => Err(ChangeError::FileBusy),
            Err(NotWritten::Io(source)) => {
                let path = persisted.path().to_owned();
                self.show_problem(state);
                Err(ChangeError::NotKept { path, source })
            }
        }
    }

    fn announce(
        &self,
        state: &mut State,
        document: Document,
        changes: &[FlagChange],
        author: Author,
        undoes: Option<u64>,
    ) {
        state.document = Arc::new(document);
        // Another order or layout is no change of a flag.
        if !changes.is_empty() {
            state.revision += 1;
            let revision = state.revision;
            let keys: Vec<_> = changes.iter().take(5).map(|change| &*change.key).collect();
            tracing::info!(revision, by = ?author.by, flags = changes.len(), ?keys, "changed");
            let flags = changes.to_vec();
            state.history.push(Change::new(revision, SystemTime::now(), author, undoes, flags));
            if let Some(file) = &mut state.history_file {
                file.append(&state.history);
            }
        }
        let problem = state.problem();
        let view = View::new(state.revision, state.document.clone(), state.history.clone(), problem);
        let old = self.0.view.send_replace(Arc::new(view));
        old.frame.is_old();
        state.free_old_views();
        state.old_views.push(old);
    }

    fn show_problem(&self, state: &mut State) {
        let (problem, view) = (state.problem(), self.view());
        if view.problem != problem {
            match &problem {
                Some(problem) => tracing::error!("{problem}; serving the last good flags"),
                None => tracing::info!("the flag file is usable again"),
            }
            state.old_views.push(self.0.view.send_replace(Arc::new(view.with_problem(problem))));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that holds it panics.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn free_old_views(&mut self) {
        // A view that only this list holds can no longer be reached by anyone else.
        self.old_views.retain(|view| Arc::strong_count(view) > 1);
    }

    fn problem(&self) -> Option<String> {
        self.persisted.as_ref().and_then(Persisted::problem)
    }
}

/// The edit that a JSON object asks for. Its values get this program's layout.
pub(crate) fn merge(json: &str) -> Result<Edit, ChangeError> {
    let mut edit = Vec::new();
    for (key, value) in members(json)? {
        let key = checked_key(&key)?;
        edit.push((key, (value.text() != "null").then(|| value.without_layout())));
    }
    Ok(Edit::Merge(edit))
}

fn too_large(error: PayloadError) -> ChangeError {
    match error {
        PayloadError::TooLarge { found, limit } => ChangeError::TooLarge { found, limit },
        error => error.into(),
    }
}
