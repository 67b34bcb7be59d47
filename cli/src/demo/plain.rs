//! One line each second, for logs and pipes.

use super::scene::{Scene, hand, memory, nanos, per_read, switch};
use super::stage::Show;
use crate::failure::Failure;
use crate::output;

#[derive(Debug, Default)]
pub(super) struct Lines {
    started: bool,
    turn: u64,
    hand: Option<(String, String)>,
}

impl Show for Lines {
    fn draw(&mut self, scene: &Scene) -> Result<(), Failure> {
        if self.started {
            return Ok(());
        }
        self.started = true;
        let pids: Vec<_> = scene.reader_pids.iter().map(u32::to_string).collect();
        let publisher = scene.publisher.pid.map_or("-".to_owned(), |pid| pid.to_string());
        output::line(&format!(
            "page {} , publisher pid {publisher}, reader pids {}",
            scene.page,
            pids.join(" ")
        ))
    }

    fn second(&mut self, scene: &Scene) -> Result<(), Failure> {
        let hand = hand(&scene.hand);
        if let Some((what, seen)) = hand.as_ref().filter(|_| hand != self.hand) {
            output::line(&format!("somebody changed {what}; {seen}"))?;
        }
        self.hand = hand;
        if scene.turn == self.turn {
            // A person has the page, and flips.
            return Ok(());
        }
        self.turn = scene.turn;
        let readers = &scene.ledger.readers;
        let after: Vec<_> = readers.iter().map(|reader| nanos(reader.latencies.last().copied())).collect();
        let reads: Vec<_> = readers.iter().map(|reader| per_read(reader.per_read.last().copied())).collect();
        let publisher = match scene.publisher.pid {
            Some(pid) => format!("publisher {pid} {}", memory(scene.publisher.anonymous_kib)),
            None => "no publisher, readers go on".to_owned(),
        };
        output::line(&format!(
            "flip {} {}: generation {}; seen after {}; per read {}; {publisher}",
            scene.turn,
            switch(scene.is_on()),
            scene.generation(),
            after.join(", "),
            reads.join(", "),
        ))
    }
}
