//! One life: the file, its publisher, the processes with subjects, and what is known of each.
//!
//! `press` is what the publisher does, `overriding` what people ask of it, `path` what they do at the path, `asking` how the subjects
//! are made and asked.

mod asking;
mod overriding;
mod path;
mod press;

use std::collections::BTreeSet;
use std::time::Duration;

use fastrand::Rng;
use flagstaff_tests::lives::flags::Content;
use flagstaff_tests::place::Place;
use flagstaff_torture::Process;

use crate::disk::Disk;
use crate::hosts::{Hosts, Outcome, words};
use crate::step::Step;

/// What was done and compared.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) steps: u64,
    pub(crate) reads: u64,
    pub(crate) publishes: u64,
    /// Payloads that met a full disk.
    pub(crate) refused_by_the_disk: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, more: Counts) {
        self.steps += more.steps;
        self.reads += more.reads;
        self.publishes += more.publishes;
        self.refused_by_the_disk += more.refused_by_the_disk;
    }
}

pub(crate) struct World {
    /// The folder is a file system of its own, which goes before the folder does.
    disk: Option<Disk>,
    place: Place,
    hosts: Hosts,
    press: Option<Process>,
    is_stopped: bool,
    /// What the file of the last publisher may hold: one payload, and one more after a kill in a publish.
    live: Vec<Content>,
    /// What is at the path, as far as it is known; with a payload of seed 0 for no file, or one without flags.
    at_path: Vec<Content>,
    /// The path was touched since a publisher put its file there, so that it may lead elsewhere.
    touched: bool,
    /// Subjects that may have opened what was put there.
    visitors: BTreeSet<u32>,
    /// All contents that these may have found: what lay at the path, and what was current while a host slept, whose file then was marked.
    visited: Vec<Content>,
    /// Visitors of files that lost their name before any publisher saw them.
    lost: BTreeSet<u32>,
    /// Subjects that may have no flags, and so look at the path all the time.
    blank: BTreeSet<u32>,
    copy: Option<Vec<Content>>,
    aside: Option<Vec<Content>>,
    /// The file that was renamed may be the publisher's, which goes on in it until it looks at the path.
    aside_is_live: bool,
    serial: u32,
    /// What the overridden flag is set to; 0: nothing is.
    over: u32,
    /// The publisher knows what the source says.
    has_source: bool,
    /// The payload that was made last, published or not.
    last_content: Content,
    random: Rng,
    counts: Counts,
}

impl World {
    /// In a folder that can be full, if that is wanted and permitted.
    pub(crate) fn new(defect: &'static str, can_be_full: bool) -> World {
        let place = Place::new();
        let disk = if can_be_full { Disk::mount(place.folder()) } else { None };
        let hosts = Hosts::new(place.file(), defect);
        World {
            place,
            disk,
            hosts,
            press: None,
            is_stopped: false,
            live: vec![Content::default()],
            at_path: vec![Content::default()],
            touched: false,
            visitors: BTreeSet::new(),
            visited: Vec::new(),
            lost: BTreeSet::new(),
            blank: BTreeSet::new(),
            copy: None,
            aside: None,
            aside_is_live: false,
            serial: 0,
            over: 0,
            has_source: false,
            last_content: Content::default(),
            random: Rng::with_seed(7),
            counts: Counts::default(),
        }
    }

    /// Takes a step, and asks everybody.
    pub(crate) fn step(&mut self, step: Step) -> Outcome {
        self.counts.steps += 1;
        if std::env::var_os("FLAGSTAFF_LIVES_TRACE").is_some() {
            eprintln!(
                "{} {step}: live {}, at path {}",
                self.counts.steps,
                words(&self.live),
                words(&self.at_path)
            );
        }
        self.take(step)?;
        self.check()
    }

    /// What was done so far.
    pub(crate) fn counts(&self) -> Counts {
        Counts { reads: self.hosts.reads, ..self.counts }
    }

    fn take(&mut self, step: Step) -> Outcome {
        match step {
            Step::Publish(size, variety) => return self.publish(1, size, variety),
            Step::Burst(count, size, variety) => return self.publish(count, size, variety),
            Step::Race(count, size, variety) => return self.race(count, size, variety),
            Step::FullDisk(size, variety) => return self.full_disk(size, variety),
            Step::Refused => return self.refuse(),
            Step::KillInPublish(size, variety) => return self.kill_in_publish(size, variety),
            Step::OneShot(size, variety) => return self.one_shot(size, variety),
            Step::Start => return self.start(None, ""),
            Step::StartBehind(seconds) => return self.start(Some(seconds), ""),
            Step::StartOther(source) => return self.start(None, &format!("http://source-{source}")),
            Step::Override(value) => return self.set_override(value),
            Step::ClearOverride => return self.clear_override(),
            Step::ExpireOverride(value) => return self.expire_override(value),
            Step::KillInOverride(value) => return self.kill_in_override(value),
            Step::Supersede(variety) => return self.supersede(variety),
            Step::Close => return self.close(),
            Step::Kill => self.kill(),
            Step::Stop => self.stop(),
            Step::Continue => self.go_on(),
            Step::Remove => return self.remove(),
            Step::RenameAway => return self.rename_away(),
            Step::PutBack => return self.put_back(),
            Step::Copy => self.copy(),
            Step::Restore => return self.restore(),
            Step::Foreign(what) => return self.foreign(what),
            Step::Mode(mode) => self.mode(mode),
            Step::Open(host) => return self.open(host, "open"),
            Step::Attach(host) => return self.open(host, "attach"),
            Step::Clone(subject) => return self.clone_of(subject),
            Step::Drop(subject) => return self.hosts.drop_of(subject).map(drop),
            Step::Wait(subject, size, variety) => return self.wait(subject, size, variety),
            Step::Host => return self.hosts.start(),
            Step::Fork(host) => return self.hosts.fork(host),
            Step::Exec(host) => return self.hosts.exec(host),
            Step::End(host) => self.hosts.end(host),
            Step::Sleep(host) => self.hosts.sleep(host),
            Step::Wake => self.wake(),
            // Time is what this step is about.
            Step::Pause(milliseconds) => std::thread::sleep(Duration::from_millis(u64::from(milliseconds))),
            Step::Settle => return self.settle(),
            // Of lives with a service.
            Step::Client(_) | Step::StartUnread => {}
        }
        Ok(())
    }
}

fn merged(contents: &[Content], more: Content) -> Vec<Content> {
    merged_all(contents, &[more])
}

fn merged_all(contents: &[Content], more: &[Content]) -> Vec<Content> {
    let mut all = [contents, more].concat();
    all.sort_by_key(|content| content.order);
    all.dedup();
    all
}
