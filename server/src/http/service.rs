//! The state that all requests share, and the environment of a request.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use tokio::sync::{Semaphore, watch};

use crate::flags::environment::Environment;
use crate::http::refusal::Refusal;
use crate::token::Token;

/// The state that all requests share.
#[derive(Debug)]
pub(crate) struct Service {
    /// By API key.
    pub(crate) environments: HashMap<String, Environment>,
    /// Names of all environments, in order.
    pub(crate) names: Vec<Arc<str>>,
    pub(crate) address: SocketAddr,
    /// Bound to the loopback interface only.
    pub(crate) is_loopback: bool,
    pub(crate) token: Option<Token>,
    pub(crate) heartbeat: Duration,
    /// Room for the bodies of requests.
    pub(crate) room: Arc<Semaphore>,
    /// Becomes true when the server stops.
    pub(crate) stopped: watch::Receiver<bool>,
}

/// Where a request comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// The environment whose API key the request has.
#[derive(Debug)]
pub(crate) struct Access(pub(crate) Environment);

impl FromRequestParts<Arc<Service>> for Access {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, service: &Arc<Service>) -> Result<Access, Refusal> {
        let refused = |code, text| Err(Refusal::new(StatusCode::UNAUTHORIZED, code, text));
        let Some(key) = parts.headers.get("x-api-key") else {
            return refused(
                "key_needed",
                "no api key; send the key of the environment in the header X-API-Key",
            );
        };
        let found = key.to_str().ok().and_then(|key| service.environments.get(key));
        match found {
            Some(environment) => Ok(Access(environment.clone())),
            None => refused(
                "key_unknown",
                "no environment has this api key; look at --api-key and --environment of the server",
            ),
        }
    }
}
