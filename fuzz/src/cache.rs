//! A cache of the SDK for the import. What it takes, the decoder must take.

use std::cell::OnceCell;
use std::fs;

use flagstaff_publisher::payload::{Limits, decode, read_cache};
use tempfile::TempDir;

thread_local! {
    static FOLDER: OnceCell<TempDir> = const { OnceCell::new() };
}

/// Runs the target.
pub fn run(data: &[u8]) {
    FOLDER.with(|folder| {
        let folder =
            folder.get_or_init(|| tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap());
        let path = folder.path().join("cache.json");
        fs::write(&path, data).unwrap();
        let limits = Limits::default().max_payload(64 * 1024);
        let imported = read_cache(&path, &limits);
        let plain = data.strip_prefix(b"\xef\xbb\xbf").unwrap_or(data);
        let decodes = std::str::from_utf8(plain).is_ok_and(|text| decode(text, &limits).is_ok());
        match imported {
            Ok(Some(text)) => {
                assert_eq!(text.as_bytes(), plain);
                assert!(decodes, "imported what cannot be decoded");
            }
            Ok(None) => panic!("there is a file"),
            Err(error) => {
                assert!(!decodes || data.len() > plain.len(), "{error}");
                assert!(!error.to_string().is_empty());
            }
        }
    });
}
