//! Why there is no client.

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
