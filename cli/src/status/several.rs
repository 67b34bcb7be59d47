//! The snapshot files of this host, when none is named.

use std::path::{Path, PathBuf};

use flagstaff_reader::Reader;
use serde::Serialize;

use crate::facts::Facts;
use crate::failure::Failure;
use crate::host::{Attached, attached_to, places, snapshots};
use crate::output::{self, Output};
use crate::show;
use crate::snapshot_args::SnapshotArgs;
use crate::style::{Look, Paint};

/// The only file of this host, or all of them.
///
/// # Errors
/// If there is none.
pub(super) fn only(arguments: &SnapshotArgs) -> Result<Result<PathBuf, Vec<PathBuf>>, Failure> {
    let cache_dir = arguments.named_cache_dir();
    let mut found = snapshots(cache_dir.as_deref());
    match (found.pop(), found.is_empty()) {
        (None, _) => {
            let places = places(cache_dir.as_deref());
            let places: Vec<_> = places.iter().map(|place| place.display().to_string()).collect();
            Err(Failure::NoneFound { places: places.join(", ") })
        }
        (Some(one), true) => Ok(Ok(one)),
        (Some(one), false) => {
            found.push(one);
            Ok(Err(found))
        }
    }
}

#[derive(Debug, Serialize)]
struct Several {
    files: Vec<One>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum One {
    Good(Box<Facts>),
    Bad { file: String, error: String },
}

/// Prints a line for each. With `check`, one that may be stale is an error.
pub(super) fn print(paths: &[PathBuf], check: bool, as_json: bool, paint: Paint) -> Result<(), Failure> {
    let files: Vec<One> = paths.iter().map(of).collect();
    let is_bad = |one: &One| !matches!(one, One::Good(facts) if !facts.stale);
    let bad = files.iter().filter(|one| is_bad(one)).count();
    if as_json {
        output::json(&Several { files })?;
    } else {
        let mut output = Output::lock();
        for (one, path) in files.iter().zip(paths) {
            output.line(&line(one, path, paint))?;
        }
        output.line("more of one: flagstaff status --file PATH")?;
        output.flush()?;
    }
    if check && bad > 0 {
        return Err(Failure::Stale(format!("flags of {bad} of {} files may be stale", paths.len())));
    }
    Ok(())
}

fn of(path: &PathBuf) -> One {
    match Reader::open(path) {
        Ok(reader) => One::Good(Box::new(Facts::of(&reader, &reader.status(), None))),
        Err(error) => {
            One::Bad { file: path.display().to_string(), error: flagstaff_publisher::with_causes(&error) }
        }
    }
}

fn line(one: &One, path: &Path, paint: Paint) -> String {
    let path_text = show::harmless(&path.display().to_string());
    let facts = match one {
        One::Good(facts) => facts,
        One::Bad { error, .. } => {
            return format!("{path_text}: {}", paint.text(Look::Bad, &show::harmless(error)));
        }
    };
    let state =
        if facts.stale { paint.text(Look::Bad, "may be stale") } else { paint.text(Look::Good, "fresh") };
    let attached = attached_to(path).attached;
    let readers = attached.iter().filter(|(_, attached)| *attached != Attached::Publisher).count();
    let mut text = format!(
        "{path_text}: {state}, {} flags, generation {}, publisher {}, link {}, {readers} readers",
        show::count(facts.flags),
        facts.generation,
        facts.publisher,
        facts.link
    );
    let (overrides, problem) = (facts.overrides.len(), facts.problems.first());
    if overrides > 0 {
        text += &paint.text(Look::Warning, &format!(", {overrides} overridden"));
    }
    if facts.rollback.is_some() {
        text += &paint.text(Look::Warning, ", rolled back");
    }
    if let Some(problem) = problem {
        text += &paint.text(Look::Bad, &format!(", {}", problem.text));
    }
    text
}
