//! Which file of a crate imports from which other one, and the circles among them.

use std::collections::{BTreeMap, BTreeSet};

use crate::scan::{Path, Source, scan};

/// The files of one crate by their path below `src`.
pub(crate) type Files = BTreeMap<String, String>;

/// The modules of one crate that stand in files.
struct Crate {
    /// From the names of a module to its file.
    modules: BTreeMap<Vec<String>, String>,
    sources: BTreeMap<Vec<String>, Source>,
}

/// Lines that tie one file to another, as `file:line: path`, by both.
type Arrows = BTreeMap<(String, String), Vec<String>>;

/// Files that import from each other, and the lines that tie them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Circle {
    pub(crate) files: BTreeSet<String>,
    pub(crate) lines: Vec<String>,
}

/// All circles of a package: of its library and of each of its programs.
pub(crate) fn circles(files: &Files) -> Vec<Circle> {
    let is_root = |file: &str| {
        file == "lib.rs" || file == "main.rs" || (file.starts_with("bin/") && file.matches('/').count() == 1)
    };
    files.keys().filter(|file| is_root(file)).flat_map(|root| circles_below(files, root)).collect()
}

fn circles_below(files: &Files, root: &str) -> Vec<Circle> {
    let arrows = Crate::read(files, root).arrows();
    let mut next: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (from, to) in arrows.keys() {
        next.entry(from).or_default().insert(to);
    }
    let reached: BTreeMap<&str, BTreeSet<&str>> =
        next.keys().map(|from| (*from, reachable(&next, from))).collect();
    let is_reached = |from: &str, to: &str| reached.get(from).is_some_and(|found| found.contains(to));
    let mut circles: Vec<Circle> = Vec::new();
    for file in next.keys().filter(|file| is_reached(file, file)) {
        if circles.iter().any(|circle| circle.files.contains(*file)) {
            continue;
        }
        let mutual = next.keys().filter(|other| is_reached(file, other) && is_reached(other, file));
        let files: BTreeSet<String> = mutual.map(|file| (*file).to_owned()).collect();
        let inner = arrows.iter().filter(|((from, to), _)| files.contains(from) && files.contains(to));
        let lines = inner
            .flat_map(|((_, to), lines)| lines.iter().map(move |line| format!("{line} -> {to}")))
            .collect();
        circles.push(Circle { files, lines });
    }
    circles
}

/// All that is reached from a file by at least one arrow.
fn reachable<'a>(next: &BTreeMap<&str, BTreeSet<&'a str>>, from: &str) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&str> = next.get(from).into_iter().flatten().copied().collect();
    while let Some(file) = open.pop() {
        if found.insert(file) {
            open.extend(next.get(file).into_iter().flatten().copied());
        }
    }
    found
}

impl Crate {
    /// Follows the module declarations from the root on.
    fn read(files: &Files, root: &str) -> Crate {
        let mut found = Crate { modules: BTreeMap::new(), sources: BTreeMap::new() };
        let top = root.rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut open = vec![(Vec::new(), root.to_owned(), top.to_owned())];
        while let Some((module, file, folder)) = open.pop() {
            let source = scan(&files[&file]);
            for child in &source.children {
                let below = if folder.is_empty() { child.clone() } else { format!("{folder}/{child}") };
                let candidates = [format!("{below}.rs"), format!("{below}/mod.rs")];
                if let Some(file) = candidates.into_iter().find(|file| files.contains_key(file)) {
                    let names: Vec<String> = module.iter().chain([child]).cloned().collect();
                    open.push((names, file, below));
                }
            }
            found.modules.insert(module.clone(), file);
            found.sources.insert(module, source);
        }
        found
    }

    fn arrows(&self) -> Arrows {
        let mut arrows = Arrows::new();
        for (module, source) in &self.sources {
            let mut add = |path: &Path, is_forwarded: bool| {
                let Some(target) = self.resolve(module, path, 0) else { return };
                let is_below = target.starts_with(module);
                if target == *module || (is_forwarded && is_below) {
                    return;
                }
                let (from, to) = (self.modules[module].clone(), self.modules[&target].clone());
                let line = format!("{from}:{}: {}", path.line, path.names.join("::"));
                let lines = arrows.entry((from, to)).or_default();
                if !lines.contains(&line) {
                    lines.push(line);
                }
            };
            for import in &source.imports {
                // What a module hands on from its children and does not use itself ties it to nothing.
                add(&import.path, import.is_public && !source.names.contains(&import.name));
            }
            for path in &source.paths {
                add(path, false);
            }
        }
        arrows
    }

    /// The module that has what a path names; `None` if it is of another crate.
    fn resolve(&self, module: &[String], path: &Path, depth: usize) -> Option<Vec<String>> {
        let mut names = path.names.as_slice();
        let here: Vec<String> = module.iter().chain(&path.inside).cloned().collect();
        let mut start = match names.first()?.as_str() {
            "crate" => Vec::new(),
            "self" | "super" => here,
            _ => {
                let is_child =
                    path.inside.is_empty() && self.sources[module].children.contains(names.first()?);
                return if is_child { self.descend(module.to_vec(), names, depth) } else { None };
            }
        };
        while let Some(first @ ("crate" | "self" | "super")) = names.first().map(String::as_str) {
            if first == "super" {
                start.pop();
            }
            names = &names[1..];
        }
        // Inline modules are part of their file.
        let all: Vec<String> = start.iter().chain(names).cloned().collect();
        let file = (0..=start.len()).rev().find(|len| self.modules.contains_key(&start[..*len]))?;
        self.descend(start[..file].to_vec(), &all[file..], depth)
    }

    /// Follows names from a module on: to its children, and through what it imports, also from other crates.
    fn descend(&self, module: Vec<String>, names: &[String], depth: usize) -> Option<Vec<String>> {
        let Some(name) = names.first() else { return Some(module) };
        let child: Vec<String> = module.iter().chain([name]).cloned().collect();
        if self.modules.contains_key(&child) {
            return self.descend(child, &names[1..], depth);
        }
        let source = &self.sources[&module];
        // Imports that lead to each other in a ring do not compile, so the depth is for broken input alone.
        if depth < 16 && !source.items.contains(name) {
            for import in &source.imports {
                let is_glob = import.name == "*";
                if import.name != *name && !is_glob {
                    continue;
                }
                if !is_glob {
                    let mut further = import.path.clone();
                    further.names.extend_from_slice(&names[1..]);
                    return self.resolve(&module, &further, depth + 1);
                }
                if let Some(target) = self.resolve(&module, &import.path, depth + 1)
                    && self.has(&target, name)
                {
                    return self.descend(target, names, depth + 1);
                }
            }
        }
        Some(module)
    }

    fn has(&self, module: &[String], name: &String) -> bool {
        let source = &self.sources[module];
        source.items.contains(name)
            || source.children.contains(name)
            || source.imports.iter().any(|import| import.name == *name)
    }
}
