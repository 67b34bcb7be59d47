//! `vexil status`: file, publisher and link.

use std::time::{Duration, SystemTime};

use clap::Args;
use serde::Serialize;
use vexil_format::layout;
use vexil_reader::{PathState, PublisherState, Reader};

use crate::failure::Failure;
use crate::output::{self, Output};
use crate::place::Place;
use crate::show;

const EXAMPLES: &str = "\
Examples:
  vexil status --file /run/flags.vexil
  vexil status --check                  for a health check: exit code 1 if flags may be stale
  vexil status --max-age 60             exit code 1 if the service was last heard of more than a minute ago
  vexil status --json | jq .publisher";

/// Print the state of the snapshot file, of its publisher and of the link to the service
///
/// Ages come from a clock that neither jumps nor stops in suspend.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Status {
    /// Exit code 1 if flags may be stale: no publisher, no open link, or a cold cache
    #[arg(long)]
    check: bool,

    /// Exit code 1 if the publisher last heard from its source longer ago than this, or if that is not known
    #[arg(long, value_name = "SECONDS", value_parser = show::parse_seconds)]
    max_age: Option<Duration>,

    /// Print one JSON object
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    place: Place,
}

/// What is known, for machines. Ages in seconds; null is unknown.
#[derive(Debug, Serialize)]
struct Facts {
    file: String,
    format: u32,
    generation: u64,
    durable_generation: u64,
    flags: u64,
    archive_bytes: u64,
    published_at: Option<String>,
    published_age: Option<f64>,
    link: &'static str,
    link_age: Option<f64>,
    contact_age: Option<f64>,
    publisher: &'static str,
    publisher_uptime: Option<f64>,
    cold: bool,
    stale: bool,
    path: &'static str,
}

impl Status {
    pub(crate) fn answer(self) -> Result<(), Failure> {
        let reader = self.place.open()?;
        let status = reader.status();
        // A cold cache was not filled by the contact that the file remembers.
        let contact_age = status.contact_age.filter(|_| !status.is_cold);
        if self.json {
            output::json(&facts(&reader, &status, contact_age))?;
        } else {
            print(&reader, &status, contact_age)?;
        }
        if status.generation.0 == 0 {
            return Err(Failure::NothingPublished { path: reader.path().to_owned() });
        }
        if self.check && status.is_stale() {
            return Err(Failure::Stale(why_stale(&status)));
        }
        match (self.max_age, contact_age) {
            (Some(_), None) => Err(Failure::Stale("last contact with the source is not known".to_owned())),
            (Some(most), Some(age)) if age > most => Err(Failure::Stale(format!(
                "last contact with the source was {} ago, expected at most {}",
                show::span(age),
                show::span(most)
            ))),
            _ => Ok(()),
        }
    }
}

fn facts(reader: &Reader, status: &vexil_reader::Status, contact_age: Option<Duration>) -> Facts {
    let seconds = |age: Option<Duration>| age.map(|age| age.as_secs_f64());
    Facts {
        file: reader.path().display().to_string(),
        format: layout::VERSION,
        generation: status.generation.0,
        durable_generation: status.durable.0,
        flags: status.flags,
        archive_bytes: status.archive_bytes,
        published_at: status.published_at.map(show::time),
        published_age: seconds(published_age(status)),
        link: status.link.name(),
        link_age: seconds(status.link_age),
        contact_age: seconds(contact_age),
        publisher: publisher_name(status.publisher),
        publisher_uptime: seconds(status.publisher_uptime),
        cold: status.is_cold,
        stale: status.is_stale(),
        path: path_name(status.path),
    }
}

fn print(
    reader: &Reader,
    status: &vexil_reader::Status,
    contact_age: Option<Duration>,
) -> Result<(), Failure> {
    let ago = |age: Option<Duration>| match age {
        Some(age) => format!("{} ago", show::span(age)),
        None => "not known".to_owned(),
    };
    let since = |age: Option<Duration>| match age {
        Some(age) => format!(" for {}", show::span(age)),
        None => String::new(),
    };
    let published = match status.published_at {
        Some(at) => format!("{}, {}", show::time(at), ago(published_age(status))),
        None => "never".to_owned(),
    };
    let state =
        if status.is_stale() { format!("may be stale: {}", why_stale(status)) } else { "fresh".to_owned() };
    let mut output = Output::lock();
    for (name, value) in [
        ("file", reader.path().display().to_string()),
        ("path", path_sentence(status.path).to_owned()),
        ("state", state),
        ("generation", format!("{}, on disk {}", status.generation, status.durable)),
        ("flags", format!("{}, archive {}", show::count(status.flags), show::bytes(status.archive_bytes))),
        ("published", published),
        ("publisher", format!("{}{}", publisher_name(status.publisher), since(status.publisher_uptime))),
        ("link", format!("{}{}", status.link, since(status.link_age))),
        ("last contact", ago(contact_age)),
    ] {
        output.line(&format!("{name:<13} {value}"))?;
    }
    output.flush()
}

fn published_age(status: &vexil_reader::Status) -> Option<Duration> {
    SystemTime::now().duration_since(status.published_at?).ok()
}

fn why_stale(status: &vexil_reader::Status) -> String {
    let mut why = Vec::new();
    if status.is_cold {
        why.push("answers come from a cold cache".to_owned());
    }
    match status.publisher {
        PublisherState::Alive if status.link.name() == "open" => {}
        PublisherState::Alive => why.push(format!("the link to the source is {}", status.link)),
        state => why.push(format!("the publisher is {}", publisher_name(state))),
    }
    why.join(", ")
}

fn publisher_name(state: PublisherState) -> &'static str {
    match state {
        PublisherState::Alive => "alive",
        PublisherState::Stopped => "stopped",
        PublisherState::Gone => "gone",
        _ => "unknown",
    }
}

fn path_name(state: PathState) -> &'static str {
    match state {
        PathState::Same => "same",
        PathState::Missing => "missing",
        PathState::Stuck => "stuck",
        _ => "unknown",
    }
}

fn path_sentence(state: PathState) -> &'static str {
    match state {
        PathState::Same => "leads to this file",
        PathState::Missing => "leads nowhere any more",
        PathState::Stuck => "leads to another file that is not followed",
        _ => "not known",
    }
}
