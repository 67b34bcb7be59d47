//! The model checker, and atomics of its kind for the traits of `flagstaff_format::atomics`.
//!
//! Every interleaving and every value that the memory model lets a load see is tried, up to the stated number of preemptions. With
//! `FLAGSTAFF_LONG=1` the bounds are wider, for minutes to hours.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::print_stdout,
    clippy::panic,
    clippy::expect_used,
    reason = "each test that includes this uses a part of it; the number of executions is the result"
)]

pub mod memory;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use std::sync::atomic::AtomicUsize as Counter;
use std::sync::atomic::Ordering::{self, Relaxed};

use flagstaff_format::atomics::{Exchange, Load, Word};
use loom::sync::atomic::{AtomicU64, fence};

/// The number of executions, or that and the message of the assertion that failed.
pub type Outcome = Result<usize, (usize, String)>;

/// A word of the model checker.
pub struct Model(pub AtomicU64);

impl Model {
    pub fn new(value: u64) -> Model {
        Model(AtomicU64::new(value))
    }
}

impl Load for Model {
    fn load(&self) -> u64 {
        self.0.load(Relaxed)
    }

    fn fence(order: Ordering) {
        fence(order);
    }
}

impl Word for Model {
    fn store(&self, value: u64, order: Ordering) {
        self.0.store(value, order);
    }
}

impl Exchange for Model {
    type Value = u64;

    fn load(&self, order: Ordering) -> u64 {
        self.0.load(order)
    }

    fn store(&self, value: u64, order: Ordering) {
        self.0.store(value, order);
    }

    fn compare_exchange(&self, old: u64, new: u64, success: Ordering, failure: Ordering) -> Result<u64, u64> {
        self.0.compare_exchange(old, new, success, failure)
    }

    fn fence(order: Ordering) {
        fence(order);
    }
}

/// Whether bounds are to be wide.
pub fn is_long() -> bool {
    std::env::var("FLAGSTAFF_LONG").is_ok_and(|text| text == "1")
}

/// A bound for every day, and one for `FLAGSTAFF_LONG=1`. `None` is exhaustive.
pub fn preemptions(short: Option<usize>, long: Option<usize>) -> Option<usize> {
    if is_long() { long } else { short }
}

/// Runs a model.
pub fn run(preemptions: Option<usize>, body: impl Fn() + Sync + Send + 'static) -> Outcome {
    thread_local!(static QUIET: Cell<bool> = const { Cell::new(false) });
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let default = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                default(info);
            }
        }));
    });
    let executions = std::sync::Arc::new(Counter::new(0));
    let counter = executions.clone();
    let mut model = loom::model::Builder::new();
    model.preemption_bound = preemptions;
    model.max_branches = 100_000;
    QUIET.set(true);
    let result = catch_unwind(AssertUnwindSafe(|| {
        model.check(move || {
            counter.fetch_add(1, Relaxed);
            body();
        });
    }));
    QUIET.set(false);
    let executions = executions.load(Relaxed);
    result.map(|()| executions).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        (executions, text.unwrap_or_default())
    })
}

/// The model found nothing.
#[track_caller]
pub fn holds(name: &str, preemptions: Option<usize>, outcome: Outcome) {
    let bound = preemptions.map_or("exhaustive".to_owned(), |most| format!("up to {most} preemptions"));
    match outcome {
        Ok(executions) => println!("{name}, {bound}: {executions} executions, none wrong"),
        Err((executions, message)) => panic!("{name}, {bound}: {message} (execution {executions})"),
    }
}

/// The model has found the mutant, by an assertion that says one of `reasons`.
#[track_caller]
pub fn noticed(mutant: &str, outcome: Outcome, reasons: &[&str]) {
    let (executions, message) = outcome.expect_err("the model did not notice the mutant");
    assert!(
        reasons.iter().any(|reason| message.contains(reason)),
        "the model failed for another reason: {message}"
    );
    println!("{mutant}: noticed in execution {executions}: {message}");
}
