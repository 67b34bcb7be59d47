//! All exceptions from "the newest at the next read", each with its bound. The bounds hold room for a loaded machine.

use std::time::Duration;

/// A reader without any good file looks for one every 5 ms at most, so that a loop of reads does not open files all the time.
pub const NO_FILE: Duration = Duration::from_millis(100);

/// While a publisher lives and somebody touches the path, a reader that is opened sees what lies there, until the publisher has put its
/// own file back: it looks every 500 ms.
pub const TOUCHED: Duration = Duration::from_secs(5);

/// What could not be published because the disk was full is out so long after there is space: it is tried every 5 s and looked at twice a
/// second.
pub const FULL_DISK: Duration = Duration::from_secs(15);

/// When a process that publishes has ended, another one takes the lock, connects, and has the newest payload.
pub const NEXT_LEADER: Duration = Duration::from_secs(10);

// Without a bound, because nobody can mark a file that has no name: a reader that was opened on a copy at the path, which was removed
// or replaced again before any publisher saw it, keeps its flags until it is asked for its status. `World::lost` are these.
