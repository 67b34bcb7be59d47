//! `cargo bench -p vexil-benches`: every figure that this project states, as Markdown on stdout.

use std::error::Error;
use std::io::Write;
use std::path::Path;

use vexil_benches::{Figure, end_to_end, machine, memory, opening, publish, read};

type Measure = fn(&Path) -> Result<Vec<Figure>, Box<dyn Error>>;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let mut out = std::io::stdout().lock();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [memory::READER, path, count] => {
            return Ok(writeln!(out, "{}", memory::reader(path.as_ref(), count.parse()?)?)?);
        }
        [memory::PUBLISHER, path] => {
            drop(out);
            return memory::publisher(path.as_ref());
        }
        [end_to_end::PUBLISHER, path, url] => return end_to_end::publisher(path.as_ref(), url),
        [end_to_end::READER, path] => {
            drop(out);
            return end_to_end::reader(path.as_ref());
        }
        _ => {}
    }
    drop(out);
    let (mut only, mut write) = (None, None);
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--write" => write = Some(args.next().ok_or("--write needs a path")?),
            _ => only = Some(arg.to_lowercase()),
        }
    }
    let report = measure(only.as_deref())?;
    if let Some(path) = write {
        std::fs::write(path, report)?;
    }
    Ok(())
}

const INTRODUCTION: &str = "# Measured figures

Made by `cargo xtask bench -- --write \"$PWD/docs/benchmarks.md\"`. Every ratio is between two things that were measured in \
turn in the same run; times are medians. `at most` is the figure that this project set itself.
";

fn measure(only: Option<&str>) -> Result<String, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let parts: [(&str, Measure); 5] = [
        ("Reading, one thread", read::figures),
        ("Opening", |folder| opening::figures(folder, env!("CARGO_BIN_EXE_vexil-open-once").as_ref())),
        ("Publishing", publish::figures),
        ("From server to reader", end_to_end::figures),
        ("Memory", memory::figures),
    ];
    let mut report = format!("{INTRODUCTION}\n{}", machine::describe());
    let mut out = std::io::stdout().lock();
    writeln!(out, "{report}")?;
    for (name, measure) in parts {
        if only.is_some_and(|only| !name.to_lowercase().contains(only)) {
            continue;
        }
        let mut part = format!("\n## {name}\n\n| what | value | unit | at most | |\n|---|---|---|---|---|\n");
        for figure in measure(folder.path())? {
            part.push_str(&figure.row());
            part.push('\n');
        }
        write!(out, "{part}")?;
        report.push_str(&part);
    }
    Ok(report)
}
