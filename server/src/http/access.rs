//! Which environment a request is about: the one whose API key it has.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;

use crate::flags::environment::Environment;
use crate::http::refusal::Refusal;
use crate::http::routes::Service;

/// The environment of a request.
#[derive(Debug)]
pub(crate) struct Access(pub(crate) Environment);

impl FromRequestParts<Arc<Service>> for Access {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, service: &Arc<Service>) -> Result<Access, Refusal> {
        let refused = |code, text| Err(Refusal::new(StatusCode::UNAUTHORIZED, code, text));
        let Some(key) = parts.headers.get("x-api-key") else {
            return refused("key_needed", "no api key; send that of the environment in the header X-API-Key");
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
