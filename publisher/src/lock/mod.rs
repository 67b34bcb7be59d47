//! The lock that makes one process per snapshot file the publisher.
//!
//! ```no_run
//! use flagstaff_publisher::Stopper;
//! use flagstaff_publisher::lock::{LockMode, PublisherLock};
//!
//! let lock = PublisherLock::acquire("/run/flagstaff/flags.flagstaff.lock", LockMode::Owner, &Stopper::new())?;
//! // This process is the publisher until `lock` is dropped or the process ends.
//! # drop(lock);
//! # Ok::<(), flagstaff_publisher::lock::LockError>(())
//! ```
//!
//! # Guarantees
//! - At most one holder per lock file, also between two locks in one process.
//! - The lock is free as soon as its process is dead or has called `exec`, even while forked children live on.
//! - A waiter sleeps in the kernel and is woken by it. Nothing polls.
//! - A forked child neither holds the lock nor can release it.
//! - The lock file is never unlinked here. If somebody else removes it, [`PublisherLock::still_at_path`] says so.
//!
//! # How
//! `flock` belongs to an open file description, and `fork` copies every descriptor of the calling thread's table. So the
//! lock file is opened by a thread that first gave itself an empty descriptor table. No fork can copy from that table,
//! nobody else can unlock or close what is in it, and it dies with the process. Signals are blocked in that thread,
//! because a handler that writes to a pipe of the process would find another descriptor, or none, under its number.
//!
//! # Limits
//! - Where the kernel or a seccomp filter forbids a private table (Linux before 5.9), the lock still excludes everybody
//!   else, in this process too, but a forked child inherits the descriptor: if the holder dies first, the lock stays
//!   taken until the child ends or calls `exec`. [`PublisherLock::isolation`] tells, so that it can be logged.
//! - All waits of a process for the same lock share one thread (128 KiB of address space), which a stop leaves asleep in the kernel
//!   until the lock is free; waits that begin meanwhile take part in it. If nobody wants the lock when it comes, the thread gives it
//!   back at once, and a `try_acquire` in just that moment returns [`LockError::Held`].
//! - A child that was forked in the moment in which another thread began a wait has a thread for each of its waits.
//! - Whoever may open the lock file can hold the lock. Hence the modes of [`LockMode`].
//! - Network file systems: `flock` may not reach other hosts.
//!
//! # Files
//! `publisher_lock` is the lock as its holder has it. `thread` owns the locked file, `waiter` shares a waiting thread among those who want
//! the lock, `lock_file` opens, checks and locks, `private_table` calls the kernel.

mod error;
mod lock_file;
#[allow(unsafe_code, reason = "close_range and the signal mask have no safe wrapper")]
mod private_table;
mod publisher_lock;
mod thread;
mod waiter;

pub use error::{LockError, UnsafeLockFile};
pub use lock_file::LockMode;
#[doc(hidden)]
pub use private_table::Isolation;
#[doc(hidden)]
pub use publisher_lock::PublisherLock;
