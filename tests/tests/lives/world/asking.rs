//! The subjects of a life: made, cloned, dropped, woken; and asked after each step.

use super::World;
use crate::hosts::{Opened, Outcome, words};

impl World {
    /// Makes a subject.
    pub(super) fn open(&mut self, which: u32, how: &str) -> Outcome {
        let has_none = self.at_path.iter().any(|content| content.seed == 0);
        let id = match self.hosts.open(which, how, &words(&self.at_path))? {
            Opened::Subject(id) => id,
            Opened::Nothing(why) if !has_none => return Err(format!("no reader: {why}")),
            Opened::Nothing(_) | Opened::Enough => return Ok(()),
        };
        if self.touched {
            self.visitors.insert(id);
        }
        if has_none {
            self.blank.insert(id);
        }
        Ok(())
    }

    /// Clones one.
    pub(super) fn clone_of(&mut self, which: u32) -> Outcome {
        let Some((of, id)) = self.hosts.clone_of(which)? else { return Ok(()) };
        for others in [&mut self.visitors, &mut self.lost, &mut self.blank] {
            if others.contains(&of) {
                others.insert(id);
            }
        }
        Ok(())
    }

    /// All hosts that sleep wake up.
    pub(super) fn wake(&mut self) {
        let woken = self.hosts.wake();
        if self.touched {
            // Their file may be marked since long, so that they look at the path.
            self.visitors.extend(woken);
        }
    }

    /// A subject waits, and is woken by a publish.
    pub(super) fn wait(&mut self, which: u32, size: u32, variety: u32) -> Outcome {
        let Some((host, subject)) = self.hosts.some_subject(which) else { return Ok(()) };
        if self.press.is_none() || self.is_stopped || self.touched {
            return Ok(());
        }
        // What is quiet now has been read by all.
        self.hosts.tell(host, &format!("wait {subject}"))?;
        // No payload of no flags, which may be the one of before: that is no change, and wakes nobody.
        let content = self.content(size.max(1), variety);
        let said = self.press(&format!("publish {}", content.words()), &["published ", "refused "])?;
        let woke = self.hosts.answer(host, "wait")?;
        let milliseconds: u64 =
            woke.strip_prefix("woke ").and_then(|text| text.parse().ok()).unwrap_or(u64::MAX);
        if !said.starts_with("published") || milliseconds > 5000 {
            return Err(format!("frozen: a wait ended after {milliseconds} ms: {said}"));
        }
        self.published(content);
        Ok(())
    }

    /// Asks everybody, all hosts at the same time.
    pub(super) fn check(&mut self) -> Outcome {
        let seed = self.random.u32(..);
        self.hosts.check(seed, &self.live, &self.lost, &self.visitors, &self.visited)?;
        if !self.touched && self.hosts.are_awake() {
            // All of them have answered what is in the file at the path.
            self.lost.clear();
            self.visited.clear();
            if self.live.iter().all(|content| content.seed != 0) {
                self.blank.clear();
            }
        }
        Ok(())
    }
}
