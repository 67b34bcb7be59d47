//! A set of flags that somebody names: a snapshot of the history, what readers have now, or a file.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use flagstaff_publisher::recorded_in;
use flagstaff_reader::Reader;
use serde_json::value::RawValue;

use crate::failure::Failure;
use crate::json;
use crate::snapshot_args::SnapshotArgs;

/// Flags by key, each value as JSON.
pub(super) type Flags = BTreeMap<String, Box<RawValue>>;

/// What somebody names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Which {
    /// A snapshot of the history.
    Number(u64),
    /// What readers have.
    Now,
    /// A snapshot file, or a JSON file.
    File(PathBuf),
}

impl Which {
    pub(super) fn parse(text: &str) -> Result<Which, String> {
        Ok(match (text, text.parse()) {
            ("now", _) => Which::Now,
            (_, Ok(number)) => Which::Number(number),
            _ => Which::File(text.into()),
        })
    }

    pub(super) fn flags(&self, snapshot: &SnapshotArgs) -> Result<Flags, Failure> {
        match self {
            Which::Now => of_reader(&snapshot.open()?),
            Which::Number(number) => of_history(&snapshot.path()?, *number),
            Which::File(path) => of_file(path),
        }
    }
}

/// The flags of a snapshot of the history.
pub(super) fn of_history(path: &Path, number: u64) -> Result<Flags, Failure> {
    let failed = |source| Failure::NotInHistory { number, path: path.to_owned(), source };
    let recorded = recorded_in(path, number).map_err(failed)?;
    serde_json::from_str(&recorded.flags).map_err(|error| failed(error.into()))
}

fn of_reader(reader: &Reader) -> Result<Flags, Failure> {
    let snapshot = reader.snapshot();
    if snapshot.generation().0 == 0 {
        return Err(Failure::NothingPublished { path: reader.path().to_owned() });
    }
    snapshot.iter().map(|(key, value)| Ok((key, json::raw(&value)?))).collect()
}

fn of_file(path: &Path) -> Result<Flags, Failure> {
    // Not a snapshot, or damaged: then it is no JSON either.
    if let Ok(reader) = Reader::open(path) {
        return of_reader(&reader);
    }
    let text = fs::read_to_string(path).map_err(|source| Failure::Io {
        action: "read",
        path: path.to_owned(),
        source,
    })?;
    serde_json::from_str(&text).map_err(|error| Failure::NoFlags { path: path.to_owned(), source: error })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_one_of_the_history_and_a_file_of_such_a_name_needs_a_path() {
        assert_eq!(Which::parse("17"), Ok(Which::Number(17)));
        assert_eq!(Which::parse("now"), Ok(Which::Now));
        assert_eq!(Which::parse("./17"), Ok(Which::File("./17".into())));
        assert_eq!(Which::parse("-1"), Ok(Which::File("-1".into())));
    }
}
