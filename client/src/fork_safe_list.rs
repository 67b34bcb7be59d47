//! Values of one process that no lock keeps a forked child from: see the list itself.

pub(crate) use flagstaff_publisher::{Entry, ForkSafeList};
