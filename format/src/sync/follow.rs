//! How the fast path of a reader moves to another file: a second pointer that follows a first one and never goes back.
//!
//! `now` is the pointer to all that a reader knows of its file, `fast_path` the one that the fast path needs. Threads move `now` by an
//! exchange, each to what it opened, and then bring `fast_path` there. Between the two, `fast_path` is behind; that is allowed until somebody has
//! seen the newer file.
//!
//! # Ordering edges
//!
//! | edge | who moves `fast_path` | who reads | what breaks without it |
//! |---|---|---|---|
//! | A1 with its past | exchange of `fast_path` (Release) | `fast_path` (Acquire), then `now` | a thread finds `now` older than `fast_path`, and takes `fast_path` back there |
//! | A3 left | a mark on what `fast_path` was, then the exchange (Release) | `fast_path` (Acquire), then the mark on a pointer that was kept | who keeps a pointer of before goes on with an older file after having seen a newer one |
//! | A2 forward | `fast_path`, then `now`, then an exchange if `fast_path` still is what it was | | a thread that was slow takes `fast_path` back, and others see an older file after a newer one |
//!
//! No value comes twice: what `now` pointed to is kept, so no other gets its address.
//!
//! As in [`crate::sync::protocol`] orderings and steps are constants that the model checker weakens (`tests/follow_model.rs`).

use std::sync::atomic::Ordering::{self, Acquire, Relaxed, Release};

use crate::sync::atomics::Exchange;
use crate::sync::protocol::Sound;

/// How `fast_path` is kept from going back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forward {
    /// It is looked at before `now`, and exchanged if it still is what it was.
    Exchange,
    /// It is exchanged, but looked at after `now`.
    LookLate,
    /// Nothing: it is stored, and `now` looked at again after a fence.
    StoreAndLookAgain,
}

/// The orderings and steps. See the table of edges above.
pub trait Follow {
    /// A1: the load of `fast_path`.
    const LOAD: Ordering = Acquire;
    /// A1: the exchange of `fast_path`.
    const EXCHANGE: Ordering = Release;
    /// A3: whether what is left is marked before the exchange.
    const LEAVE_FIRST: bool = true;
    /// A2.
    const FORWARD: Forward = Forward::Exchange;
}

impl Follow for Sound {}

/// Brings `fast_path` to where `now` leads, or leaves it further on. `now` loads with Acquire, `leave` marks what is no longer used.
pub fn catch_up<O: Follow, C: Exchange>(fast_path: &C, now: impl Fn() -> C::Value, leave: impl Fn(C::Value)) {
    loop {
        let before = fast_path.load(O::LOAD); // A1
        let to = now(); // A2
        let seen = match O::FORWARD {
            Forward::Exchange => before,
            Forward::LookLate => fast_path.load(O::LOAD),
            Forward::StoreAndLookAgain => {
                fast_path.store(to, O::EXCHANGE);
                C::fence(Ordering::SeqCst);
                if now() == to {
                    return;
                }
                continue;
            }
        };
        // Else another thread has moved it meanwhile, perhaps not as far.
        if seen == to {
            return;
        }
        if O::LEAVE_FIRST {
            leave(seen); // A3
        }
        let has_moved = fast_path.compare_exchange(seen, to, O::EXCHANGE, Relaxed).is_ok();
        if !O::LEAVE_FIRST {
            leave(seen);
        }
        if has_moved {
            return;
        }
    }
}
