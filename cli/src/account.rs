//! The options for the environment of the service: API key and base URL.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::Args;
use flagstaff_publisher::Identity;
use flagstaff_publisher::sse::{ApiKey, ApiKeySource, DEFAULT_BASE_URL, Endpoint, StreamOptions};

use crate::failure::Failure;

/// Variables that may hold the key. The second one is that of the service's own SDK.
const KEY_VARIABLES: [&str; 2] = ["FLAGSTAFF_API_KEY", "SOASAP_API_KEY"];

#[derive(Debug, Args)]
#[command(next_help_heading = "Environment of the service")]
pub(crate) struct Account {
    /// API key. Every user of this host can see it in the process list: prefer the variable FLAGSTAFF_API_KEY (or
    /// SOASAP_API_KEY), or a file
    #[arg(long, value_name = "KEY", conflicts_with = "api_key_file")]
    api_key: Option<SecretArgument>,

    /// File that holds the API key. `run` reads it again for every connection
    #[arg(long, value_name = "PATH")]
    api_key_file: Option<PathBuf>,

    /// Address of the service
    #[arg(long, value_name = "URL", env = "FLAGSTAFF_BASE_URL")]
    #[arg(help = "Address of the service [default: https://api.soasap.com]")]
    base_url: Option<String>,
}

/// A key from the command line. Its `Debug` hides it, because arguments may be logged.
#[derive(Clone)]
struct SecretArgument(OsString);

impl From<OsString> for SecretArgument {
    fn from(text: OsString) -> SecretArgument {
        SecretArgument(text)
    }
}

impl std::fmt::Debug for SecretArgument {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretArgument(..)")
    }
}

impl Account {
    /// The key from option, file or environment; `None` if there is none. The key is checked.
    pub(crate) fn key(&self) -> Result<Option<ApiKeySource>, Failure> {
        if let Some(path) = &self.api_key_file {
            ApiKey::from_file(path)?;
            return Ok(Some(ApiKeySource::File(path.clone())));
        }
        let given = match &self.api_key {
            Some(SecretArgument(text)) => Some(text.clone()),
            None => KEY_VARIABLES.iter().find_map(|name| env::var_os(name).filter(|text| !text.is_empty())),
        };
        Ok(given.as_deref().map(checked).transpose()?.map(ApiKeySource::Value))
    }

    /// The stream of this environment.
    pub(crate) fn endpoint(&self, options: StreamOptions) -> Result<Endpoint, Failure> {
        let key = self.key()?.ok_or(Failure::NoKey)?;
        let base_url = self.base_url.as_deref().filter(|url| !url.is_empty()).unwrap_or(DEFAULT_BASE_URL);
        Ok(Endpoint::with_options(base_url, key, options)?)
    }

    /// Key and identity of this environment, if a key is known.
    pub(crate) fn identity(&self) -> Result<Option<(ApiKey, Identity)>, Failure> {
        let Some(source) = self.key()? else { return Ok(None) };
        let endpoint = self.endpoint(StreamOptions::default())?;
        let key = source.read()?;
        let identity = Identity::of(endpoint.base_url(), &key);
        Ok(Some((key, identity)))
    }
}

/// Bytes that are not UTF-8 become U+FFFD, which the check refuses like everything beyond ASCII.
fn checked(text: &OsStr) -> Result<ApiKey, Failure> {
    Ok(ApiKey::new(&text.to_string_lossy())?)
}
