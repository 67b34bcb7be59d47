//! A publisher in a process that forks.

use flagstaff_format::Generation;
use flagstaff_publisher::PublishError;

use crate::place::{Place, published};

/// What the child says if it came to its end. Not 0, which is also the code of a child whose only thread panicked.
const WELL: i32 = 42;

/// Story: a forked child that dropped its copy of the publisher joined the heartbeat thread, which exists in the parent only:
/// a panic, or a wait for ever, as the C library likes. Now a child's copy is left alone.
#[test]
fn a_forked_child_that_drops_the_publisher_neither_hangs_nor_disturbs_its_parent() {
    let place = Place::new();
    let mut publisher = place.publisher();
    published(&mut publisher, r#"{"n": 1}"#);
    let reader = place.reader();
    // SAFETY: the child only uses the publisher where it must take no lock of the parent's, and leaves by `_exit`.
    let child = unsafe { libc::fork() };
    assert!(child >= 0);
    if child == 0 {
        // SAFETY: takes a number; ends the child if it hangs.
        unsafe { libc::alarm(5) };
        let refused = matches!(publisher.publish("{}"), Err(PublishError::LockLost { .. }));
        drop(publisher);
        // SAFETY: ends the process without running anything of the parent's.
        unsafe { libc::_exit(if refused { WELL } else { 1 }) };
    }
    let mut status = -1;
    // SAFETY: `status` is a live integer and the child is this process's own.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    let well = libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == WELL;
    assert!(well, "the child hung, crashed, or published: {status:#x}");
    assert!(reader.status().publisher_uptime.is_some(), "the child said that the publisher has stopped");
    assert_eq!(published(&mut publisher, r#"{"n": 2}"#), Generation(2));
    assert_eq!(reader.get_i64("n"), 2);
}
