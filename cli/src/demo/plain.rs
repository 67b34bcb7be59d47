//! One line each second, for logs and pipes.

use super::session::{Action, View};
use super::state::{State, memory, nanos, per_read, switch, user_change};
use crate::failure::Failure;
use crate::output;

#[derive(Debug, Default)]
pub(super) struct Lines {
    started: bool,
    flip: u64,
    user_change: Option<(String, String)>,
}

impl View for Lines {
    fn update(&mut self, state: &State) -> Result<Option<Action>, Failure> {
        if self.started {
            return Ok(None);
        }
        self.started = true;
        let pids: Vec<_> = state.reader_pids.iter().map(u32::to_string).collect();
        let publisher = state.publisher.pid.map_or("-".to_owned(), |pid| pid.to_string());
        output::line(&format!(
            "page {} , publisher pid {publisher}, reader pids {}",
            state.page,
            pids.join(" ")
        ))?;
        Ok(None)
    }

    fn flip_is_over(&mut self, state: &State) -> Result<(), Failure> {
        let user_change = user_change(&state.user_change);
        if let Some((what, seen)) = user_change.as_ref().filter(|_| user_change != self.user_change) {
            output::line(&format!("somebody changed {what}; {seen}"))?;
        }
        self.user_change = user_change;
        if state.flip == self.flip {
            // A person has the page, and flips.
            return Ok(());
        }
        self.flip = state.flip;
        let readers = &state.deliveries.readers;
        let after: Vec<_> = readers.iter().map(|reader| nanos(reader.latencies.last().copied())).collect();
        let reads: Vec<_> = readers.iter().map(|reader| per_read(reader.per_read.last().copied())).collect();
        let publisher = match state.publisher.pid {
            Some(pid) => format!("publisher {pid} {}", memory(state.publisher.anonymous_kib)),
            None => "no publisher, readers go on".to_owned(),
        };
        output::line(&format!(
            "flip {} {}: generation {}; seen after {}; per read {}; {publisher}",
            state.flip,
            switch(state.is_on()),
            state.generation(),
            after.join(", "),
            reads.join(", "),
        ))
    }
}
