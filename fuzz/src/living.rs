//! A file that changes under a reader, past every check that it made when it was opened.

use std::cell::OnceCell;

use flagstaff_reader::Reader;

use crate::edits;
use crate::stage::{Stage, every_call};

thread_local! {
    static STAGE: OnceCell<Stage> = const { OnceCell::new() };
}

/// Runs the target.
pub fn run(data: &[u8]) {
    STAGE.with(|stage| {
        let stage = stage.get_or_init(Stage::new);
        let reader = Reader::open(stage.path()).unwrap();
        assert_eq!(reader.get_i64("number"), 3);
        edits::apply(stage, data, || every_call(&reader));
        stage.put_back();
        every_call(&reader);
    });
}
