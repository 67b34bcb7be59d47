//! The data of the live screen for machines: one object for each look.

use std::thread;
use std::time::{Duration, SystemTime};

use flagstaff_reader::Reader;
use serde::Serialize;
use serde_json::value::RawValue;

use super::attached::{Looker, Table};
use crate::differences::between;
use crate::facts::Facts;
use crate::failure::Failure;
use crate::{json, output, show};

#[derive(Debug, Serialize)]
struct Look {
    time: String,
    #[serde(flatten)]
    facts: Facts,
    changes: Vec<Change>,
    #[serde(flatten)]
    table: Table,
}

/// A flag that has changed since the last look.
#[derive(Debug, Serialize)]
struct Change {
    key: String,
    change: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    old: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    new: Option<Box<RawValue>>,
}

pub(super) fn write(reader: &Reader, count: Option<u64>, interval: Duration) -> Result<(), Failure> {
    let mut looker = Looker::default();
    let mut before = reader.snapshot();
    let mut written = 0;
    loop {
        let status = reader.status();
        let after = reader.snapshot();
        let changes = between(&before, &after).into_iter().map(|one| {
            let raw = |value: &Option<_>| value.as_ref().map(json::raw).transpose();
            Ok(Change { change: one.kind(), old: raw(&one.old)?, new: raw(&one.new)?, key: one.key })
        });
        let changes = changes.collect::<Result<_, Failure>>()?;
        let (table, _) = looker.look(reader.path());
        let facts = Facts::of(reader, &status, None);
        output::json(&Look { time: show::time(SystemTime::now()), facts, changes, table })?;
        written += 1;
        if count.is_some_and(|count| written >= count) {
            return Ok(());
        }
        before = after;
        thread::sleep(interval);
    }
}
