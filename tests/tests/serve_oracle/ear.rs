//! Somebody who listens for as long as the test lasts, through the deaths of the server.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use flagstaff_tests::http::Event;
use serde_json::Value;

use crate::client::{Api, entry, heard};
use crate::record::{Entry, State};

/// Before another try to connect.
const PAUSE: Duration = Duration::from_millis(2);

/// One connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct Heard {
    /// Number of the server, from 1 on.
    pub life: u64,
    pub events: Vec<(u64, State)>,
    /// What the page was told of the history.
    pub log: Vec<Entry>,
    pub wrong: Option<String>,
    pub ended: bool,
}

/// What all of them share: the server that lives now, and whether it goes on.
#[derive(Debug, Default)]
pub(crate) struct Stage {
    pub life: AtomicU64,
    pub over: AtomicBool,
}

/// The listener. Its thread ends when the stage is over and the server is gone.
#[derive(Debug)]
pub(crate) struct Ear {
    heard: Arc<Mutex<Vec<Heard>>>,
    thread: Option<JoinHandle<()>>,
}

impl Ear {
    /// Listens to a stream of flags, or to that of the page.
    pub(crate) fn open(
        address: SocketAddr,
        key: &'static str,
        path: &'static str,
        stage: &Arc<Stage>,
    ) -> Ear {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (list, stage) = (heard.clone(), stage.clone());
        let thread = thread::spawn(move || {
            while !stage.over.load(Ordering::SeqCst) {
                listen(Api { address, key }, path, &stage, &list);
                thread::sleep(PAUSE);
            }
        });
        Ear { heard, thread: Some(thread) }
    }

    /// The connections to one server.
    pub(crate) fn of(&self, life: u64) -> Vec<Heard> {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.iter().filter(|heard| heard.life == life).cloned().collect()
    }

    /// Forgets what is over.
    pub(crate) fn forget(&self, life: u64) {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).retain(|heard| heard.life > life);
    }

    pub(crate) fn join(&mut self) {
        drop(self.thread.take().map(JoinHandle::join));
    }
}

fn listen(api: Api, path: &str, stage: &Stage, list: &Mutex<Vec<Heard>>) {
    let life = stage.life.load(Ordering::SeqCst);
    let Ok(mut stream) = api.stream(path) else { return };
    if stage.life.load(Ordering::SeqCst) != life {
        // It may be a server that was started meanwhile.
        return;
    }
    let new = Heard { life, ..Heard::default() };
    list.lock().unwrap_or_else(PoisonError::into_inner).push(new);
    let with = |change: &dyn Fn(&mut Heard)| {
        let mut list = list.lock().unwrap_or_else(PoisonError::into_inner);
        // Earlier ones may have been forgotten meanwhile, but never one of a server that lives.
        if let Some(heard) = list.iter_mut().rev().find(|heard| heard.life == life && !heard.ended) {
            change(heard);
        }
    };
    while let Ok(Some(event)) = stream.try_next() {
        with(&|heard| take(heard, &event));
    }
    with(&|heard| heard.ended = true);
}

fn take(list: &mut Heard, event: &Event) {
    match event.name.as_str() {
        "" => match heard(event) {
            Some(found) => list.events.push(found),
            None => list.wrong = Some(format!("a stream has an event that is none: {event:?}")),
        },
        "flags" => {
            let json: Value = serde_json::from_str(&event.data).unwrap_or_default();
            for change in json["history"].as_array().into_iter().flatten().rev() {
                list.log.push(entry(change));
            }
            let state = json["flags"].as_object().map(|flags| flags.clone().into_iter().collect());
            match (json["revision"].as_u64(), state) {
                (Some(revision), Some(state)) => list.events.push((revision, state)),
                _ => list.wrong = Some(format!("the page has an event that is none: {event:?}")),
            }
        }
        _ => {}
    }
}
