//! The steps of a publisher by name, and a witness that stops its process at one of them.
//!
//! A name is the place in the code that was passed last, and what is done: `publish: store generation word`. What is done
//! for the second time since that place has a number.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use flagstaff_format::layout::{AREA_BYTES, Area, HEADER_BYTES, word};
use flagstaff_format::{FileOp, Hooks, Observer};
use rustix::process::{Signal, getpid, kill_process};

thread_local! {
    /// The last named place in the code of this thread, and how often it did what since.
    static PLACE: RefCell<(&'static str, HashMap<String, usize>)> = RefCell::default();
}

/// Remembers the steps, and sends a signal to its own process the first time that a given step comes.
#[derive(Debug)]
pub struct Stepper {
    at: Option<(String, Signal)>,
    /// The first of several processes that makes this file gets the signal.
    once: Option<PathBuf>,
    seen: Mutex<Vec<String>>,
}

impl Stepper {
    /// At the step of that name the process sends itself the signal.
    pub fn new(at: Option<(String, Signal)>) -> Arc<Stepper> {
        Arc::new(Stepper { at, once: None, seen: Mutex::default() })
    }

    /// As [`Stepper::new`]; of several processes with the same path, only the one that comes first.
    pub fn once(at: Option<(String, Signal)>, path: PathBuf) -> Arc<Stepper> {
        Arc::new(Stepper { at, once: Some(path), seen: Mutex::default() })
    }

    /// The witness.
    pub fn watch(self: &Arc<Stepper>) -> Hooks {
        Hooks::new(self.clone())
    }

    /// The names of the steps so far, each once.
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Stepper {
    /// Parses the arguments `[<step> [<signal>]]` of a role: a kill at a step, or a stop if the signal is `stop`.
    pub fn asked(arguments: &[String]) -> Option<(String, Signal)> {
        match arguments {
            [step, signal, ..] if signal == "stop" => Some((step.clone(), Signal::STOP)),
            [step, ..] if !step.is_empty() => Some((step.clone(), Signal::KILL)),
            _ => None,
        }
    }

    fn is_first(&self) -> bool {
        self.once.as_ref().is_none_or(|path| File::create_new(path).is_ok())
    }
}

impl Observer for Stepper {
    fn before(&self, step: &FileOp<'_>) -> io::Result<()> {
        let name = name(step);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.contains(&name) {
            return Ok(());
        }
        seen.push(name.clone());
        // Unlocked: other threads go on for a moment while the kernel stops this one.
        drop(seen);
        match &self.at {
            Some((at, signal)) if *at == name && self.is_first() => {
                kill_process(getpid(), *signal)?;
                // Any thread may take the signal. This one must not do its step before it is stopped as well.
                thread::sleep(Duration::from_millis(50));
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

fn name(step: &FileOp<'_>) -> String {
    PLACE.with_borrow_mut(|(place, counts)| {
        if let FileOp::Failpoint(moment) = step {
            *place = moment;
            counts.clear();
            return (*moment).to_owned();
        }
        let what = what(step);
        let count = counts.entry(what.clone()).or_default();
        *count += 1;
        match *count {
            1 => format!("{place}: {what}"),
            // How many runs of lines an archive is written in depends on what differs.
            _ if what.starts_with("write archive") => format!("{place}: {what}, further lines"),
            count => format!("{place}: {what} {count}"),
        }
    })
}

fn what(step: &FileOp<'_>) -> String {
    match step {
        FileOp::Create { .. } => "create".to_owned(),
        FileOp::Open { .. } => "open".to_owned(),
        FileOp::Size { .. } => "size".to_owned(),
        FileOp::Reserve { at, .. } => format!("reserve {}", area(*at)),
        FileOp::Write { at, .. } if *at >= HEADER_BYTES => {
            let is_frame = (*at - HEADER_BYTES).is_multiple_of(AREA_BYTES);
            let part = if is_frame { "frame" } else { "archive" };
            format!("write {part} of {}", area(*at))
        }
        FileOp::Write { at, .. } if *at >= word::FEED as u64 * 8 => "write feed".to_owned(),
        FileOp::Write { .. } => "write header".to_owned(),
        FileOp::Store { word, .. } => format!("store {}", word_name(*word)),
        FileOp::Sync { .. } => "sync".to_owned(),
        FileOp::SyncDirectory { .. } => "sync directory".to_owned(),
        FileOp::Link { .. } => "link".to_owned(),
        FileOp::Rename { .. } => "rename".to_owned(),
        FileOp::Remove { .. } => "remove".to_owned(),
        FileOp::Mode { .. } => "mode".to_owned(),
        FileOp::Owner { .. } => "owner".to_owned(),
        other => format!("{other:?}"),
    }
}

fn area(at: u64) -> &'static str {
    match at {
        at if at < HEADER_BYTES => "header",
        at if at < Area::Checkpoint(0).offset() => "slot",
        _ => "checkpoint",
    }
}

fn word_name(at: usize) -> &'static str {
    match at {
        word::GENERATION => "generation word",
        word::EVENT => "event word",
        word::DURABLE => "durable",
        at if word::FEED_HEADS.contains(&at) => "feed head",
        at if word::PLACES.contains(&at) => "places",
        at if word::RESERVED.contains(&at) => "reserved",
        _ => "another word",
    }
}
