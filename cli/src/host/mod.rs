//! What the kernel tells about processes: who holds a lock, who has a file mapped, who may use a file.
//!
//! Nearly all of it is read from `/proc`, without extra rights, and changes nothing. What is hidden (another user's process, another
//! PID namespace) is kept apart from what does not exist.

mod access;
mod command;
mod locks;
mod mapped;
mod process;
mod snapshots;

pub(crate) use access::{Need, denied};
pub(crate) use locks::{Holder, holder_of};
pub(crate) use mapped::{Attached, Inode, attached_to, is_mapped_by};
pub(crate) use process::{Process, user_name};
pub(crate) use snapshots::{places, snapshots};
