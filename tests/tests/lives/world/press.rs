//! The publisher of a life: it publishes, comes and goes.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use fastrand::Rng;
use flagstaff_format::FailureKind;
use flagstaff_reader::Reader;
use flagstaff_tests::lives::exceptions::FULL_DISK;
use flagstaff_tests::lives::flags::{Content, HOT};
use flagstaff_tests::lives::host::ask_one_of;
use flagstaff_tests::lives::subject::Subject;
use flagstaff_torture::Process;
use rustix::process::Signal;

use super::{World, merged, merged_all};
use crate::clock;
use crate::hosts::{Outcome, PATIENCE, role, words};

impl World {
    pub(super) fn content(&mut self, size: u32, variety: u32) -> Content {
        self.serial += 1;
        let last = self.last_content;
        // As small as what is asked for, or smaller than the largest.
        let may_be_edited = last.edit < 20 && (size.clamp(1, 400)..=5000).contains(&last.size);
        self.last_content = if may_be_edited && variety.is_multiple_of(3) {
            last.edited(self.serial)
        } else {
            let seed = self.serial * 1000 + variety;
            Content { size, seed, edit: 0, over: 0, order: self.serial }
        };
        self.last_content.over = self.over;
        self.last_content
    }

    pub(super) fn publish(&mut self, count: u32, size: u32, variety: u32) -> Outcome {
        if self.press.is_none() || self.is_stopped {
            return Ok(());
        }
        let contents: Vec<Content> = (0..count).map(|_| self.content(size, variety)).collect();
        let words: Vec<String> = contents.iter().map(|content| content.words()).collect();
        let said = self.press(&format!("publish {}", words.join(" ")), &["published ", "refused "])?;
        if !said.starts_with("published") {
            return Err(format!("a good payload was not published: {said}"));
        }
        self.counts.publishes += u64::from(count) - 1;
        self.published(contents[contents.len() - 1]);
        Ok(())
    }

    /// Everybody reads while payloads come.
    pub(super) fn race(&mut self, count: u32, size: u32, variety: u32) -> Outcome {
        let is_quiet = !self.is_stopped && !self.touched && self.blank.is_empty() && self.lost.is_empty();
        if self.press.is_none() || !is_quiet || self.live.len() > 1 || self.live[0].seed == 0 {
            return Ok(());
        }
        let sizes = [size, size / 7, size + 60];
        let coming: Vec<Content> =
            (0..count as usize).map(|i| self.content(sizes[i % sizes.len()], variety)).collect();
        let line = format!("race {} {}", self.random.u32(..), words(&[&self.live[..], &coming].concat()));
        self.hosts.say_all(&line)?;
        self.hosts.all_say("races", &line)?;
        let payloads: Vec<String> = coming.iter().map(|content| content.words()).collect();
        let said = self.press(&format!("publish {}", payloads.join(" ")), &["published ", "refused "]);
        self.hosts.say_all("enough")?;
        self.hosts.answers(&line)?;
        if !said?.starts_with("published") {
            return Err("a good payload was not published in a race".to_owned());
        }
        self.counts.publishes += u64::from(count) - 1;
        self.published(coming[coming.len() - 1]);
        Ok(())
    }

    /// From now on everybody answers that at the next read.
    pub(super) fn published(&mut self, content: Content) {
        self.counts.publishes += 1;
        self.has_source = true;
        self.live = vec![content];
        if self.touched {
            self.at_path = merged(&self.at_path, content);
        } else {
            self.at_path = vec![content];
        }
        self.visited = merged(&self.visited, content);
        self.also_aside(content);
    }

    fn also_aside(&mut self, content: Content) {
        if let Some(aside) = self.aside.as_mut().filter(|_| self.aside_is_live) {
            *aside = merged(aside, content);
        }
    }

    pub(super) fn refuse(&mut self) -> Outcome {
        if self.press.is_none() || self.is_stopped {
            return Ok(());
        }
        let said = self.press("publish {\"n\":NaN}", &["published ", "refused "])?;
        if said.starts_with("refused") { Ok(()) } else { Err(format!("NaN was taken: {said}")) }
    }

    pub(super) fn kill_in_publish(&mut self, size: u32, variety: u32) -> Outcome {
        if self.press.is_none() || self.is_stopped {
            return Ok(());
        }
        let content = self.content(size, variety);
        if let Some(mut press) = self.press.take() {
            press.say(&format!("publish {}", content.words()));
            std::thread::sleep(Duration::from_micros(u64::from(variety) * 3));
            press.kill();
        }
        self.live = merged(&self.live, content);
        self.at_path = merged(&self.at_path, content);
        self.visited = merged(&self.visited, content);
        self.also_aside(content);
        self.may_have_moved();
        Ok(())
    }

    pub(super) fn one_shot(&mut self, size: u32, variety: u32) -> Outcome {
        let content = self.content(size, variety);
        let source = self.place.join("one-shot.json");
        fs::write(&source, content.json()).unwrap();
        let answer = self.place.answer("publish", [&source]);
        match (self.press.is_some(), answer.code) {
            (false, 0) => {
                self.moved_on();
                self.published(content);
                Ok(())
            }
            (true, 1) => Ok(()),
            _ => Err(format!("one-shot publish: {answer:?}")),
        }
    }

    /// A publisher has opened what is at the path.
    pub(super) fn moved_on(&mut self) {
        self.touched = false;
        self.aside_is_live = false;
        self.visitors.clear();
    }

    /// A publisher that ended may have marked its file and no longer have renamed the new one: then its readers look at the path.
    pub(super) fn may_have_moved(&mut self) {
        if self.touched {
            self.visitors = self.hosts.subjects();
        }
    }

    pub(super) fn start(&mut self, behind: Option<u32>, source: &str) -> Outcome {
        if self.press.is_some() {
            return Ok(());
        }
        let mut command = Command::new(role());
        command.arg("lives-press").arg(self.place.file()).arg(source);
        // A wall clock that comes back from the past ends what was set.
        if let Some(seconds) = behind.filter(|_| self.over == 0)
            && !clock::set_behind(&mut command, seconds)
        {
            return Ok(());
        }
        let press = Process::start(command).map_err(|problem| problem.to_string())?;
        press.line("ready ", PATIENCE).map_err(|problem| format!("a publisher does not start: {problem}"))?;
        self.press = Some(press);
        self.has_source = false;
        // What is at the path is carried on, and what is behind the second name if nothing good is there.
        let is_none = |content: &Content| content.seed == 0;
        let mut carried = self.at_path.clone();
        if carried.iter().any(is_none) {
            carried = merged_all(&carried, &self.live);
        }
        if !self.live.iter().any(is_none) {
            carried.retain(|content| !is_none(content));
        }
        if self.over != 0 {
            carried.iter_mut().for_each(|content| content.over = self.over);
        }
        let content = self.which_of(&carried)?;
        self.moved_on();
        self.serial += 1;
        // It is the newest again, whenever it was published first.
        let content = if is_none(&content) { content } else { Content { order: self.serial, ..content } };
        self.live = vec![content];
        self.at_path = vec![content];
        self.visited = merged(&self.visited, content);
        Ok(())
    }

    /// What is at the path now, of several contents: everybody has to answer the same one.
    fn which_of(&self, contents: &[Content]) -> Result<Content, String> {
        if let [content] = contents {
            return Ok(*content);
        }
        let reader = Reader::open(self.place.file()).map_err(|error| error.to_string())?;
        // By getters.
        let mut subject = Subject::new(std::sync::Arc::new(reader), 0);
        let wrong = |wrong| format!("wrong carried on: {wrong}, of {}", words(contents));
        ask_one_of(&mut subject, contents, 10 * HOT, &mut Rng::with_seed(1)).map_err(wrong)?;
        Ok(subject.at)
    }

    pub(super) fn close(&mut self) -> Outcome {
        let Some(mut press) = self.press.take() else { return Ok(()) };
        press.signal(Signal::CONT);
        self.is_stopped = false;
        self.may_have_moved();
        press.close_stdin();
        let ended = press.wait(PATIENCE).map_err(|problem| problem.to_string())?;
        if ended.success() {
            Ok(())
        } else {
            Err(format!("the publisher ended with {ended}: {}", press.stderr()))
        }
    }

    /// SIGKILL.
    pub(super) fn kill(&mut self) {
        if let Some(mut press) = self.press.take() {
            press.kill();
            self.is_stopped = false;
            self.may_have_moved();
        }
    }

    /// SIGSTOP.
    pub(super) fn stop(&mut self) {
        if let Some(press) = self.press.as_ref().filter(|_| !self.is_stopped) {
            press.signal(Signal::STOP);
            self.is_stopped = true;
            let begun = Instant::now();
            while !press.is_stopped() && begun.elapsed() < PATIENCE {
                std::thread::yield_now();
            }
        }
    }

    /// SIGCONT.
    pub(super) fn go_on(&mut self) {
        if let Some(press) = self.press.as_ref().filter(|_| self.is_stopped) {
            press.signal(Signal::CONT);
            self.is_stopped = false;
        }
    }

    /// Tells the publisher something and takes its answer, the newest line of what it said.
    pub(super) fn press(&mut self, line: &str, answers: &[&str]) -> Result<String, String> {
        let Some(press) = &mut self.press else { return Err("no publisher".to_owned()) };
        let before = press.stdout().lines().count();
        press.say(line);
        let begun = Instant::now();
        loop {
            if let Some(said) = press.stdout().lines().nth(before)
                && answers.iter().any(|answer| said.starts_with(answer))
            {
                return Ok(said.to_owned());
            }
            if begun.elapsed() > PATIENCE || !press.is_running() {
                return Err(format!(
                    "the publisher does not answer {line:?}: {}{}",
                    press.stdout(),
                    press.stderr()
                ));
            }
            std::thread::sleep(Duration::from_micros(50));
        }
    }

    /// A payload comes while the disk is full: it is out, or everybody keeps the last one, is told, and has it soon after there is space.
    pub(super) fn full_disk(&mut self, size: u32, variety: u32) -> Outcome {
        let Some(disk) = &self.disk else { return Ok(()) };
        if self.press.is_none() || self.is_stopped || self.touched {
            return Ok(());
        }
        disk.fill()?;
        let content = self.content(size, variety);
        let said = self.press(&format!("publish {}", content.words()), &["published ", "refused "])?;
        let reader = Reader::open(self.place.file()).map_err(|error| error.to_string())?;
        if said.starts_with("refused") {
            self.counts.refused_by_the_disk += 1;
            self.check()?;
            let behind = reader.status().behind.map(|behind| behind.kind);
            if behind != Some(FailureKind::DiskFull) {
                return Err(format!("wrong status: behind {behind:?} of a full disk after {said:?}"));
            }
        }
        if let Some(disk) = &self.disk {
            disk.make_room()?;
        }
        let begun = Instant::now();
        while reader.get_i64("n") != i64::from(content.seed) {
            if begun.elapsed() > FULL_DISK {
                return Err(format!("frozen: a payload that met a full disk is not out after {FULL_DISK:?}"));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        self.published(content);
        Ok(())
    }
}
