//! Names that follow from the base URL and the API key.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::sse::ApiKey;

/// Where the half of the key begins.
const KEY_HALF: usize = 16;

/// Whose flags a file holds: half of SHA-256 of base URL and API key, then half of that of the API key alone, so that a file of the same
/// key under another address can be told. The key cannot be found from it, if it is a good one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity([u8; 32]);

impl Identity {
    /// No such source: flags published from a file.
    #[must_use]
    pub const fn none() -> Identity {
        Identity([0; 32])
    }

    /// The identity that a file has.
    pub(crate) const fn of_bytes(bytes: [u8; 32]) -> Identity {
        Identity(bytes)
    }

    /// The identity of an environment of a service.
    #[must_use]
    pub fn of(base_url: &str, key: &ApiKey) -> Identity {
        let mut hash = Sha256::new();
        hash.update(base_url.trim_end_matches('/').as_bytes());
        hash.update([0]);
        hash.update(key.expose().as_bytes());
        let mut identity: [u8; 32] = hash.finalize().into();
        identity[KEY_HALF..].copy_from_slice(&Sha256::digest(key.expose().as_bytes())[..KEY_HALF]);
        Identity(identity)
    }

    /// As it stands in the file.
    #[must_use]
    pub const fn bytes(&self) -> [u8; 32] {
        self.0
    }

    /// Whether `other`, as it stands in a file, is an identity of the same key. Never for flags published from a file.
    pub(crate) fn has_key_of(&self, other: &[u8; 32]) -> bool {
        *self != Identity::none() && self.0[KEY_HALF..] == other[KEY_HALF..]
    }

    /// The snapshot file of this identity in a cache directory.
    #[must_use]
    pub fn snapshot_path(&self, cache_dir: &Path) -> PathBuf {
        cache_dir.join(format!("soasap_cache_{}.flagstaff", hex(&self.0[..8])))
    }

    /// The SDK's JSON cache of this key in a cache directory: named after the key as it was given, with the white space around it.
    #[must_use]
    pub fn sdk_cache_path(key: &ApiKey, cache_dir: &Path) -> PathBuf {
        let hash: [u8; 32] = Sha256::digest(key.expose_as_given().as_bytes()).into();
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
    fn a_file_of_the_same_key_is_known_under_every_base_url() {
        let one = Identity::of("https://a", &key("k"));
        assert!(one.has_key_of(&Identity::of("https://b", &key("k\n")).bytes()));
        assert!(!one.has_key_of(&Identity::of("https://a", &key("l")).bytes()));
        assert!(!one.has_key_of(&Identity::none().bytes()));
        assert!(!Identity::none().has_key_of(&Identity::none().bytes()));
    }

    #[test]
    fn white_space_around_a_key_names_another_sdk_cache_and_no_other_snapshot() {
        let (plain, spaced) = (key("abc"), key("abc\n"));
        assert_eq!(Identity::of("https://a", &plain), Identity::of("https://a", &spaced));
        // sha256("abc\n") = edeaaff3..
        let path = Identity::sdk_cache_path(&spaced, Path::new("/c"));
        assert_eq!(path, Path::new("/c/soasap_cache_edeaaff3.json"));
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
            path.starts_with("/c/soasap_cache_") && path.ends_with(".flagstaff") && !path.contains("secret"),
            "{path}"
        );
    }
}
