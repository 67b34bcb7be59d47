//! The command line of the benchmark program.

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::record::{Record, Run, Sheet};
use crate::scale::Scale;
use crate::{
    Outcome, commands, document, end_to_end, fan_out, flip, handles, keyed, machine, many, memory, opening,
    phases, plot, processes, publish, read, typed,
};

const HELP: &str = "\
Usage: flagstaff-bench [section ..] [options]

Sections: read, typed, keyed, many, handles, processes, publish, phases, flip, opening, commands, server, serve, memory;
all of them without a name.

  --skip <section>   leaves it out; may be given again
  --quick            small sizes and few rounds: shows that everything works, its figures say little
  --profile <name>   how this program was built: `fat` (lto) or `plain`; plain by default
  --record <file>    writes the records of this run
  --report <file>    measures nothing, takes the records of an earlier run; may be given twice
  --write <file>     writes the document, and plots into a folder `plots` beside it
  --wrong            publishes a wrong value on purpose: the run must fail
";

/// Measures into a sheet; files go into the folder.
type Measure = fn(&mut Sheet, &Path, &Scale) -> Outcome<()>;

/// Sections by name, with their headings in the document.
const SECTIONS: [(&str, &str, Measure); 14] = [
    ("read", read::SECTION, read::measure),
    ("typed", "Getters of every type", typed::measure),
    ("keyed", "`Key`", keyed::measure),
    ("many", "Several flags at once", many::measure),
    ("handles", "Handles", handles::measure),
    ("processes", processes::SECTION, processes::measure),
    ("publish", "Publishing", publish::measure),
    ("phases", "Publishing, phase by phase", phases::measure),
    ("flip", "First reads after a publish", flip::measure),
    ("opening", "Opening", opening::measure),
    ("commands", "Commands", commands::measure),
    ("server", "From server to reader", end_to_end::measure),
    ("serve", "Flag server", fan_out::measure),
    ("memory", "Memory", memory::measure),
];

#[derive(Debug, Default)]
struct Arguments {
    sections: Vec<String>,
    skipped: Vec<String>,
    quick: bool,
    wrong: bool,
    help: bool,
    profile: Option<String>,
    record: Option<PathBuf>,
    reports: Vec<PathBuf>,
    write: Option<PathBuf>,
}

impl Arguments {
    fn wants(&self, section: &str) -> bool {
        let named = |names: &[String]| names.iter().any(|name| name == section);
        (self.sections.is_empty() || named(&self.sections)) && !named(&self.skipped)
    }

    fn parse(words: Vec<String>) -> Outcome<Arguments> {
        let mut found = Arguments::default();
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "--quick" => found.quick = true,
                "--wrong" => found.wrong = true,
                "--help" | "-h" => found.help = true,
                "--skip" => found.skipped.push(value()?),
                "--profile" => found.profile = Some(value()?),
                "--record" => found.record = Some(value()?.into()),
                "--report" => found.reports.push(value()?.into()),
                "--write" => found.write = Some(value()?.into()),
                // What `cargo bench` adds.
                "--bench" => {}
                name if SECTIONS.iter().any(|(section, ..)| *section == name) => found.sections.push(word),
                _ => return Err(format!("there is no section or option `{word}`\n\n{HELP}").into()),
            }
        }
        Ok(found)
    }
}

/// Runs the program; `words` are its arguments without its name.
///
/// # Errors
/// Wrong use, something cannot be measured, or an answer was wrong.
pub fn main(words: impl Iterator<Item = OsString>) -> Outcome<()> {
    let words: Result<Vec<String>, _> = words.map(OsString::into_string).collect();
    let words = words.map_err(|word| format!("`{}` is no text", word.display()))?;
    if let Some((role, rest)) = words.split_first()
        && let Some(done) = play(role, rest)
    {
        return done;
    }
    let arguments = Arguments::parse(words)?;
    let mut out = std::io::stdout();
    if arguments.help {
        return Ok(write!(out, "{HELP}")?);
    }
    let runs = if arguments.reports.is_empty() {
        vec![measure(&arguments)?]
    } else {
        arguments.reports.iter().map(|path| Run::load(path)).collect::<Outcome<Vec<_>>>()?
    };
    if let (Some(path), [run]) = (&arguments.record, &runs[..]) {
        run.save(path)?;
    }
    let text = document::text(&runs);
    match &arguments.write {
        Some(path) => write_document(path, &text, &runs),
        // Who keeps the records makes the document of them.
        None if arguments.record.is_some() => Ok(()),
        None => Ok(writeln!(out, "{text}")?),
    }
}

/// Other processes of a benchmark are this program too. `None` if the word is no role.
fn play(role: &str, rest: &[String]) -> Option<Outcome<()>> {
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    Some(match (role, &rest[..]) {
        (memory::READER, [path, count]) => memory::reader(path.as_ref(), count),
        (memory::PUBLISHER, [path]) => memory::publisher(path.as_ref()),
        (end_to_end::PUBLISHER, [path, url]) => end_to_end::publisher(path.as_ref(), url),
        (fan_out::SERVER, []) => fan_out::server(),
        (end_to_end::READER, [path]) => end_to_end::reader(path.as_ref()),
        (processes::reader::ROLE, [kind, folder, count, phase]) => {
            processes::reader::main(kind, folder.as_ref(), count, phase)
        }
        _ => return None,
    })
}

fn measure(arguments: &Arguments) -> Outcome<Run> {
    let mut scale = if arguments.quick { Scale::quick() } else { Scale::full() };
    scale.is_wrong = arguments.wrong;
    let folder = tempfile::tempdir()?;
    let profile = arguments.profile.clone().unwrap_or_else(|| "plain".to_owned());
    let mut run = Run { profile, records: machine::describe() };
    if arguments.quick {
        let text = "QUICK form: it shows that everything works, its figures say little".to_owned();
        run.records.push(Record::Machine { text });
    }
    let mut log = std::io::stderr();
    for (name, title, measure) in SECTIONS {
        if !arguments.wants(name) {
            continue;
        }
        let start = Instant::now();
        let folder = tempfile::tempdir_in(folder.path())?;
        let mut sheet = Sheet::new(title);
        measure(&mut sheet, folder.path(), &scale).map_err(|error| format!("{name}: {error}"))?;
        run.records.extend(sheet.records);
        writeln!(log, "{title}: {:.1} s", start.elapsed().as_secs_f64())?;
    }
    Ok(run)
}

fn write_document(path: &Path, text: &str, runs: &[Run]) -> Outcome<()> {
    fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    let mut in_order: Vec<&Run> = runs.iter().collect();
    in_order.sort_by_key(|run| run.profile != "fat");
    plot::draw(&path.with_file_name("plots"), &in_order)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_and_sections_are_told_apart() {
        let words = ["read", "--quick", "--write", "x.md", "--bench"].map(str::to_owned).to_vec();
        let found = Arguments::parse(words).unwrap();
        assert_eq!(
            (found.sections, found.quick, found.write),
            (vec!["read".to_owned()], true, Some("x.md".into()))
        );
        assert!(Arguments::parse(vec!["--write".to_owned()]).is_err());
        assert!(Arguments::parse(vec!["raed".to_owned()]).unwrap_err().to_string().contains("`raed`"));
    }
}
