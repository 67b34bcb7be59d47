//! A flag that people set on this host, and what becomes of that: it holds over every payload and every publisher, until it is over.

use std::time::{Duration, Instant};

use flagstaff_tests::lives::flags::Content;

use super::{World, merged};
use crate::command::{clear_overrides, overrides_file, set_override};
use crate::hosts::{Outcome, PATIENCE};

impl World {
    /// Whether it is known what an override does. A publisher that has had no payload yet knows of the source only what stands with the
    /// overrides, which need not be what a copy says that was restored.
    fn knows_what_an_override_does(&self) -> bool {
        self.press.is_some() && !self.is_stopped && !self.touched && self.has_source && self.live.len() == 1
    }

    pub(super) fn set_override(&mut self, value: u32) -> Outcome {
        if !self.knows_what_an_override_does() {
            return Ok(());
        }
        set_override(&self.place, value, "1h")?;
        self.overridden(value);
        Ok(())
    }

    pub(super) fn clear_override(&mut self) -> Outcome {
        if !self.knows_what_an_override_does() || self.over == 0 {
            return Ok(());
        }
        clear_overrides(&self.place)?;
        self.overridden(0);
        Ok(())
    }

    pub(super) fn expire_override(&mut self, value: u32) -> Outcome {
        if !self.knows_what_an_override_does() {
            return Ok(());
        }
        let begun = Instant::now();
        set_override(&self.place, value, "1s")?;
        self.overridden(value);
        if begun.elapsed() < Duration::from_millis(800) {
            self.check()?;
        }
        while overrides_file(&self.place).exists() {
            if begun.elapsed() > PATIENCE {
                return Err("frozen: an override does not end".to_owned());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        if begun.elapsed() < Duration::from_secs(1) {
            return Err("an override has ended before its time".to_owned());
        }
        self.overridden(0);
        Ok(())
    }

    /// The command then is the publisher for a moment.
    pub(super) fn kill_in_override(&mut self, value: u32) -> Outcome {
        if !self.knows_what_an_override_does() {
            return Ok(());
        }
        let Some(mut press) = self.press.take() else { return Ok(()) };
        std::thread::scope(|scope| {
            let command = scope.spawn(|| set_override(&self.place, value, "1h"));
            std::thread::sleep(Duration::from_micros(u64::from(value) * 10));
            press.kill();
            command.join().unwrap_or_else(|_| Err("a command cannot be given".to_owned()))
        })?;
        self.moved_on();
        self.overridden(value);
        Ok(())
    }

    /// Readers have it, beside what the source says.
    fn overridden(&mut self, value: u32) {
        self.over = value;
        self.serial += 1;
        let content = Content { over: value, order: self.serial, ..self.live[0] };
        self.last_content.over = value;
        self.visited = merged(&self.visited, content);
        self.published(content);
    }
}
