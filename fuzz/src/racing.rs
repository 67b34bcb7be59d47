//! A file that another thread edits while a reader is in the middle of a call: what `living` does between calls.

use std::cell::OnceCell;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Release};

use flagstaff_reader::Reader;

use crate::edits;
use crate::stage::Stage;
use crate::stage::every_call;

/// How often every call is made while the edits go on.
const ROUNDS: usize = 4;

thread_local! {
    static STAGE: OnceCell<Stage> = const { OnceCell::new() };
}

/// Runs the target. What a run covers depends on the scheduler; that it must not crash does not.
pub fn run(data: &[u8]) {
    STAGE.with(|stage| {
        let stage = stage.get_or_init(Stage::new);
        let reader = Reader::open(stage.path()).unwrap();
        assert_eq!(reader.get_i64("number"), 3);
        let (begun, done) = (AtomicBool::new(false), AtomicBool::new(false));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                // Also when the reader panics: then the file is left as it is, and the process ends.
                while !done.load(Acquire) {
                    edits::apply(stage, data, || begun.store(true, Release));
                    begun.store(true, Release);
                    stage.put_back();
                }
            });
            let _ends = Ends(&done);
            while !begun.load(Acquire) {
                std::hint::spin_loop();
            }
            for _ in 0..ROUNDS {
                every_call(&reader);
                every_call(&Reader::attach(stage.path()));
            }
        });
        stage.put_back();
        every_call(&reader);
        // The file is whole again, and a reader that opens it sees nothing of what went on.
        assert_eq!(Reader::open(stage.path()).unwrap().get_i64("number"), 3);
    });
}

/// Ends the edits, however the calls end.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Release);
    }
}
