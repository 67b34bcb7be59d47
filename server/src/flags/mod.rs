//! The flags of the environments: what they are, how they change, and how they are written to their files.

pub(crate) mod change;
pub(crate) mod clients;
pub(crate) mod displaced;
pub(crate) mod document;
pub(crate) mod edit;
pub(crate) mod environment;
pub(crate) mod exchange;
pub(crate) mod file_lock;
pub(crate) mod file_names;
pub(crate) mod flag_file;
pub(crate) mod history;
mod history_file;
pub(crate) mod layout;
pub(crate) mod persisted;
pub(crate) mod value;
pub(crate) mod view;
#[allow(unsafe_code, reason = "read leases have no safe wrapper")]
pub(crate) mod writers;
