//! The file itself: its sizes, and the source of its flags.

use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use flagstaff_format::layout::HEADER_BYTES;
use flagstaff_format::{Header, Mapping};
use serde::Serialize;

use crate::show;

/// The unit of `st_blocks`, on every file system.
const BLOCK_BYTES: u64 = 512;

/// `None`: there is no such file at the path any more.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct FileFacts {
    /// Length. The file is sparse.
    pub(crate) file_bytes: Option<u64>,
    /// Space that it takes on its file system.
    pub(crate) file_allocated_bytes: Option<u64>,
    pub(crate) created_at: Option<String>,
    /// `service`, or `none` for flags that were published from elsewhere.
    pub(crate) source: Option<&'static str>,
    /// SHA-256 of base URL and API key.
    pub(crate) identity: Option<String>,
    /// Whether they are those of this command's options and variables.
    pub(crate) identity_matches: Option<bool>,
}

impl FileFacts {
    pub(super) fn of(path: &Path, expected: Option<[u8; 32]>) -> FileFacts {
        let Ok(file) = File::open(path) else { return FileFacts::default() };
        let metadata = file.metadata().ok();
        let long_enough = |metadata: &Metadata| metadata.is_file() && metadata.len() >= HEADER_BYTES;
        let header = metadata
            .as_ref()
            .filter(|metadata| long_enough(metadata))
            .and_then(|_| Header::read(&Mapping::read_only(&file, HEADER_BYTES).ok()?, path).ok());
        let identity = header.map(|header| header.identity);
        let has_source = identity.map(|identity| identity != [0; 32]);
        FileFacts {
            file_bytes: metadata.as_ref().map(Metadata::len),
            file_allocated_bytes: metadata.as_ref().map(|metadata| metadata.blocks() * BLOCK_BYTES),
            created_at: header
                .map(|header| show::time(UNIX_EPOCH + Duration::from_micros(header.created_at))),
            source: has_source.map(|has_source| if has_source { "service" } else { "none" }),
            identity: identity.filter(|_| has_source == Some(true)).map(|bytes| hex(&bytes)),
            identity_matches: expected
                .filter(|_| has_source == Some(true))
                .map(|expected| Some(expected) == identity),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
