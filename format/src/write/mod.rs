//! The publisher's side of a file. Only the holder of the publisher lock uses it.

pub(crate) mod checkpoint;
pub(crate) mod disk;
pub(crate) mod feed;
pub(crate) mod file;
pub(crate) mod header_page;
pub(crate) mod hooks;
pub(crate) mod slots;
pub(crate) mod writer;
