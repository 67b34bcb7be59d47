//! The events that wake the live screen: keys, publishes, looks at the host, signals. A thread waits for each.

use std::io;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use flagstaff_reader::Reader;
use ratatui::crossterm::event::{self, KeyEvent, KeyEventKind};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::attached::{Looker, Table};
use crate::failure::Failure;
use crate::screen;

/// How long the end may take, after a signal, to give the terminal back.
const PATIENCE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) enum Event {
    Key(KeyEvent),
    Resized,
    /// Readers see another generation.
    Published,
    Looked(Table),
    Signal,
    /// The terminal is gone.
    Lost(io::Error),
}

/// Starts the threads. They end when nobody receives any more, or with the process.
pub(super) fn listen(reader: &Reader) -> Result<Receiver<Event>, Failure> {
    let (sender, events) = mpsc::channel();
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(cannot("listen for signals"))?;
    start("flag-signals", &sender, move |sender| {
        if signals.forever().next().is_some() && sender.send(Event::Signal).is_ok() {
            // The process ends meanwhile, unless nobody reads the terminal: then the drawing thread is blocked.
            thread::sleep(PATIENCE);
            screen::leave_at_once();
        }
    })?;
    start("flag-keys", &sender, keys)?;
    let of_thread = reader.clone();
    start("flag-changes", &sender, move |sender| {
        let mut seen = of_thread.generation();
        loop {
            seen = of_thread.wait_for_change(seen, Duration::MAX);
            if sender.send(Event::Published).is_err() {
                return;
            }
        }
    })?;
    let path = reader.path().to_owned();
    start("flag-processes", &sender, move |sender| {
        let mut looker = Looker::default();
        loop {
            let (table, pause) = looker.look(&path);
            if sender.send(Event::Looked(table)).is_err() {
                return;
            }
            thread::sleep(pause);
        }
    })?;
    Ok(events)
}

fn keys(sender: &Sender<Event>) {
    loop {
        let event = match event::read() {
            Ok(event::Event::Key(key)) if key.kind != KeyEventKind::Release => Event::Key(key),
            Ok(event::Event::Resize(..)) => Event::Resized,
            Ok(_) => continue,
            Err(error) => {
                // Nobody listens any more if this fails.
                let _ = sender.send(Event::Lost(error));
                return;
            }
        };
        if sender.send(event).is_err() {
            return;
        }
    }
}

fn start(
    name: &str,
    sender: &Sender<Event>,
    work: impl FnOnce(&Sender<Event>) + Send + 'static,
) -> Result<(), Failure> {
    let sender = sender.clone();
    let work = move || work(&sender);
    thread::Builder::new().name(name.to_owned()).spawn(work).map(drop).map_err(cannot("start a thread"))
}

fn cannot(action: &'static str) -> impl FnOnce(io::Error) -> Failure {
    move |source| Failure::System { action, source }
}
