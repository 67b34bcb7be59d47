//! The API key: checked once, never shown.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Longest key accepted, in bytes. Servers refuse header lines that are much longer.
pub const MAX_KEY_BYTES: usize = 4 * 1024;

/// A key that is fit for the `X-API-Key` header.
///
/// `Debug` shows `ApiKey(..)`, there is no `Display`, and clones share one copy in memory.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(Arc<str>);

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
        /// Its index, from 0.
        position: usize,
    },
    /// White space at an end, which servers would strip.
    #[error("api key starts or ends with a space; remove it")]
    SurroundingSpace,
    /// Longer than [`MAX_KEY_BYTES`].
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
    /// Checks a key.
    ///
    /// # Errors
    /// When it is blank, too long, or holds anything but printable ASCII without spaces at the ends.
    pub fn new(key: &str) -> Result<ApiKey, ApiKeyError> {
        ApiKey::from_bytes(key.as_bytes())
    }

    /// Reads a key from a file and drops one LF or CRLF at its end.
    ///
    /// # Errors
    /// When the file cannot be read or its text is no key, see [`ApiKey::new`].
    pub fn from_file(path: impl AsRef<Path>) -> Result<ApiKey, ApiKeyError> {
        let path = path.as_ref();
        let mut bytes = Vec::new();
        // One byte more than a key with CRLF can have tells a file that is too long, whatever its size.
        File::open(path)
            .and_then(|file| file.take(MAX_KEY_BYTES as u64 + 3).read_to_end(&mut bytes))
            .map_err(|source| ApiKeyError::Unreadable { path: path.to_owned(), source })?;
        let key = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        let key = if key.len() < bytes.len() { key.strip_suffix(b"\r").unwrap_or(key) } else { key };
        ApiKey::from_bytes(key)
            .map_err(|error| ApiKeyError::BadFile { path: path.to_owned(), source: Box::new(error) })
    }

    fn from_bytes(bytes: &[u8]) -> Result<ApiKey, ApiKeyError> {
        if bytes.trim_ascii().is_empty() {
            return Err(ApiKeyError::Blank);
        }
        if bytes.len() > MAX_KEY_BYTES {
            return Err(ApiKeyError::TooLong);
        }
        let illegal = bytes.iter().position(|byte| !matches!(byte, b' '..=b'~'));
        if let Some(position) = illegal {
            return Err(ApiKeyError::IllegalByte { byte: bytes[position], position });
        }
        if bytes.trim_ascii().len() < bytes.len() {
            return Err(ApiKeyError::SurroundingSpace);
        }
        Ok(ApiKey(Arc::from(String::from_utf8_lossy(bytes))))
    }

    /// The key itself. For the request and for hashing only: never log it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
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
            ("secret\n", 10),
            ("secret\0", 0),
            ("secret\u{7f}", 0x7f),
            ("secr\u{e9}t", 0xc3),
        ] {
            let error = ApiKey::new(key).unwrap_err();
            assert!(matches!(error, ApiKeyError::IllegalByte { byte, .. } if byte == found), "{error:?}");
            assert!(!format!("{error} {error:?}").contains("secr"));
        }
    }

    #[test]
    fn spaces_are_allowed_inside_and_refused_at_the_ends() {
        assert_eq!(ApiKey::new("a b").unwrap().expose(), "a b");
        assert!(matches!(ApiKey::new(" ab"), Err(ApiKeyError::SurroundingSpace)));
        assert!(matches!(ApiKey::new("ab "), Err(ApiKeyError::SurroundingSpace)));
    }

    #[test]
    fn too_long_keys_are_refused() {
        assert!(ApiKey::new(&"k".repeat(MAX_KEY_BYTES)).is_ok());
        assert!(matches!(ApiKey::new(&"k".repeat(MAX_KEY_BYTES + 1)), Err(ApiKeyError::TooLong)));
    }

    #[test]
    fn exactly_one_line_end_of_a_key_file_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let read = |text: &[u8]| {
            std::fs::write(&path, text).unwrap();
            ApiKey::from_file(&path).map(|key| key.expose().to_owned())
        };
        assert_eq!(read(b"abc").unwrap(), "abc");
        assert_eq!(read(b"abc\n").unwrap(), "abc");
        assert_eq!(read(b"abc\r\n").unwrap(), "abc");
        assert!(read(b"abc\n\n").is_err());
        assert!(read(b"abc\r").is_err());
        assert!(read(b"").is_err());
        assert!(read(&[b'k'; MAX_KEY_BYTES * 3]).is_err());
        let full = [&[b'k'; MAX_KEY_BYTES][..], b"\r\n"].concat();
        assert_eq!(read(&full).unwrap().len(), MAX_KEY_BYTES);
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
