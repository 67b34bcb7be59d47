//! What the kernel of this host says about processes: who holds a lock, who has a file mapped, who they are.
//!
//! All of it is read from `/proc`, asks for no right that its user does not have, and leaves nothing behind. What is not
//! permitted or not visible (another user's process, another PID namespace) is told apart from what is not there.

mod access;
mod command;
mod locks;
mod mapped;
mod process;

pub(crate) use access::{Need, denied};
pub(crate) use locks::{Holder, holder_of};
pub(crate) use mapped::{Attached, Inode, attached_to, is_mapped_by};
pub(crate) use process::Process;
