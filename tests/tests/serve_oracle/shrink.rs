//! A shorter list of steps that still finds something.

use std::time::Instant;

use crate::step::Step;
use crate::world::{Found, World};

/// Runs of one list: what a race did once it does again, but not each time.
const TRIES: usize = 3;

/// Runs steps in a new world.
pub(crate) fn run(steps: &[Step]) -> Result<(), Found> {
    let never = Instant::now() + std::time::Duration::from_secs(86_400);
    World::new().run(steps, never).map(drop)
}

/// Leaves out steps, more and more of them, for as long as something is found and until the time is over. Answers the shortest list that
/// found something, and what that was.
pub(crate) fn shrink(mut steps: Vec<Step>, mut found: Found, until: Instant) -> (Vec<Step>, Found) {
    steps.retain(|step| step.burst <= found.burst);
    // Most often the burst that found it is enough.
    let only: Vec<_> = steps.iter().filter(|step| step.burst == found.burst).cloned().collect();
    if let Some(other) = tried(&only, until) {
        (steps, found) = (only, other);
    }
    let mut size = steps.len().div_ceil(2);
    while size > 0 && Instant::now() < until {
        let mut first = 0;
        while first < steps.len() && steps.len() > 1 {
            let last = (first + size).min(steps.len());
            let fewer: Vec<_> = steps[..first].iter().chain(&steps[last..]).cloned().collect();
            match tried(&fewer, until) {
                Some(other) => (steps, found) = (fewer, other),
                None => first = last,
            }
        }
        size = if size == 1 { 0 } else { size.div_ceil(2) };
    }
    (steps, found)
}

fn tried(steps: &[Step], until: Instant) -> Option<Found> {
    (0..TRIES).take_while(|_| !steps.is_empty() && Instant::now() < until).find_map(|_| run(steps).err())
}
