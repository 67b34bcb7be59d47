//! The API key: checked once, never shown.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Longest key accepted, in bytes. Servers refuse header lines that are much longer.
pub(super) const MAX_KEY_BYTES: usize = 4 * 1024;

/// White space around the key that a key file may have beside it, in bytes.
const MAX_SPACE_BYTES: usize = 1024;

/// A key that is fit for the `X-API-Key` header.
///
/// White space around it does not belong to it: secrets that are mounted as files end in a line break, and a header value has no space
/// at its ends. `Debug` shows `ApiKey(..)`, there is no `Display`, and clones share one copy in memory.
#[derive(Clone)]
pub struct ApiKey {
    key: Arc<str>,
    /// With the white space around it, if there was some: the service's own SDK names its cache after that.
    as_given: Option<Arc<str>>,
}

impl PartialEq for ApiKey {
    fn eq(&self, other: &ApiKey) -> bool {
        self.key == other.key
    }
}

impl Eq for ApiKey {}

/// Why a key was refused. The messages never hold the key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApiKeyError {
    /// Nothing, or only white space.
    #[error("api key is blank; give the key of the environment")]
    Blank,
    /// A byte that has no place in a header value.
    #[error(
        "api key has byte 0x{byte:02x} at position {position}, expected printable ascii; check for line breaks or a bad copy"
    )]
    IllegalByte {
        /// The byte found.
        byte: u8,
        /// Its index in the key, from 0.
        position: usize,
    },
    /// Longer than 4 KiB.
    #[error("api key is longer than {MAX_KEY_BYTES} bytes; check that this is the key and not another file")]
    TooLong,
    /// The key file cannot be read.
    #[error("cannot read the api key from {}; check the path and its permissions", path.display())]
    Unreadable {
        /// The key file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The key file was read, but what it holds is no key.
    #[error("{} does not hold a usable api key", path.display())]
    BadFile {
        /// The key file.
        path: PathBuf,
        /// What is wrong with the key.
        source: Box<ApiKeyError>,
    },
}

impl ApiKey {
    /// Checks a key, without the white space around it.
    ///
    /// # Errors
    /// When it is blank, too long, or holds anything but printable ASCII.
    pub fn new(key: &str) -> Result<ApiKey, ApiKeyError> {
        ApiKey::from_bytes(key.as_bytes())
    }

    /// Reads a key from a file, without the white space around it.
    ///
    /// # Errors
    /// When the file cannot be read or its text is no key, see [`ApiKey::new`].
    pub fn from_file(path: impl AsRef<Path>) -> Result<ApiKey, ApiKeyError> {
        let path = path.as_ref();
        let mut bytes = Vec::new();
        // One byte more than is allowed tells a file that is too long, whatever its size.
        let most = MAX_KEY_BYTES + MAX_SPACE_BYTES;
        File::open(path)
            .and_then(|file| file.take(most as u64 + 1).read_to_end(&mut bytes))
            .map_err(|source| ApiKeyError::Unreadable { path: path.to_owned(), source })?;
        let key = if bytes.len() > most { Err(ApiKeyError::TooLong) } else { ApiKey::from_bytes(&bytes) };
        key.map_err(|error| ApiKeyError::BadFile { path: path.to_owned(), source: Box::new(error) })
    }

    fn from_bytes(given: &[u8]) -> Result<ApiKey, ApiKeyError> {
        let bytes = given.trim_ascii();
        if bytes.is_empty() {
            return Err(ApiKeyError::Blank);
        }
        if bytes.len() > MAX_KEY_BYTES {
            return Err(ApiKeyError::TooLong);
        }
        if let Some(position) = bytes.iter().position(|byte| !matches!(byte, b' '..=b'~')) {
            return Err(ApiKeyError::IllegalByte { byte: bytes[position], position });
        }
        let shared = |bytes: &[u8]| Arc::from(String::from_utf8_lossy(bytes));
        let as_given = (bytes.len() < given.len()).then(|| shared(given));
        Ok(ApiKey { key: shared(bytes), as_given })
    }

    /// The key itself. For the request and for hashing only: never log it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.key
    }

    /// The key as it was given, with the white space around it. Never log it either.
    #[must_use]
    pub fn expose_as_given(&self) -> &str {
        self.as_given.as_ref().unwrap_or(&self.key)
    }

    /// Text that came from a server, made fit for a message: without the key, on one line, not long.
    pub(super) fn redact(&self, text: &[u8]) -> String {
        let text = String::from_utf8_lossy(text).replace(self.expose(), "[api key]");
        text.chars().take(100).flat_map(char::escape_debug).collect()
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(..)")
    }
}

/// Where the key comes from.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ApiKeySource {
    /// A key given by the caller.
    Value(ApiKey),
    /// A file that is read again for every connection, so that a changed key needs no restart.
    File(PathBuf),
}

impl ApiKeySource {
    /// The key as it is now.
    ///
    /// # Errors
    /// When the key file cannot be read or holds no key.
    pub fn read(&self) -> Result<ApiKey, ApiKeyError> {
        match self {
            ApiKeySource::Value(key) => Ok(key.clone()),
            ApiKeySource::File(path) => ApiKey::from_file(path),
        }
    }
}

impl From<ApiKey> for ApiKeySource {
    fn from(key: ApiKey) -> ApiKeySource {
        ApiKeySource::Value(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_never_shown_by_debug() {
        let key = ApiKey::new("top-secret").unwrap();
        assert_eq!(format!("{key:?}"), "ApiKey(..)");
        assert_eq!(format!("{:?}", ApiKeySource::from(key)), "Value(ApiKey(..))");
    }

    #[test]
    fn blank_keys_are_refused() {
        for key in ["", " ", "\t \r\n"] {
            assert!(matches!(ApiKey::new(key), Err(ApiKeyError::Blank)), "{key:?}");
        }
    }

    #[test]
    fn keys_with_bytes_that_are_illegal_in_a_header_are_refused_without_repeating_them() {
        for (key, found) in [
            ("secret\r\nX: y", 13),
            ("secr\net", 10),
            ("secret\0", 0),
            ("secret\u{7f}", 0x7f),
            ("secr\u{e9}t", 0xc3),
        ] {
            let error = ApiKey::new(key).unwrap_err();
            assert!(matches!(error, ApiKeyError::IllegalByte { byte, .. } if byte == found), "{error:?}");
            assert!(!format!("{error} {error:?}").contains("secr"));
        }
    }

    /// Symptom: a key from a mounted secret, which ends in a line break, was refused. Cause: the key was taken as it stood. Fix: white space
    /// around it does not belong to it, as with the service's own SDK, whose servers drop it.
    #[test]
    fn white_space_around_a_key_is_dropped_and_a_space_inside_stays() {
        for given in ["a b", "a b\n", "a b\r\n", " a b", "\ta b \n\n"] {
            let key = ApiKey::new(given).unwrap();
            assert_eq!((key.expose(), key.expose_as_given()), ("a b", given));
            assert_eq!(key, ApiKey::new("a b").unwrap());
        }
    }

    #[test]
    fn too_long_keys_are_refused() {
        assert!(ApiKey::new(&"k".repeat(MAX_KEY_BYTES)).is_ok());
        assert!(matches!(ApiKey::new(&"k".repeat(MAX_KEY_BYTES + 1)), Err(ApiKeyError::TooLong)));
    }

    #[test]
    fn white_space_around_the_key_of_a_file_is_dropped_and_a_file_that_is_too_long_is_not_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let read = |text: &[u8]| {
            std::fs::write(&path, text).unwrap();
            ApiKey::from_file(&path).map(|key| key.expose().to_owned())
        };
        for text in [&b"abc"[..], b"abc\n", b"abc\r\n", b"abc\n\n", b" abc\r", b"\tabc \n"] {
            assert_eq!(read(text).unwrap(), "abc");
        }
        assert!(read(b"").is_err() && read(b"\n").is_err() && read(b"a\nb\n").is_err());
        assert!(read(&[b'k'; MAX_KEY_BYTES * 3]).is_err());
        let full = [&[b'k'; MAX_KEY_BYTES][..], b"\r\n"].concat();
        assert_eq!(read(&full).unwrap().len(), MAX_KEY_BYTES);
        // Read in part, this would be another key.
        let spaced = [&b"k"[..], &[b'\n'; MAX_KEY_BYTES * 2], b"k"].concat();
        assert!(read(&spaced).is_err());
    }

    #[test]
    fn a_missing_key_file_is_named() {
        let error = ApiKey::from_file("/nonexistent/key").unwrap_err();
        assert!(error.to_string().contains("/nonexistent/key"));
        assert!(std::error::Error::source(&error).is_some());
    }

    #[test]
    fn server_text_is_shown_without_the_key_on_one_short_line() {
        let key = ApiKey::new("s3cr3t").unwrap();
        assert_eq!(key.redact(b"a s3cr3t\r\nb"), "a [api key]\\r\\nb");
        assert!(key.redact(&[b'x'; 5000]).len() <= 100);
    }
}
