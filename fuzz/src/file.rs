//! A file that is opened and read by every call of a reader.

use std::cell::OnceCell;

use flagstaff_format::open_view;
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
        edits::apply(stage, data, || {});
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
