//! `cargo bench -p vexil-benches`: every figure that this project states, as Markdown on stdout.

use std::error::Error;
use std::io::Write;
use std::path::Path;

use vexil_benches::{Figure, end_to_end, memory, opening, publish, read};

type Measure = fn(&Path) -> Result<Vec<Figure>, Box<dyn Error>>;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let mut out = std::io::stdout().lock();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [opening::ROLE, path, key] => return Ok(writeln!(out, "{}", opening::child(path.as_ref(), key)?)?),
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
    let folder = tempfile::tempdir()?;
    let parts: [(&str, Measure); 5] = [
        ("Reading, one thread", read::figures),
        ("Opening", opening::figures),
        ("Publishing", publish::figures),
        ("From server to reader", end_to_end::figures),
        ("Memory", memory::figures),
    ];
    for (name, measure) in parts {
        if args.first().is_some_and(|only| !name.to_lowercase().contains(&only.to_lowercase())) {
            continue;
        }
        writeln!(out, "\n## {name}\n\n| what | value | unit | at most | |\n|---|---|---|---|---|")?;
        for figure in measure(folder.path())? {
            writeln!(out, "{}", figure.row())?;
        }
    }
    Ok(())
}
