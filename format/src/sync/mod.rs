//! Memory that several threads or processes share, and the protocols by which they use it.

pub mod atomics;
pub mod boot;
pub mod event;
pub mod feed;
pub mod follow;
pub(crate) mod fork;
pub mod lines;
#[allow(unsafe_code, reason = "hands out atomic words of mapped memory")]
pub(crate) mod map;
pub mod memo;
#[allow(unsafe_code, reason = "maps a file behind a page of the process's own")]
pub(crate) mod prefix_page;
pub mod protocol;
