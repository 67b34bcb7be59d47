//! Where the stream is, and with which key.

use ureq::http::Uri;

use super::api_key::{ApiKey, ApiKeySource};
use super::failure::Failure;
use super::options::StreamOptions;
use super::origin::Origin;

/// The service's address when nothing else is said.
pub const DEFAULT_BASE_URL: &str = "https://api.soasap.com";

const STREAM_PATH: &str = "/api/v1/flags/live";

/// A checked address with its key and settings.
#[derive(Debug, Clone)]
pub struct Endpoint {
    url: Uri,
    base_url: String,
    api_key: ApiKeySource,
    options: StreamOptions,
}

/// Why a base url was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// Not the address of an http server.
    #[error("base url is {found:?}, expected http:// or https:// with a host, such as {DEFAULT_BASE_URL}")]
    NotHttp {
        /// What was given, shortened.
        found: String,
    },
    /// User name or password in the address. They would end up in logs.
    #[error("base url has a user name or password, expected none; the api key is all that is needed")]
    Credentials,
    /// Query or fragment, which have no meaning in front of a path.
    #[error(
        "base url has a query or fragment, expected scheme, host and path only; remove everything from ? or # on"
    )]
    Query,
}

impl Endpoint {
    /// The stream below `base_url`, with default options. Slashes at its end are dropped.
    ///
    /// # Errors
    /// When the base url is not a plain http or https address.
    pub fn new(base_url: &str, api_key: impl Into<ApiKeySource>) -> Result<Endpoint, EndpointError> {
        Endpoint::with_options(base_url, api_key, StreamOptions::default())
    }

    /// The stream below `base_url`, with given options.
    ///
    /// # Errors
    /// When the base url is not a plain http or https address.
    pub fn with_options(
        base_url: &str,
        api_key: impl Into<ApiKeySource>,
        options: StreamOptions,
    ) -> Result<Endpoint, EndpointError> {
        let base_url = base_url.trim().trim_end_matches('/');
        let authority = base_url.split_once("://").map_or(base_url, |(_, rest)| rest);
        if authority.split(['/', '?', '#']).next().is_some_and(|authority| authority.contains('@')) {
            return Err(EndpointError::Credentials);
        }
        if base_url.contains(['?', '#']) {
            return Err(EndpointError::Query);
        }
        let url: Option<Uri> = format!("{base_url}{STREAM_PATH}").parse().ok();
        match url.filter(|url| Origin::of(url).is_some()) {
            Some(url) => {
                Ok(Endpoint { url, base_url: base_url.to_owned(), api_key: api_key.into(), options })
            }
            None => Err(EndpointError::NotHttp { found: base_url.chars().take(100).collect() }),
        }
    }

    /// The base url without slashes at its end: part of what identifies an environment.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The key as it is now. A key file is read again each time.
    ///
    /// # Errors
    /// [`Failure::ApiKey`] when the key file cannot be read or holds no key.
    pub fn api_key(&self) -> Result<ApiKey, Failure> {
        Ok(self.api_key.read()?)
    }

    /// The settings.
    pub fn options(&self) -> &StreamOptions {
        &self.options
    }

    pub(super) fn url(&self) -> &Uri {
        &self.url
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(base_url: &str) -> Result<String, EndpointError> {
        Endpoint::new(base_url, ApiKey::new("k").unwrap()).map(|endpoint| endpoint.url().to_string())
    }

    #[test]
    fn the_path_is_added_and_slashes_at_the_end_are_dropped() {
        assert_eq!(url(DEFAULT_BASE_URL).unwrap(), "https://api.soasap.com/api/v1/flags/live");
        assert_eq!(url("http://h:8080/").unwrap(), "http://h:8080/api/v1/flags/live");
        assert_eq!(url(" https://h/sub//\n").unwrap(), "https://h/sub/api/v1/flags/live");
        assert_eq!(url("HTTPS://h").unwrap(), "https://h/api/v1/flags/live");
        assert_eq!(url("http://[::1]:9").unwrap(), "http://[::1]:9/api/v1/flags/live");
        assert_eq!(Endpoint::new("http://h/", ApiKey::new("k").unwrap()).unwrap().base_url(), "http://h");
    }

    #[test]
    fn only_http_and_https_addresses_are_taken() {
        for base_url in [
            "",
            "/",
            "h",
            "api.soasap.com",
            "ftp://h",
            "http://",
            "https:///x",
            "http:// h",
            "http://h:99999",
        ] {
            assert!(
                matches!(url(base_url), Err(EndpointError::NotHttp { .. })),
                "{base_url:?}: {:?}",
                url(base_url)
            );
        }
    }

    #[test]
    fn credentials_query_and_fragment_are_refused_without_repeating_a_password() {
        let error = url("https://user:hunter2@h/").unwrap_err();
        assert_eq!(error, EndpointError::Credentials);
        assert!(!format!("{error} {error:?}").contains("hunter2"));
        assert_eq!(url("user:hunter2@h"), Err(EndpointError::Credentials));
        assert_eq!(url("https://h/?a=b"), Err(EndpointError::Query));
        assert_eq!(url("https://h/#a"), Err(EndpointError::Query));
    }

    #[test]
    fn debug_shows_no_key() {
        let endpoint = Endpoint::new("https://h", ApiKey::new("s3cr3t").unwrap()).unwrap();
        assert!(!format!("{endpoint:?}").contains("s3cr3t"));
    }
}
