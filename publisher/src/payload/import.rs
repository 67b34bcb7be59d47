//! The JSON cache that the service's own SDK leaves on disk, so that a change-over starts warm.

use std::path::Path;

use super::error::ImportError;
use super::limits::Limits;
use super::regular_file;

/// Reads the SDK's cache file (`soasap_cache_<first 8 hex digits of sha256(api key)>.json`).
///
/// Returns the payload as text that `decode` accepts, without the byte-order mark that one of the
/// SDKs writes. A file that does not exist is no error: `Ok(None)`. With the default limits whatever the SDK takes is taken
/// here, since it has the same cap.
///
/// The cache is a convenience. Whoever gets an error here reports it and starts without.
///
/// # Errors
///
/// The path leads to something other than a regular file, the file cannot be read, or its content is not a payload.
pub fn read_cache(path: &Path, limits: &Limits) -> Result<Option<String>, ImportError> {
    match regular_file::read_file(path, limits) {
        Ok(text) => Ok(Some(text)),
        Err(ImportError::Missing { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::net::UnixListener;

    use super::super::{DEFAULT_MAX_PAYLOAD, PayloadError};
    use super::*;

    fn read(bytes: &[u8]) -> Result<Option<String>, ImportError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache.json");
        fs::write(&path, bytes).unwrap();
        read_cache(&path, &Limits::default())
    }

    #[test]
    fn a_missing_file_is_none() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(read_cache(&folder.path().join("none.json"), &Limits::default()), Ok(None)));
        fs::write(folder.path().join("file"), "").unwrap();
        assert!(matches!(read_cache(&folder.path().join("file/none.json"), &Limits::default()), Ok(None)));
    }

    #[test]
    fn a_cache_is_read_with_and_without_byte_order_mark() {
        assert_eq!(read(b"{\"a\": 1}").unwrap().unwrap(), "{\"a\": 1}");
        assert_eq!(read(b"\xef\xbb\xbf{\"a\": 1}").unwrap().unwrap(), "{\"a\": 1}");
    }

    #[test]
    fn a_cache_over_the_limit_of_its_caller_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache.json");
        fs::write(&path, "{\"a\": 1}").unwrap();
        assert!(read_cache(&path, &Limits::default().max_payload(8)).is_ok());
        let error = read_cache(&path, &Limits::default().max_payload(7)).unwrap_err();
        assert!(
            matches!(error, ImportError::Payload { source: PayloadError::TooLarge { .. }, .. }),
            "{error}"
        );
    }

    #[test]
    fn invalid_content_is_refused_with_its_cause() {
        let cause = |bytes: &[u8]| match read(bytes).unwrap_err() {
            ImportError::Payload { source, .. } => source,
            other => panic!("{other}"),
        };
        assert!(matches!(cause(b""), PayloadError::NotJson { .. }));
        assert!(matches!(cause(b"{\"a\": "), PayloadError::NotJson { .. }));
        assert!(matches!(cause(b"[]"), PayloadError::RootNotObject { .. }));
        assert!(matches!(cause(b"{\"a\": \"\xff\"}"), PayloadError::NotUtf8 { at: 7, .. }));
        let large = vec![b' '; DEFAULT_MAX_PAYLOAD + 1];
        assert!(matches!(cause(&large), PayloadError::TooLarge { .. }));
    }

    #[test]
    fn a_sparse_giant_is_refused_by_its_length() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("giant.json");
        fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
        let error = read_cache(&path, &Limits::default()).unwrap_err();
        let ImportError::Payload { source: PayloadError::TooLarge { found, .. }, .. } = error else {
            panic!("{error}");
        };
        assert_eq!(found, 1 << 40);
    }

    #[test]
    fn what_is_no_regular_file_is_refused_and_never_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        let socket = folder.path().join("socket");
        let _listener = UnixListener::bind(&socket).unwrap();
        for (path, kind) in [
            (fifo.as_path(), "a fifo"),
            (&socket, "a socket"),
            (folder.path(), "a directory"),
            (Path::new("/dev/null"), "a device"),
        ] {
            let error = read_cache(path, &Limits::default()).unwrap_err();
            assert!(matches!(error, ImportError::NotRegular { found, .. } if found == kind), "{error}");
        }
    }
}
