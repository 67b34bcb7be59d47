//! What this host decides by itself, between the source and the file: payloads that are held, flags that are overridden, and the commands
//! of people that say so.
//!
//! `guard` decides what is held, `held` keeps it. `overrides` are set flags and their clocks, `rollback` is all flags set to those of the past, `inbox` brings a `command` to whichever
//! process publishes; `send`, beside this folder, is the other end of that. `side_files`, beside this folder, are the files of all this, and who may command.
//! `state` is what a publisher knows of it, `receive` the way of a payload and of time through it, `orders` what a command does.
//! docs/overrides.md is for people, docs/design-local.md says why it is so.

mod command;
mod guard;
mod held;
mod inbox;
mod orders;
mod overrides;
mod receive;
mod rollback;
mod rolling_back;
mod state;

pub use command::{Command, Done};
pub use guard::{Guard, GuardError, Suspicion};
pub use held::Held;
pub(crate) use inbox::{Inbox, Request};
pub(crate) use overrides::{Now, Overrides};
pub use overrides::{Override, Term};
pub use rollback::Rollback;
pub(crate) use state::{Local, Origin};
