//! A life whose flags come from a service: `flagstaff run` follows its stream, or a file that is watched, and elected clients lead while no
//! such process does. Whoever publishes, dies, sleeps or stands by: once somebody can publish and the world is quiet, everybody answers
//! the newest flags of the service.
//!
//! `follower` is the process that runs, `path` what people do at the path and how quiet is waited for.

mod follower;
mod path;

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use fastrand::Rng;
use flagstaff_tests::lives::flags::Content;
use flagstaff_tests::lives::race::Progress;
use flagstaff_tests::place::Place;
use flagstaff_tests::server::FaultServer;

use crate::command::{clear_overrides, set_override};
use crate::disk::Disk;
use crate::hosts::{Hosts, Opened, Outcome, words};
use crate::step::Step;
use crate::world::Counts;
use follower::Follower;

/// Payloads that a process that sleeps has not read: more could fill its connection, and with it hold up the service.
const MOST_UNREAD: u32 = 12;

pub(crate) struct Service {
    /// The folder is a file system of its own, which goes before the folder does.
    disk: Option<Disk>,
    place: Place,
    server: FaultServer,
    hosts: Hosts,
    run: Option<Follower>,
    /// Subjects that are clients.
    clients: BTreeSet<u32>,
    /// What the service says.
    newest: Content,
    /// What may be in the file: all since the world was quiet last.
    possible: Vec<Content>,
    /// Somebody has touched the path since.
    touched: bool,
    /// What was current while a process slept, and may be in a file that was marked meanwhile.
    missed: Vec<Content>,
    /// Subjects that slept: while the path leads nowhere they stay on that file.
    woken: BTreeSet<u32>,
    has_copy: bool,
    progress: Progress,
    unread: u32,
    /// The longest time until the world was quiet.
    slowest: Duration,
    serial: u32,
    random: Rng,
    counts: Counts,
}

impl Service {
    /// With a publisher and flags. In a folder that can be full, if that is wanted and permitted.
    pub(crate) fn new(defect: &'static str, can_be_full: bool) -> Result<Service, String> {
        let place = Place::new();
        let disk = if can_be_full { Disk::mount(place.folder()) } else { None };
        fs::write(place.key_file(), flagstaff_tests::place::KEY).unwrap();
        let hosts = Hosts::new(place.file(), defect);
        let progress = Progress::create(&place.file()).unwrap();
        let mut service = Service {
            disk,
            place,
            server: FaultServer::start(),
            hosts,
            run: None,
            clients: BTreeSet::new(),
            newest: Content::default(),
            possible: Vec::new(),
            touched: false,
            missed: Vec::new(),
            woken: BTreeSet::new(),
            has_copy: false,
            progress,
            unread: 0,
            slowest: Duration::ZERO,
            serial: 0,
            random: Rng::with_seed(7),
            counts: Counts::default(),
        };
        service.say(10, 1);
        service.start(&Step::Start)?;
        service.quiet()?;
        Ok(service)
    }

    /// What was done so far.
    pub(crate) fn counts(&self) -> Counts {
        Counts { reads: self.hosts.reads, ..self.counts }
    }

    /// Takes a step, waits until the world is quiet, and asks everybody.
    pub(crate) fn step(&mut self, step: Step) -> Outcome {
        self.counts.steps += 1;
        if std::env::var_os("FLAGSTAFF_LIVES_TRACE").is_some() {
            eprintln!("{} {step}: {}, touched {}", self.counts.steps, words(&self.possible), self.touched);
        }
        self.take(step)?;
        self.quiet()?;
        self.check()
    }

    fn take(&mut self, step: Step) -> Outcome {
        match step {
            Step::Publish(size, variety) => self.say(size, variety),
            Step::Burst(count, size, variety) => (0..count).for_each(|i| self.say(size + i, variety)),
            Step::Race(count, size, variety) => return self.race(count, size, variety),
            Step::FullDisk(size, variety) => return self.full_disk(size, variety),
            Step::Refused => {
                self.server.send_event(r#"{"n":NaN}"#);
            }
            Step::Start | Step::StartOther(_) | Step::StartUnread => return self.start(&step),
            Step::Close => return self.run.take().map_or(Ok(()), Follower::close),
            Step::Kill => drop(self.run.take()),
            Step::Stop => self.run.iter_mut().for_each(Follower::stop),
            Step::Continue => self.run.iter_mut().for_each(Follower::go_on),
            Step::Remove => self.remove(),
            Step::RenameAway => self.rename_away(),
            Step::PutBack => self.put_back(),
            Step::Copy => self.copy(),
            Step::Restore => self.restore(),
            Step::Foreign(what) => self.foreign(what),
            Step::Open(host) => return self.open(host, "open", ""),
            Step::Attach(host) => return self.open(host, "attach", ""),
            Step::Client(host) => return self.open(host, "client", &format!(" {}", self.server.url())),
            Step::Clone(subject) => {
                if let Some((of, id)) = self.hosts.clone_of(subject)?
                    && self.woken.contains(&of)
                {
                    self.woken.insert(id);
                }
            }
            Step::Drop(subject) => {
                if let Some(id) = self.hosts.drop_of(subject)? {
                    self.forget(id);
                }
            }
            Step::Override(value) if self.is_served() && !self.touched => {
                set_override(&self.place, value, "1h")?;
                self.overridden(value);
            }
            Step::ClearOverride if self.is_served() && !self.touched && self.newest.over != 0 => {
                clear_overrides(&self.place)?;
                self.overridden(0);
            }
            Step::Wait(subject, size, variety) => return self.wait(subject, size, variety),
            Step::Host => return self.hosts.start(),
            Step::Fork(host) => return self.hosts.fork(host),
            Step::Exec(host) => return self.hosts.exec(host),
            Step::End(host) => self.hosts.end(host),
            Step::Sleep(host) => {
                self.hosts.sleep(host);
                self.missed.extend(&self.possible);
            }
            Step::Wake => self.woken.extend(self.hosts.wake()),
            // Time is what this step is about.
            Step::Pause(milliseconds) => std::thread::sleep(Duration::from_millis(u64::from(milliseconds))),
            // Of lives with a publisher that is told.
            Step::Override(_)
            | Step::ClearOverride
            | Step::ExpireOverride(_)
            | Step::KillInOverride(_)
            | Step::KillInPublish(..)
            | Step::OneShot(..)
            | Step::StartBehind(_)
            | Step::Supersede(_)
            | Step::Mode(_)
            | Step::Settle => {}
        }
        Ok(())
    }

    /// Next content of the service; never without flags, which would look like none.
    fn next(&mut self, size: u32, variety: u32) -> Content {
        self.serial += 1;
        Content {
            size: size.max(1),
            seed: self.serial * 1000 + variety,
            edit: 0,
            over: self.newest.over,
            order: self.serial,
        }
    }

    /// The service says something new, in its stream and in the file that can be watched.
    fn say(&mut self, size: u32, variety: u32) {
        if self.unread >= MOST_UNREAD && !self.is_served() {
            return;
        }
        let content = self.next(size, variety);
        self.tell(content);
    }

    fn tell(&mut self, content: Content) {
        fs::write(self.place.join("next.json"), content.json()).unwrap();
        self.tell_written(content);
    }

    /// People have set a flag, whatever the service says, or not any more.
    fn overridden(&mut self, value: u32) {
        self.serial += 1;
        (self.newest.over, self.newest.order) = (value, self.serial);
        self.possible.push(self.newest);
        if !self.hosts.are_awake() {
            self.missed.push(self.newest);
        }
    }

    /// The same, of what is in the file that is to be renamed.
    fn tell_written(&mut self, content: Content) {
        self.counts.publishes += 1;
        self.unread += 1;
        self.newest = content;
        self.possible.push(content);
        if !self.hosts.are_awake() {
            self.missed.push(content);
        }
        fs::rename(self.place.join("next.json"), self.place.join("source.json")).unwrap();
        self.server.publish(&content.json());
    }

    /// Everybody reads while payloads come.
    fn race(&mut self, count: u32, size: u32, variety: u32) -> Outcome {
        if !self.is_served() {
            return Ok(());
        }
        let sizes = [size, size / 7, size + 60];
        let coming: Vec<Content> =
            (0..count as usize).map(|i| self.next(sizes[i % sizes.len()], variety)).collect();
        let all = words(&[&[self.newest], &coming[..]].concat());
        let line = format!("race {} {all}", self.random.u32(..));
        self.hosts.say_all(&line)?;
        self.hosts.all_say("races", &line)?;
        let raced = coming.iter().try_for_each(|content| {
            self.progress.begins(*content).unwrap();
            self.tell(*content);
            self.quiet()?;
            self.progress.is_done(*content).unwrap();
            Ok::<_, String>(())
        });
        self.hosts.say_all("enough")?;
        self.hosts.answers(&line)?;
        raced
    }

    fn wait(&mut self, which: u32, size: u32, variety: u32) -> Outcome {
        let Some((host, subject)) = self.hosts.some_subject(which).filter(|_| self.is_served()) else {
            return Ok(());
        };
        self.hosts.tell(host, &format!("wait {subject}"))?;
        self.say(size, variety);
        let woke = self.hosts.answer(host, "wait")?;
        let milliseconds: u64 =
            woke.strip_prefix("woke ").and_then(|text| text.parse().ok()).unwrap_or(u64::MAX);
        if milliseconds > 5000 {
            return Err(format!("frozen: a wait ended after {milliseconds} ms"));
        }
        Ok(())
    }

    fn open(&mut self, which: u32, how: &str, more: &str) -> Outcome {
        if self.touched {
            return Ok(());
        }
        match self.hosts.open(which, how, &format!("{}{more}", words(&self.possible)))? {
            Opened::Subject(id) if how == "client" => drop(self.clients.insert(id)),
            Opened::Nothing(why) => return Err(format!("no {how}: {why}")),
            Opened::Subject(_) | Opened::Enough => {}
        }
        Ok(())
    }

    /// A child may have a subject of the same number.
    fn forget(&mut self, id: u32) {
        if !self.hosts.subjects().contains(&id) {
            self.clients.remove(&id);
        }
    }

    fn check(&mut self) -> Outcome {
        let (seed, nobody) = (self.random.u32(..), BTreeSet::new());
        if !self.touched {
            self.woken.clear();
            if self.hosts.are_awake() {
                self.missed.clear();
            }
        }
        self.hosts.check(seed, &self.possible, &nobody, &self.woken, &self.missed)
    }
}
