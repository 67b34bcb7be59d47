//! The HTTP client for one request.

use ureq::Agent;
use ureq::unversioned::transport::{ConnectProxyConnector, Connector};

use super::api_key::ApiKey;
use super::connector::TcpConnector;
use super::failure::Failure;
use super::key_header::KeyConnector;
use super::options::StreamOptions;
use super::origin::Origin;
use super::proxy;
use super::resolver::StoppableResolver;
use super::silence::Silence;
use super::tls::{self, TlsConnector};
use crate::stopper::Stopper;

/// Largest response headers, in bytes.
pub(super) const MAX_HEADER_BYTES: usize = 64 * 1024;
/// Room to see that headers are too large before the buffer is full.
const INPUT_BUFFER_BYTES: usize = 2 * MAX_HEADER_BYTES;

/// A client for one request to one origin. It follows no redirect by itself, keeps no connection and no cookie.
pub(super) fn for_request(
    origin: &Origin,
    key: Option<ApiKey>,
    options: &StreamOptions,
    stopper: &Stopper,
    silence: &Silence,
) -> Result<Agent, Failure> {
    // Ureq's own choice takes the first variable for every scheme, and goes around a proxy that it cannot use.
    let proxy = proxy::for_origin(origin, |name| std::env::var(name).ok())?;
    let proxy_uri = proxy.as_ref().map(|proxy| proxy.uri().clone());
    let config = tls::with_roots(Agent::config_builder(), origin, options)?
        .timeout_resolve(Some(options.connect_timeout))
        .timeout_connect(Some(options.connect_timeout))
        .timeout_send_request(Some(options.header_timeout))
        .timeout_recv_response(Some(options.header_timeout))
        .timeout_per_read(Some(options.read_timeout))
        .max_response_header_size(MAX_HEADER_BYTES)
        .input_buffer_size(INPUT_BUFFER_BYTES)
        .max_redirects(0)
        .http_status_as_error(false)
        .accept_encoding("identity")
        .user_agent(options.user_agent.as_str())
        .proxy(proxy);
    let tcp = TcpConnector { proxy: proxy_uri.clone(), silence: silence.clone() };
    let chain = ().chain(ConnectProxyConnector::default()).chain(tcp).chain(TlsConnector::default());
    let resolver = StoppableResolver { stopper: stopper.clone(), proxy: proxy_uri };
    Ok(Agent::with_parts(config.build(), chain.chain(KeyConnector(key)), resolver))
}
