//! The sequence of the demo: it starts the processes, flips the flag, and takes note of who sees it when.

use std::fs;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::children::{Process, READERS, Starter};
use super::deliveries::Deliveries;
use super::folder::Folder;
use super::memory;
use super::message::Message;
use super::service::Service;
use super::state::{PublisherInfo, State};
use super::user_change::UserChange;
use crate::failure::Failure;

/// From one flip to the next.
const FLIP_EVERY: Duration = Duration::from_secs(1);
/// From a flip to a look at the processes' memory: by then the flip has arrived, so that the look delays no reader.
const MEMORY_AFTER: Duration = Duration::from_millis(500);
/// From one update of the view to the next, at most.
const UPDATE_EVERY: Duration = Duration::from_millis(100);
/// How long there is no publisher after one was killed.
const WITHOUT: Duration = Duration::from_secs(3);
/// How long all processes may take to start, and the last flip to arrive.
const START_LIMIT: Duration = Duration::from_secs(30);
const LAST_LIMIT: Duration = Duration::from_secs(2);

/// Shows the state of the demo to a person.
pub(super) trait View {
    /// The state has changed, or time has passed. Returns what the person wants, if anything.
    fn update(&mut self, state: &State) -> Result<Option<Action>, Failure>;
    /// The second after a flip is over.
    fn flip_is_over(&mut self, _state: &State) -> Result<(), Failure> {
        Ok(())
    }
}

/// What a person wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    KillPublisher,
    End,
}

/// Whether there is something to summarize.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    BeforeStart,
    Completed,
}

#[derive(Debug)]
pub(super) struct Session {
    // Dropped in this order: the processes before their folder.
    readers: Vec<Process>,
    publisher: Option<Process>,
    restart_at: Option<Instant>,
    starter: Starter,
    service: Service,
    messages: Receiver<(usize, Option<Message>)>,
    stop: Arc<AtomicBool>,
    api_key: String,
    state: State,
    _folder: Folder,
}

impl Session {
    /// Starts all processes.
    pub(super) fn start(seconds: Option<u64>, port: u16) -> Result<Session, Failure> {
        let failed = |source| Failure::System { action: "set up the demo", source };
        let stop = listen().map_err(failed)?;
        let folder = Folder::new().map_err(failed)?;
        // Not to be guessed by other users of this host, who could change flags. This hasher's seed comes from the kernel.
        let api_key = format!("demo-{:016x}", RandomState::new().build_hasher().finish());
        let service = Service::start(&api_key, port)?;
        let starter = Starter::new(folder.path()).map_err(failed)?;
        let (sender, messages) = mpsc::channel();
        let publisher = starter.publisher(&service.url(), &api_key).map_err(failed)?;
        let readers = (0..READERS)
            .map(|number| starter.reader(number, sender.clone()))
            .collect::<io::Result<Vec<_>>>()
            .map_err(failed)?;
        let state = State {
            seconds,
            elapsed: Duration::ZERO,
            flip: 0,
            page: service.page(),
            page_is_open: false,
            user_change: UserChange::new(READERS),
            publisher: PublisherInfo { pid: Some(publisher.pid()), anonymous_kib: None, back_in: None },
            reader_pids: readers.iter().map(Process::pid).collect(),
            reader_kib: vec![None; READERS],
            deliveries: Deliveries::new(READERS),
        };
        let publisher = Some(publisher);
        Ok(Session {
            readers,
            publisher,
            restart_at: None,
            starter,
            service,
            messages,
            stop,
            api_key,
            state,
            _folder: folder,
        })
    }

    pub(super) fn state(&self) -> &State {
        &self.state
    }

    /// Flips the flag until the time is over.
    pub(super) fn run(&mut self, view: &mut dyn View) -> Result<Ended, Failure> {
        if self.wait_until_ready(view)? == Ended::BeforeStart {
            return Ok(Ended::BeforeStart);
        }
        let start = Instant::now();
        let end = self.state.seconds.map(|seconds| start + Duration::from_secs(seconds));
        let (mut next_flip, mut next_look) = (start, start + MEMORY_AFTER);
        while !self.is_stopped() && end.is_none_or(|end| Instant::now() < end) {
            let now = Instant::now();
            self.state.elapsed = now - start;
            if now >= next_flip {
                if self.state.flip > 0 {
                    view.flip_is_over(&self.state)?;
                }
                self.flip()?;
                next_flip += FLIP_EVERY;
            }
            if now >= next_look {
                self.look_at_memory();
                next_look += FLIP_EVERY;
            }
            let next = next_flip.min(next_look);
            self.step(view, end.map_or(next, |end| next.min(end)))?;
        }
        let limit = Instant::now() + LAST_LIMIT;
        while !self.state.deliveries.is_settled() && Instant::now() < limit {
            self.step(view, limit)?;
        }
        self.state.elapsed = start.elapsed();
        view.flip_is_over(&self.state)?;
        Ok(Ended::Completed)
    }

    fn wait_until_ready(&mut self, view: &mut dyn View) -> Result<Ended, Failure> {
        let limit = Instant::now() + START_LIMIT;
        while !self.state.deliveries.are_ready() {
            if self.is_stopped() {
                return Ok(Ended::BeforeStart);
            }
            self.step(view, limit)?;
            let problem = match () {
                () if self.publisher.is_none() => "the publisher ended",
                () if self.state.deliveries.readers.iter().any(|reader| reader.ended) => "a reader ended",
                () if Instant::now() >= limit => "the processes did not start in time",
                () => continue,
            };
            let log = fs::read_to_string(self.starter.log()).unwrap_or_default();
            return Err(Failure::Demo(format!("{problem}; log of the publisher:\n{}", log.trim_end())));
        }
        Ok(Ended::Completed)
    }

    /// Updates the view, waits for messages until `next` at most, and takes those that have come.
    fn step(&mut self, view: &mut dyn View, next: Instant) -> Result<(), Failure> {
        self.check_publisher()?;
        self.check_page();
        match view.update(&self.state)? {
            Some(Action::End) => self.stop.store(true, Ordering::Relaxed),
            Some(Action::KillPublisher) => self.publisher.iter_mut().for_each(Process::kill),
            None => {}
        }
        let wait = next.saturating_duration_since(Instant::now()).min(UPDATE_EVERY);
        let mut message = self.messages.recv_timeout(wait).ok();
        while let Some((number, said)) = message {
            if let Some(Message::Changed { key, seen_at }) = said {
                self.state.user_change.heard(number, key, seen_at);
            }
            self.state.deliveries.heard(number, said);
            message = self.messages.try_recv().ok();
        }
        Ok(())
    }

    /// Makes the next flip, unless somebody has the page open.
    fn flip(&mut self) -> Result<(), Failure> {
        if self.state.page_is_open {
            return Ok(());
        }
        self.state.flip += 1;
        self.service.flip(self.state.flip)
    }

    /// Asks the server what it has handed over, and what a person did on its page.
    fn check_page(&mut self) {
        if self.publisher.is_some()
            && let Some(flip) = self.service.handed_over()
        {
            self.state.deliveries.sent(flip);
        }
        self.state.page_is_open = self.service.has_page();
        for changed in self.service.changed_by_somebody() {
            self.state.user_change.changed(changed);
        }
    }

    /// Notices that the publisher has ended, and starts another one after a while.
    fn check_publisher(&mut self) -> Result<(), Failure> {
        if self.publisher.as_mut().is_some_and(Process::has_ended) {
            self.publisher = None;
            self.service.forget_clients();
            self.state.deliveries.publisher_died();
            self.restart_at = Some(Instant::now() + WITHOUT);
            self.state.publisher = PublisherInfo::default();
        }
        let Some(at) = self.restart_at else { return Ok(()) };
        self.state.publisher.back_in = Some(at.saturating_duration_since(Instant::now()));
        if Instant::now() >= at {
            self.restart_at = None;
            let publisher = self
                .starter
                .publisher(&self.service.url(), &self.api_key)
                .map_err(|source| Failure::System { action: "start a publisher", source })?;
            self.state.publisher =
                PublisherInfo { pid: Some(publisher.pid()), anonymous_kib: None, back_in: None };
            self.publisher = Some(publisher);
        }
        Ok(())
    }

    fn look_at_memory(&mut self) {
        self.state.publisher.anonymous_kib = self.state.publisher.pid.and_then(memory::anonymous_kib);
        for (kib, reader) in self.state.reader_kib.iter_mut().zip(&self.readers) {
            *kib = memory::anonymous_kib(reader.pid()).or(*kib);
        }
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Signals end the demo cleanly, within 2 s.
fn listen() -> io::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, stop.clone())?;
    }
    Ok(stop)
}
