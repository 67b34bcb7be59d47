//! `flagstaff verify`: checks a snapshot file.

use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use clap::Args;
use flagstaff_format::layout::{self, Area, word};
use flagstaff_format::{BootId, Damage, Mapping, View, check_current, copy, frame_of, newest, open_view};
use serde::Serialize;

use crate::failure::Failure;
use crate::output::{self, Output};
use crate::show;
use crate::snapshot_args::SnapshotArgs;

/// Times that a check is repeated because a publisher wrote to the file meanwhile.
const TRIES: usize = 16;

const EXAMPLES: &str = "\
Examples:
  flagstaff verify /run/flags.flagstaff
  flagstaff verify backup.flagstaff --json | jq .ok";

/// Check a snapshot file: header, and every area with its checksum and each of its records
///
/// Exit code 1 if the current generation is damaged, or if the file is not a snapshot. Damage elsewhere is only shown: a publisher
/// that is writing, or was killed while it wrote, leaves an incomplete area, which no reader uses.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Verify {
    /// The file [default: the one that the options name]
    #[arg(value_name = "FILE")]
    path: Option<PathBuf>,

    /// Print one JSON object; errors as JSON on stderr
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    snapshot: SnapshotArgs,
}

#[derive(Debug, Serialize)]
struct Report {
    file: String,
    ok: bool,
    format: u32,
    created_at: String,
    this_boot: bool,
    superseded: bool,
    /// The generation that readers use; 0: nothing published.
    generation: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    areas: Vec<AreaReport>,
}

#[derive(Debug, Serialize)]
struct AreaReport {
    area: String,
    /// Null if the frame is empty or damaged.
    generation: Option<u64>,
    flags: Option<u64>,
    bytes: Option<u64>,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    current: bool,
}

/// A file that is not a snapshot.
#[derive(Debug, Serialize)]
struct NoSnapshot {
    file: String,
    ok: bool,
    problem: String,
}

impl Verify {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let path = match &self.path {
            Some(path) => path.clone(),
            None => self.snapshot.path()?,
        };
        let view = match open_view(&path) {
            Ok(view) => view,
            Err(error) => {
                let failure = Failure::from(error);
                if self.json {
                    let file = path.display().to_string();
                    output::json(&NoSnapshot { file, ok: false, problem: failure.to_string() })?;
                }
                return Err(failure);
            }
        };
        let report = stable(&path, &view);
        if self.json {
            output::json(&report)?;
        } else {
            print(&report)?;
        }
        match report.problem {
            Some(problem) => Err(Failure::Damaged { path, problem }),
            None => Ok(()),
        }
    }
}

/// A report during which no publisher wrote, if there is such a moment within [`TRIES`].
fn stable(path: &Path, view: &View) -> Report {
    let mut tries = 0;
    loop {
        let before = view.map().load(word::GENERATION);
        let report = report(path, view);
        tries += 1;
        if (view.map().load(word::GENERATION) == before && before & 1 == 0) || tries == TRIES {
            return report;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn report(path: &Path, view: &View) -> Report {
    let map = view.map();
    let seen = view.observe();
    let this_boot = view.header().is_some_and(|header| header.boot.may_be(BootId::current()));
    // After a reboot the generation word means nothing: this is the readers' own rule.
    let (current, generation) = match this_boot {
        true if seen.base() == 0 => (None, 0),
        true => (Some(Area::Slot(seen.slot())), seen.generation().0),
        false => newest(map).map_or((None, 0), |(area, archive)| (Some(area), archive.generation().0)),
    };
    let areas: Vec<_> = Area::ALL
        .into_iter()
        .map(|area| {
            let is_current = current == Some(area);
            area_report(view, area, is_current, is_current.then_some(generation))
        })
        .collect();
    let problem = match areas.iter().find(|area| area.current) {
        Some(area) if area.state != "ok" => {
            let damage = area.problem.as_deref().unwrap_or(area.state);
            Some(format!("current generation {generation} in {} is damaged: {damage}", area.area))
        }
        None if areas.iter().any(|area| area.state == "damaged") && !this_boot => {
            Some("no area holds a good snapshot".to_owned())
        }
        _ if this_boot => distrust(map),
        _ => None,
    };
    let created_at = view.header().map_or(0, |header| header.created_at);
    Report {
        file: path.display().to_string(),
        ok: problem.is_none(),
        format: layout::VERSION,
        created_at: show::time(UNIX_EPOCH + Duration::from_micros(created_at)),
        this_boot,
        superseded: seen.is_superseded(),
        generation,
        problem,
        areas,
    }
}

/// Why readers do not trust the header of a file of this boot, although the areas that it names are good: their own rule.
fn distrust(map: &Mapping) -> Option<String> {
    match check_current(map) {
        // A publisher wrote meanwhile, so the words are not those of a dead file.
        Ok(Some(_)) | Err(Damage::Overtaken) => None,
        Ok(None) => {
            let (area, archive) = newest(map)?;
            let held = archive.generation();
            Some(format!(
                "generation word says that nothing was published, but {area} holds generation {held}"
            ))
        }
        Err(damage) => Some(format!("header does not lead to the current generation: {damage}")),
    }
}

fn area_report(view: &View, area: Area, current: bool, expected: Option<u64>) -> AreaReport {
    let frame = frame_of(view.map(), area);
    let checked = copy(view.map(), area).and_then(|archive| {
        archive.verify()?;
        match expected {
            Some(expected) if archive.generation().0 != expected => Err(Damage::Implausible {
                what: "generation",
                found: archive.generation().0,
                expected: expected.to_string(),
            }),
            _ => Ok(()),
        }
    });
    let (state, problem) = match checked {
        Ok(()) => ("ok", None),
        Err(Damage::Empty) => ("empty", None),
        Err(damage) => ("damaged", Some(damage.to_string())),
    };
    let frame = frame.ok();
    AreaReport {
        area: area.to_string(),
        generation: frame.map(|frame| frame.generation.0),
        flags: frame.map(|frame| frame.flags),
        bytes: frame.map(|frame| frame.archive_bytes),
        state,
        problem,
        current,
    }
}

fn print(report: &Report) -> Result<(), Failure> {
    let mut output = Output::lock();
    let boot = if report.this_boot { "in this boot" } else { "in another boot" };
    output.line(&format!("file        {}", report.file))?;
    output.line(&format!("header      ok, format {}, made {} {boot}", report.format, report.created_at))?;
    let superseded = if report.superseded { ", superseded by another file" } else { "" };
    match report.generation {
        0 => output.line(&format!("generation  none published{superseded}"))?,
        generation => output.line(&format!("generation  {generation}{superseded}"))?,
    }
    output.line("")?;
    output.line(&format!("{:<14}{:>12}{:>10}{:>12}  state", "area", "generation", "flags", "bytes"))?;
    for area in &report.areas {
        let number = |number: Option<u64>| number.map_or("-".to_owned(), show::count);
        let generation = area.generation.map_or("-".to_owned(), |generation| generation.to_string());
        let mut state = area.state.to_owned();
        if let Some(problem) = &area.problem {
            state = format!("{state}: {problem}");
        }
        if area.current {
            state.push_str(" (current)");
        }
        let (flags, bytes) = (number(area.flags), number(area.bytes));
        output.line(&format!("{:<14}{generation:>12}{flags:>10}{bytes:>12}  {state}", area.area))?;
    }
    output.flush()
}
