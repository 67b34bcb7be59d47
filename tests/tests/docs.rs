//! Documents: their links lead somewhere, README.md leads to all of them, and none is too long to be read.
#![allow(clippy::unwrap_used, reason = "test code")]

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// Lines of a document for people.
const MOST_LINES: usize = 250;

/// Tables that `cargo xtask bench` writes; docs/benchmarks.md says what to take from them.
const LONGER: [&str; 1] = ["docs/benchmark-tables.md"];

fn root() -> PathBuf {
    fs::canonicalize(Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).unwrap()
}

/// All files that are not made by a build, by their paths from the root.
fn files() -> Vec<PathBuf> {
    let is_made = |name: &OsStr| {
        let name = name.to_string_lossy();
        // Caches of tools are hidden folders.
        ["target", "venv", "node_modules", "__pycache__"].contains(&&*name)
            || name.starts_with('.') && ![".github", ".ci", ".cargo", ".config"].contains(&&*name)
    };
    let mut folders = vec![PathBuf::new()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root().join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let path = folder.join(entry.file_name());
            if !entry.file_type().unwrap().is_dir() {
                found.push(path);
            } else if !is_made(&entry.file_name()) {
                folders.push(path);
            }
        }
    }
    found.sort();
    found
}

/// All `.md` files.
fn documents() -> Vec<PathBuf> {
    let found: Vec<_> =
        files().into_iter().filter(|path| path.extension() == Some(OsStr::new("md"))).collect();
    assert!(found.len() > 10, "{found:?}");
    found
}

/// Lines outside of fenced blocks.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut is_fenced = false;
    text.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        is_fenced ^= is_fence;
        !is_fenced && !is_fence
    })
}

/// Targets of `[text](target)`, outside of code.
fn links(text: &str) -> Vec<String> {
    let mut links = Vec::new();
    for line in prose(text) {
        let without_code: String = line.split('`').step_by(2).collect::<Vec<_>>().join("``");
        let targets = without_code.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        links.extend(targets.map(str::to_owned));
    }
    links
}

/// The anchors that GitHub gives to headings.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    for heading in prose(text).filter(|line| line.starts_with('#')) {
        let words = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = words.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
        let anchor: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        let again = (1..).map(|n| format!("{anchor}-{n}"));
        let free = std::iter::once(anchor.clone()).chain(again).find(|anchor| !anchors.contains(anchor));
        anchors.extend(free);
    }
    anchors
}

/// Without `.` and `..`.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => drop(normal.pop()),
            Component::Normal(name) => normal.push(name),
            _ => {}
        }
    }
    normal
}

/// Where the relative links of a document lead: the path from the root, and the anchor.
fn relative_links(document: &Path) -> Vec<(PathBuf, Option<String>)> {
    let text = fs::read_to_string(root().join(document)).unwrap();
    let relative =
        links(&text).into_iter().filter(|link| !link.contains("://") && !link.starts_with("mailto:"));
    let split = relative.map(|link| {
        let (path, anchor) =
            link.split_once('#').map_or((&*link, None), |(path, anchor)| (path, Some(anchor)));
        let target = if path.is_empty() {
            document.to_owned()
        } else {
            normal(&document.parent().unwrap_or(Path::new("")).join(path))
        };
        (target, anchor.map(str::to_owned))
    });
    split.collect()
}

#[test]
fn every_relative_link_and_anchor_leads_somewhere() {
    let mut broken = Vec::new();
    for document in documents() {
        for (target, anchor) in relative_links(&document) {
            let path = root().join(&target);
            let is_good = match &anchor {
                None => path.exists(),
                Some(anchor) => fs::read_to_string(path).is_ok_and(|text| anchors(&text).contains(anchor)),
            };
            if !is_good {
                broken.push(format!("{}: {} {anchor:?}", document.display(), target.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn the_readme_leads_to_every_document() {
    let linked: BTreeSet<PathBuf> =
        relative_links(Path::new("README.md")).into_iter().map(|(path, _)| path).collect();
    let is_reached = |document: &PathBuf| {
        linked.contains(document)
            // The page of a folder, which is shown with it.
            || document.file_name() == Some(OsStr::new("README.md")) && linked.contains(document.parent().unwrap())
            || document.starts_with(".github")
            || document == Path::new("README.md")
    };
    let missing: Vec<_> = documents().into_iter().filter(|document| !is_reached(document)).collect();
    assert!(missing.is_empty(), "no link in README.md: {missing:#?}");
}

#[test]
fn no_document_for_people_is_too_long_to_be_read() {
    let lines = |document: &PathBuf| fs::read_to_string(root().join(document)).unwrap().lines().count();
    let long = documents().into_iter().filter(|document| lines(document) > MOST_LINES);
    let long: Vec<_> =
        long.filter(|document| !LONGER.iter().any(|longer| document == Path::new(longer))).collect();
    assert!(long.is_empty(), "more than {MOST_LINES} lines: {long:#?}");
}

/// `sse/parser.rs` or `test_fork.py` in a document stands for any file whose path ends with that.
#[test]
fn every_source_file_that_a_document_names_exists() {
    let files = files();
    let mut unknown = Vec::new();
    for document in documents() {
        let text = fs::read_to_string(root().join(&document)).unwrap();
        let spans = prose(&text).flat_map(|line| line.split('`').skip(1).step_by(2));
        let named = spans.filter(|span| span.ends_with(".rs") || span.ends_with(".py"));
        for name in named.filter(|name| !name.contains([' ', '*', '{', '<'])) {
            if !files.iter().any(|file| file.ends_with(name)) {
                unknown.push(format!("{}: {name}", document.display()));
            }
        }
    }
    assert!(unknown.is_empty(), "{unknown:#?}");
}

#[test]
fn links_and_anchors_are_found_as_github_finds_them() {
    let text =
        "# A `b`: c, d\n## A b c d\n```sh\n# no heading [x](y)\n```\n[a](b.md#c) and `[x](y)` [d](e)\n";
    assert_eq!(anchors(text), ["a-b-c-d", "a-b-c-d-1"].map(str::to_owned).into());
    assert_eq!(links(text), ["b.md#c", "e"]);
}
