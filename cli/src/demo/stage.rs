//! The course of events.

use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::READERS;
use super::children::{Process, Starter};
use super::folder::Folder;
use super::ledger::Ledger;
use super::memory;
use super::message::Message;
use super::scene::{PublisherScene, Scene};
use super::server::Server;
use super::{clock, flags};
use crate::failure::Failure;

/// From one flip to the next.
const FLIP_EVERY: Duration = Duration::from_secs(1);
/// From a flip to a look at the processes' memory, when no time of arrival is being taken.
const MEMORY_AFTER: Duration = Duration::from_millis(500);
/// From one picture to the next, at most.
const DRAW_EVERY: Duration = Duration::from_millis(100);
/// How long readers have to do without a publisher after one was killed.
const WITHOUT: Duration = Duration::from_secs(3);
/// For all processes to come up, and for the last flip to arrive.
const START_LIMIT: Duration = Duration::from_secs(30);
const LAST_LIMIT: Duration = Duration::from_secs(2);

/// Shows a scene again and again.
pub(super) trait Show {
    /// The scene has changed, or time has passed.
    fn draw(&mut self, scene: &Scene) -> Result<(), Failure>;
    /// The second after a flip is over.
    fn second(&mut self, scene: &Scene) -> Result<(), Failure>;
}

/// Whether there is something to sum up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    BeforeStart,
    Played,
}

#[derive(Debug)]
pub(super) struct Stage {
    // In the order in which they have to go: the processes before their folder.
    readers: Vec<Process>,
    publisher: Option<Process>,
    restart_at: Option<Instant>,
    starter: Starter,
    server: Server,
    messages: Receiver<(usize, Option<Message>)>,
    stop: Arc<AtomicBool>,
    api_key: String,
    scene: Scene,
    _folder: Folder,
}

impl Stage {
    /// Starts all processes.
    pub(super) fn set(seconds: u64) -> Result<Stage, Failure> {
        let failed = |source| Failure::System { action: "set up the demo", source };
        let stop = listen().map_err(failed)?;
        let folder = Folder::new().map_err(failed)?;
        let api_key = format!("demo-{}-{:x}", std::process::id(), clock::now());
        let server = Server::start(&api_key).map_err(failed)?;
        let starter = Starter::new(folder.path()).map_err(failed)?;
        let (sender, messages) = mpsc::channel();
        let publisher = starter.publisher(&server.url(), &api_key).map_err(failed)?;
        let readers = (0..READERS)
            .map(|number| starter.reader(number, sender.clone()))
            .collect::<io::Result<Vec<_>>>()
            .map_err(failed)?;
        let scene = Scene {
            seconds,
            elapsed: Duration::ZERO,
            turn: 0,
            url: server.url(),
            publisher: PublisherScene { pid: Some(publisher.pid()), anonymous_kib: None, back_in: None },
            reader_pids: readers.iter().map(Process::pid).collect(),
            reader_kib: vec![None; READERS],
            ledger: Ledger::new(READERS),
        };
        let publisher = Some(publisher);
        Ok(Stage {
            readers,
            publisher,
            restart_at: None,
            starter,
            server,
            messages,
            stop,
            api_key,
            scene,
            _folder: folder,
        })
    }

    pub(super) fn scene(&self) -> &Scene {
        &self.scene
    }

    /// Flips the flag until the time is over.
    pub(super) fn play(&mut self, show: &mut dyn Show) -> Result<Ended, Failure> {
        if self.wait_until_ready(show)? == Ended::BeforeStart {
            return Ok(Ended::BeforeStart);
        }
        let start = Instant::now();
        let end = start + Duration::from_secs(self.scene.seconds);
        let (mut next_flip, mut next_look) = (start, start + MEMORY_AFTER);
        while !self.is_stopped() && Instant::now() < end {
            let now = Instant::now();
            self.scene.elapsed = now - start;
            if now >= next_flip {
                if self.scene.turn > 0 {
                    show.second(&self.scene)?;
                }
                self.flip();
                next_flip += FLIP_EVERY;
            }
            if now >= next_look {
                self.look_at_memory();
                self.server.beat();
                next_look += FLIP_EVERY;
            }
            self.turn_once(show, next_flip.min(next_look).min(end))?;
        }
        let limit = Instant::now() + LAST_LIMIT;
        while !self.scene.ledger.is_settled() && Instant::now() < limit {
            self.turn_once(show, limit)?;
        }
        self.scene.elapsed = start.elapsed();
        show.second(&self.scene)?;
        Ok(Ended::Played)
    }

    fn wait_until_ready(&mut self, show: &mut dyn Show) -> Result<Ended, Failure> {
        let limit = Instant::now() + START_LIMIT;
        while !self.scene.ledger.are_ready() {
            if self.is_stopped() {
                return Ok(Ended::BeforeStart);
            }
            self.turn_once(show, limit)?;
            let problem = match () {
                () if self.publisher.is_none() => "the publisher ended",
                () if self.scene.ledger.readers.iter().any(|reader| reader.ended) => "a reader ended",
                () if Instant::now() >= limit => "the processes did not come up",
                () => continue,
            };
            let log = fs::read_to_string(self.starter.log()).unwrap_or_default();
            return Err(Failure::Demo(format!("{problem}; log of the publisher:\n{}", log.trim_end())));
        }
        Ok(Ended::Played)
    }

    /// Draws, waits for a message until it is time for the next thing, and takes what has come.
    fn turn_once(&mut self, show: &mut dyn Show, next: Instant) -> Result<(), Failure> {
        self.mind_publisher()?;
        for turn in self.server.greeted() {
            self.scene.ledger.sent(turn);
        }
        show.draw(&self.scene)?;
        let wait = next.saturating_duration_since(Instant::now()).min(DRAW_EVERY);
        let mut message = self.messages.recv_timeout(wait).ok();
        while let Some((number, said)) = message {
            self.scene.ledger.heard(number, said);
            message = self.messages.try_recv().ok();
        }
        Ok(())
    }

    fn flip(&mut self) {
        self.scene.turn += 1;
        if self.server.flip(self.scene.turn) {
            self.scene.ledger.sent(self.scene.turn);
        }
    }

    /// Notices that the publisher is gone, and starts another one after a while.
    fn mind_publisher(&mut self) -> Result<(), Failure> {
        if self.publisher.as_mut().is_some_and(Process::has_ended) {
            self.publisher = None;
            self.scene.ledger.forgive();
            self.restart_at = Some(Instant::now() + WITHOUT);
            self.scene.publisher = PublisherScene::default();
        }
        let Some(at) = self.restart_at else { return Ok(()) };
        self.scene.publisher.back_in = Some(at.saturating_duration_since(Instant::now()));
        if Instant::now() >= at {
            self.restart_at = None;
            let publisher = self
                .starter
                .publisher(&self.server.url(), &self.api_key)
                .map_err(|source| Failure::System { action: "start a publisher", source })?;
            self.scene.publisher =
                PublisherScene { pid: Some(publisher.pid()), anonymous_kib: None, back_in: None };
            self.publisher = Some(publisher);
        }
        Ok(())
    }

    fn look_at_memory(&mut self) {
        self.scene.publisher.anonymous_kib = self.scene.publisher.pid.and_then(memory::anonymous_kib);
        for (kib, reader) in self.scene.reader_kib.iter_mut().zip(&self.readers) {
            *kib = memory::anonymous_kib(reader.pid()).or(*kib);
        }
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

impl Scene {
    pub(super) fn is_on(&self) -> bool {
        flags::is_on(self.turn)
    }
}

/// Lets a signal end the demo in order, which takes 2 s at most.
fn listen() -> io::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, stop.clone())?;
    }
    Ok(stop)
}
