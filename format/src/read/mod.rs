//! The reader's side of a file: opening and checking it, the fast path and the checked path of a look-up, moving to another file.

pub(crate) mod area;
pub(crate) mod changed;
pub(crate) mod checked_lookup;
#[allow(unsafe_code, reason = "look-ups on shared memory with one bounds check")]
pub(crate) mod fast_path;
pub(crate) mod in_slot;
pub(crate) mod open;
pub(crate) mod short_text;
pub mod status;
#[allow(unsafe_code, reason = "keeps every mapping until its reader goes, so that a read needs no count")]
pub(crate) mod versions;
pub(crate) mod view;
