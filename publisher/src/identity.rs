//! Names that follow from the base URL and the API key.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::sse::ApiKey;

/// Whose flags a file holds: SHA-256 of base URL and API key. The key cannot be found from it, if it is a good one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity([u8; 32]);

impl Identity {
    /// No such source: flags published from a file.
    #[must_use]
    pub const fn none() -> Identity {
        Identity([0; 32])
    }

    /// The identity of an environment of a service.
    #[must_use]
    pub fn of(base_url: &str, key: &ApiKey) -> Identity {
        let mut hash = Sha256::new();
        hash.update(base_url.trim_end_matches('/').as_bytes());
        hash.update([0]);
        hash.update(key.expose().as_bytes());
        Identity(hash.finalize().into())
    }

    /// As it stands in the file.
    #[must_use]
    pub const fn bytes(&self) -> [u8; 32] {
        self.0
    }

    /// The snapshot file of this identity in a cache directory.
    #[must_use]
    pub fn snapshot_path(&self, cache_dir: &Path) -> PathBuf {
        cache_dir.join(format!("soasap_cache_{}.vexil", hex(&self.0[..8])))
    }

    /// The SDK's JSON cache of this key in a cache directory.
    #[must_use]
    pub fn sdk_cache_path(key: &ApiKey, cache_dir: &Path) -> PathBuf {
        let hash: [u8; 32] = Sha256::digest(key.expose().as_bytes()).into();
        cache_dir.join(format!("soasap_cache_{}.json", hex(&hash[..4])))
    }
}

/// Where the SDK keeps its cache, and so do we: `soasap/cache` in the user's local data directory.
#[must_use]
pub fn default_cache_dir() -> Option<PathBuf> {
    dirs::data_local_dir().map(|data| data.join("soasap").join("cache"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> ApiKey {
        ApiKey::new(text).unwrap()
    }

    #[test]
    fn base_url_and_key_both_count_and_a_final_slash_does_not() {
        let one = Identity::of("https://a", &key("k"));
        assert_eq!(one, Identity::of("https://a/", &key("k")));
        assert_ne!(one, Identity::of("https://b", &key("k")));
        assert_ne!(one, Identity::of("https://a", &key("l")));
    }

    #[test]
    fn the_sdk_cache_is_named_by_the_first_8_hex_digits_of_the_hash_of_the_key() {
        // sha256("abc") = ba7816bf..
        let path = Identity::sdk_cache_path(&key("abc"), Path::new("/c"));
        assert_eq!(path, Path::new("/c/soasap_cache_ba7816bf.json"));
    }

    #[test]
    fn the_snapshot_path_does_not_hold_the_key() {
        let path = Identity::of("https://a", &key("secret")).snapshot_path(Path::new("/c"));
        let path = path.to_str().unwrap();
        assert!(
            path.starts_with("/c/soasap_cache_") && path.ends_with(".vexil") && !path.contains("secret"),
            "{path}"
        );
    }
}
