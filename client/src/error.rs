//! Errors of making and of closing a client.

use std::sync::Arc;
use std::time::Duration;

use flagstaff_publisher::sse::{ApiKeyError, EndpointError};

/// Why a client could not be made: only what is wrong in the program that asks for one. A disk or a network that does not
/// work is no reason; see [`ClientBuilder::on_error`](crate::ClientBuilder::on_error).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The API key is blank, or no key.
    #[error(transparent)]
    ApiKey(#[from] ApiKeyError),
    /// The base URL is not the address of a service.
    #[error(transparent)]
    BaseUrl(#[from] EndpointError),
}

/// What a close did not get done in time. Reads go on, and other processes are not held up for long.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum CloseError {
    /// The background of this process has not ended: a disk or a name server hangs. It ends by itself when that returns.
    #[error("the client did not end within {} s; its background goes on until the disk or the name server returns", limit.as_secs_f64())]
    Timeout {
        /// The time that it was given.
        limit: Duration,
    },
    /// The background has ended, but the last flags are not on the disk. Readers have them in memory until a reboot.
    #[error("the last flags may be lost at a power failure")]
    Disk(#[source] Arc<flagstaff_publisher::CloseError>),
}
