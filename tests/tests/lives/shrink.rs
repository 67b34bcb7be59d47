//! Makes a list of steps that fails shorter: by leaving out halves, quarters, and so on to single steps, and by smaller steps.
//!
//! This is delta debugging and not `proptest-state-machine`, which leaves out one step at a time: of a life of thousands of steps
//! with real processes that takes hours, this a logarithm of it. Steps are also kept as text that a person can read and change, where
//! a seed of proptest means something else with every change to the generator.

use std::time::{Duration, Instant};

use crate::step::Step;

/// The shortest list that was found within the time and for which `fails` answers at which step.
pub(crate) fn shrink(
    mut steps: Vec<Step>,
    time: Duration,
    fails: impl Fn(&[Step]) -> Option<usize>,
) -> Vec<Step> {
    let begun = Instant::now();
    let is_over = || begun.elapsed() > time;
    let mut part = steps.len().div_ceil(2);
    while part > 0 && !is_over() {
        let (mut at, mut left_out) = (0, false);
        while at < steps.len() && !is_over() {
            let mut fewer = steps[..at].to_vec();
            fewer.extend(&steps[(at + part).min(steps.len())..]);
            if let Some(failed) = fails(&fewer) {
                fewer.truncate(failed + 1);
                (steps, left_out) = (fewer, true);
            } else {
                at += part;
            }
        }
        // With single steps until none can go any more.
        if part > 1 || !left_out {
            part /= 2;
        }
    }
    for at in 0..steps.len() {
        while let Some(smaller) = steps.get(at).and_then(|step| step.smaller())
            && !is_over()
        {
            let mut other = steps.clone();
            other[at] = smaller;
            let Some(failed) = fails(&other) else { break };
            other.truncate(failed + 1);
            steps = other;
        }
    }
    steps
}

#[test]
fn a_list_that_fails_by_two_steps_shrinks_to_these() {
    let mut random = fastrand::Rng::with_seed(1);
    let mut steps: Vec<Step> = (0..3000).map(|_| Step::random(&mut random)).collect();
    steps.retain(|step| !matches!(step, Step::Remove | Step::Exec(_)));
    steps.insert(700, Step::Remove);
    steps.insert(2100, Step::Exec(5));
    let fails = |steps: &[Step]| {
        let removed = steps.iter().position(|step| *step == Step::Remove)?;
        steps[removed..].iter().position(|step| *step == Step::Exec(5)).map(|at| removed + at)
    };
    assert_eq!(shrink(steps, Duration::from_secs(20), fails), [Step::Remove, Step::Exec(5)]);
}
