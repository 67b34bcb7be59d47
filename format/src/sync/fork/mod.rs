//! What a process needs to know about forks, and what survives one.
//!
//! A child has the memory of its parent as it was at the fork, and one thread. So:
//! - What must be different in a child stands on a page that the kernel fills with zeros there ([`wiped_page`]): the number of the
//!   process ([`Epoch`]), and the bounds of a reader's fast path ([`crate::sync::prefix_page`]). Noticing a fork costs no read anything.
//! - A lock that another thread held at the fork is held for ever in the child. So lists that a child goes on with have none: values
//!   are added in front of a list and never removed ([`PrependList`]), and a child can tell its own from inherited ones ([`ForkSafeList`]).

#[allow(unsafe_code, reason = "looks at a word on a page that the kernel wipes in a child of a fork")]
mod epoch;
mod fork_safe_list;
#[allow(unsafe_code, reason = "hands out values of list nodes that live until the list is dropped")]
mod prepend_list;
#[allow(unsafe_code, reason = "maps a page that the kernel wipes in a child of a fork")]
pub(crate) mod wiped_page;

pub use epoch::Epoch;
pub use fork_safe_list::{Entry, ForkSafeList};
pub(crate) use prepend_list::PrependList;
