//! A snapshot file that is edited: before a reader opens it, while it is open, and while its calls are under way.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Release};

use flagstaff_format::open_view;
use flagstaff_reader::Reader;

use crate::stage::{Stage, every_call};

/// How often every call is made while another thread edits.
const ROUNDS: usize = 4;

/// A file that is opened and read by every call of a reader.
pub fn opened(data: &[u8]) {
    Stage::with(|stage| {
        stage.edit(data, || {});
        if let Ok(reader) = Reader::open(stage.path()) {
            every_call(&reader);
        }
        every_call(&Reader::attach(stage.path()));
        if let Ok(view) = open_view(&stage.path())
            && let Some((_, archive)) = flagstaff_format::newest(view.map())
        {
            let _ = archive.verify();
        }
        stage.put_back();
    });
}

/// A file that changes under a reader, past every check that it made when it was opened.
pub fn living(data: &[u8]) {
    Stage::with(|stage| {
        let reader = whole(stage);
        stage.edit(data, || every_call(&reader));
        stage.put_back();
        every_call(&reader);
    });
}

/// A file that another thread edits while a reader is in the middle of a call: what [`living`] does between calls. What a run
/// covers depends on the scheduler; that it must not crash does not.
pub fn racing(data: &[u8]) {
    Stage::with(|stage| {
        let reader = whole(stage);
        let (begun, done) = (AtomicBool::new(false), AtomicBool::new(false));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                // Also when the reader panics: then the file is left as it is, and the process ends.
                while !done.load(Acquire) {
                    stage.edit(data, || begun.store(true, Release));
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
        whole(stage);
    });
}

/// A reader of the file as it is without edits.
fn whole(stage: &Stage) -> Reader {
    let reader = Reader::open(stage.path()).unwrap();
    assert_eq!(reader.get_i64("number"), 3);
    reader
}

/// Ends the edits, however the calls end.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Release);
    }
}
