//! The layout of a snapshot file: its header, the frame of an archive, the record of a flag, the hash of a key.

pub(crate) mod checksum;
pub mod counters;
pub(crate) mod error;
pub(crate) mod file_id;
pub(crate) mod frame;
pub(crate) mod generation;
pub(crate) mod header;
#[allow(unsafe_code, reason = "reads 8 bytes of a key at an offset that was checked once for all windows")]
pub(crate) mod key;
pub(crate) mod last_failure;
pub mod layout;
pub(crate) mod printable;
pub(crate) mod record;
pub(crate) mod value;
