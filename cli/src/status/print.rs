//! The state for people, as lines of a name and a value.

use crate::facts::{Facts, LastError};
use crate::failure::Failure;
use crate::host::Process;
use crate::output::Output;
use crate::show;
use crate::style::{Look, Paint};

/// Characters of a command line that are shown.
const COMMAND_CHARS: usize = 100;

/// Digits of a hash that are shown: enough to tell two of them apart.
const HASH_CHARS: usize = 16;

pub(super) fn print(facts: &Facts, paint: Paint) -> Result<(), Failure> {
    let mut output = Output::lock();
    for (name, value) in lines(facts, paint) {
        let look = if name.is_empty() { Look::Plain } else { Look::Strong };
        let name = paint.text(look, &format!("{name:<13}"));
        output.line(&format!("{name} {value}"))?;
    }
    output.flush()
}

fn lines(facts: &Facts, paint: Paint) -> Vec<(&'static str, String)> {
    let dim = |text: &str| paint.text(Look::Dim, text);
    let mut lines = vec![
        ("state", state(facts, paint)),
        ("file", format!("{}{}", facts.file, dim(&sizes(facts)))),
        (
            "path",
            paint.text(if facts.path == "same" { Look::Plain } else { Look::Bad }, path_sentence(facts.path)),
        ),
        ("generation", format!("{}, on disk {}", facts.generation, facts.durable_generation)),
        ("flags", format!("{}{}", show::count(facts.flags), dim(&types(facts)))),
        ("archive", format!("{}{}", show::bytes(facts.archive_bytes), dim(&written(facts)))),
        ("published", published(facts, paint)),
        ("publisher", publisher(facts, paint)),
    ];
    if let Some(process) = &facts.publisher_facts.publisher_process {
        lines.push(("", identity_of(process)));
        lines.push(("", dim(&show::shortened(&process.command, COMMAND_CHARS))));
    }
    if let Some(note) = &facts.publisher_facts.publisher_note {
        lines.push(("", paint.text(Look::Warning, note)));
    }
    if !facts.publisher_facts.publishers_waiting.is_empty() {
        let pids: Vec<_> = facts.publisher_facts.publishers_waiting.iter().map(u32::to_string).collect();
        lines.push(("standing by", format!("pid {}", pids.join(", "))));
    }
    lines.push(("source", source(facts)));
    lines.push(("link", paint.text(link_look(facts.link), &for_how_long(facts.link, facts.link_age))));
    lines.push(("last contact", show::ago(facts.contact_age)));
    if let Some(behind) = &facts.behind {
        lines.push(("behind", paint.text(Look::Bad, &behind.lasting())));
    }
    if let Some(rollback) = &facts.rollback {
        lines.push(("rolled back", paint.text(Look::Warning, &rollback.sentence())));
    }
    for (at, one) in facts.overrides.iter().enumerate() {
        let name = if at == 0 { "overridden" } else { "" };
        lines.push((name, paint.text(Look::Warning, &one.sentence())));
    }
    let error = facts.last_error.as_ref();
    lines.push(("last error", error.map_or_else(|| "none".to_owned(), LastError::sentence)));
    if let (Some(_), Some(process)) = (error, &facts.publisher_facts.publisher_process) {
        lines.push(("", dim(&format!("the whole message is in the log of pid {}", process.pid))));
    }
    for problem in &facts.problems {
        lines.push(("problem", paint.text(Look::Bad, problem.text)));
        lines.push(("", problem.meaning.to_owned()));
        lines.push(("", problem.advice.to_owned()));
    }
    lines
}

fn state(facts: &Facts, paint: Paint) -> String {
    match facts.problems.first() {
        Some(problem) if facts.stale => paint.text(Look::Bad, &format!("may be stale: {}", problem.text)),
        _ => paint.text(Look::Good, "fresh"),
    }
}

fn sizes(facts: &Facts) -> String {
    match (facts.file_facts.file_bytes, facts.file_facts.file_allocated_bytes) {
        (Some(bytes), Some(allocated)) => {
            format!(", {} on disk, {} long", show::bytes(allocated), show::bytes(bytes))
        }
        _ => String::new(),
    }
}

/// How much of it was written lately.
fn written(facts: &Facts) -> String {
    let (publish, checkpoint) = (facts.last_publish_bytes, facts.last_checkpoint_bytes);
    format!(
        ", {} stored by the last publish, {} by the last checkpoint",
        show::bytes(publish),
        show::bytes(checkpoint)
    )
}

fn types(facts: &Facts) -> String {
    let some = facts.flag_types.each().into_iter().filter(|(count, _)| *count > 0);
    let some: Vec<_> = some.map(|(count, name)| format!("{} {name}", show::count(count))).collect();
    if some.is_empty() { String::new() } else { format!(": {}", some.join(", ")) }
}

fn published(facts: &Facts, paint: Paint) -> String {
    match &facts.published_at {
        Some(at) => {
            format!("{}{}", show::ago(facts.published_age), paint.text(Look::Dim, &format!(", {at}")))
        }
        None => "never".to_owned(),
    }
}

fn publisher(facts: &Facts, paint: Paint) -> String {
    let look = if facts.publisher == "alive" { Look::Good } else { Look::Bad };
    paint.text(look, &for_how_long(facts.publisher, facts.publisher_uptime))
}

fn identity_of(process: &Process) -> String {
    let user = process.user.as_deref().map(|user| format!(", user {user}")).unwrap_or_default();
    format!("pid {}{user}, {} resident", process.pid, show::bytes(process.rss_bytes))
}

fn source(facts: &Facts) -> String {
    let file = &facts.file_facts;
    let hash = file.identity.as_deref().map(|hash| &hash[..HASH_CHARS.min(hash.len())]);
    let known = match file.identity_matches {
        Some(true) => ", that of the API key and base URL given here",
        Some(false) => ", not that of the API key and base URL given here",
        None => "",
    };
    match (file.source, hash) {
        (Some("service"), Some(hash)) => format!("a service; hash of base URL and API key {hash}..{known}"),
        (Some(_), _) => "no service: published from a file or by hand".to_owned(),
        (None, _) => "not known".to_owned(),
    }
}

pub(crate) fn link_look(link: &str) -> Look {
    match link {
        "open" => Look::Good,
        "refused" | "retrying" => Look::Bad,
        _ => Look::Warning,
    }
}

fn for_how_long(state: &str, age: Option<f64>) -> String {
    match age.and_then(show::seconds) {
        Some(age) => format!("{state} for {}", show::words(age)),
        None => state.to_owned(),
    }
}

fn path_sentence(state: &str) -> &'static str {
    match state {
        "same" => "leads to this file",
        "missing" => "does not exist any more",
        "stuck" => "leads to another file that is not followed",
        _ => "not known",
    }
}
