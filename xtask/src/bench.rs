//! `cargo xtask bench`: the benchmarks, with rivals beside us, in both builds; one document of both.

use std::path::PathBuf;
use std::process::Command;

use crate::browser::{self, Browser};
use crate::python;
use crate::step::{Failures, Steps};
use crate::workspace::{BINARY, build_command, cargo, root, target_directory};

/// What cargo calls the profile, and what the benchmark program calls it.
const BUILDS: [(&str, &str); 2] = [("release", "plain"), ("dist", "fat")];

pub(crate) fn run(arguments: &[String]) -> Result<(), Failures> {
    let mut steps = Steps::default();
    let request = Request::of(arguments);
    if request.is_one_build {
        steps.run("benchmarks", program("release").args(arguments));
        return steps.finish();
    }
    let folder = target_directory();
    let mut reports = Vec::new();
    if request.has_python() {
        let record = folder.join("bench-python.jsonl");
        if !python::is_here() {
            println!("\n== Python benchmarks: LEFT OUT, {}", python::NEEDED);
        } else if python::bench(&mut steps, &record) {
            reports.push(record);
        } else {
            return steps.finish();
        }
    }
    if request.has_python() && !request.is_python_alone() {
        let record = folder.join("bench-page.jsonl");
        match Browser::find() {
            Err(missing) => println!("\n== benchmark of the page: LEFT OUT, {missing}"),
            Ok(browser) => {
                let Some(command) = build_command(&mut steps, "dist") else { return steps.finish() };
                if !browser::bench(&mut steps, &browser, &command, &record) {
                    return steps.finish();
                }
                reports.push(record);
            }
        }
    }
    for (profile, name) in BUILDS.into_iter().filter(|_| !request.is_python_alone()) {
        let record = folder.join(format!("bench-{name}.jsonl"));
        let Some(binary) = build_command(&mut steps, profile) else { return steps.finish() };
        let mut command = program(profile);
        command
            .env(BINARY, binary)
            .args(["--profile", name, "--record"])
            .arg(&record)
            .args(&request.sections);
        if request.sections.is_empty() && name == "plain" {
            // Of what ships alone, for it takes as long as all others together.
            command.args(["--skip", "processes"]);
        }
        if !steps.run(&format!("benchmarks, {name}"), &mut command) {
            return steps.finish();
        }
        reports.push(record);
    }
    let mut command = program("release");
    for report in reports {
        command.arg("--report").arg(report);
    }
    if let Some(path) = request.write {
        command.arg("--write").arg(path);
    }
    steps.run("document", &mut command);
    steps.finish()
}

fn program(profile: &str) -> Command {
    cargo(&["bench", "--package", "flagstaff-benches", "--locked", "--profile", profile, "--"])
}

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
struct Request {
    /// To see that everything works one build is enough, and the other one takes minutes to build.
    is_one_build: bool,
    /// Sections and options for the program that measures.
    sections: Vec<String>,
    /// Where the document goes; to the terminal if nowhere.
    write: Option<PathBuf>,
}

impl Request {
    /// The part that another program measures.
    const PYTHON: &str = "python";

    fn has_python(&self) -> bool {
        self.sections.is_empty() || self.is_python_alone()
    }

    fn is_python_alone(&self) -> bool {
        self.sections == [Request::PYTHON]
    }

    fn of(arguments: &[String]) -> Request {
        let (mut sections, mut write) = (Vec::new(), None);
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            match (word.as_str(), words.as_slice().first()) {
                ("--write", Some(path)) => {
                    write = Some(PathBuf::from(path));
                    words.next();
                }
                _ => sections.push(word.clone()),
            }
        }
        if sections.is_empty() {
            write = write.or_else(|| Some(root().join("docs/benchmark-tables.md")));
        }
        Request {
            is_one_build: sections.iter().any(|word| ["--quick", "--help", "-h"].contains(&word.as_str())),
            sections,
            write,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(words: &[&str]) -> Request {
        Request::of(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn a_whole_run_goes_into_the_document_and_a_part_only_where_it_is_told_to() {
        assert!(request(&[]).write.unwrap().ends_with("docs/benchmark-tables.md"));
        assert_eq!(request(&["read"]).write, None);
        let asked = request(&["read", "--write", "/x.md"]);
        assert_eq!((asked.sections, asked.write), (vec!["read".to_owned()], Some("/x.md".into())));
        assert!(request(&["--quick"]).is_one_build);
        assert!(request(&[]).has_python() && !request(&["read"]).has_python());
        assert!(request(&["python"]).is_python_alone());
    }
}
