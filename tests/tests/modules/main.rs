//! Files of a crate do not import from each other in circles: each can be read, and changed, upon those below it.
//!
//! Paths in the text count (`use crate::a::b`, `super::b`, `child::b`), each led to the file that has what it names, through what
//! other files hand on. A module that only declares its children and hands on what they have ties nothing.

#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

mod graph;
mod scan;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use graph::{Circle, Files, circles};

/// Every package of this workspace with code of its own.
const PACKAGES: [&str; 12] = [
    "benches",
    "cli",
    "client",
    "format",
    "fuzz",
    "publisher",
    "python",
    "reader",
    "server",
    "tests",
    "torture",
    "xtask",
];

fn read(folder: &Path, below: &str, files: &mut Files) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let name = if below.is_empty() { name.to_owned() } else { format!("{below}/{name}") };
        if path.is_dir() {
            read(&path, &name, files);
        } else if name.ends_with(".rs") {
            files.insert(name, fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn no_file_of_a_crate_imports_from_another_one_that_imports_from_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut report = String::new();
    for package in PACKAGES {
        let mut files = Files::new();
        read(&root.join(package).join("src"), "", &mut files);
        for Circle { files, lines } in circles(&files) {
            let (names, lines) = (files.into_iter().collect::<Vec<_>>().join(", "), lines.join("\n  "));
            report.push_str(&format!("\n{package}/src: {names}\n  {lines}\n"));
        }
    }
    assert!(report.is_empty(), "files that import from each other:\n{report}");
}

/// The circles of an invented crate, as sets of files.
fn circles_of(files: &[(&str, &str)]) -> Vec<Vec<String>> {
    let files: Files = files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    circles(&files).into_iter().map(|circle| circle.files.into_iter().collect()).collect()
}

const NONE: Vec<Vec<String>> = Vec::new();

#[test]
fn two_files_that_import_from_each_other_are_a_circle_and_its_lines_are_told() {
    let files = [
        ("lib.rs", "mod a;\nmod b;\nmod c;\n"),
        ("a.rs", "use crate::c::C;\n\nuse crate::b::{B, Other};\npub struct A(B);"),
        ("b.rs", "pub struct B;\nfn f() { super::a::g(); }"),
        ("c.rs", "pub struct C;"),
    ];
    let files: Files = files.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
    let found = circles(&files);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].files, BTreeSet::from(["a.rs".to_owned(), "b.rs".to_owned()]));
    let lines =
        ["a.rs:3: crate::b::B -> b.rs", "a.rs:3: crate::b::Other -> b.rs", "b.rs:2: super::a::g -> a.rs"];
    assert_eq!(found[0].lines, lines);
}

#[test]
fn a_circle_is_found_over_several_files_and_through_what_a_module_hands_on() {
    let files = [
        ("main.rs", "mod a; mod folder;"),
        ("a.rs", "use crate::folder::Deep;"),
        ("folder/mod.rs", "mod deep; mod side; pub(crate) use deep::Inner as Deep;"),
        ("folder/deep.rs", "use super::side; pub(crate) struct Inner;"),
        ("folder/side.rs", "pub(crate) fn f() { crate::a::x() }"),
    ];
    assert_eq!(circles_of(&files), [["a.rs", "folder/deep.rs", "folder/side.rs"]]);
    // All names of a module at once, the name of a module, an inline module.
    let files = [
        ("lib.rs", "mod a; mod b; mod c; pub use a::*;"),
        ("a.rs", "use crate::b; pub struct A; pub mod inline { use super::super::c::C; }"),
        ("b.rs", "use crate::A;"),
        ("c.rs", "use crate::a::inline::X; pub struct C;"),
    ];
    assert_eq!(circles_of(&files), [["a.rs", "b.rs", "c.rs"]]);
}

#[test]
fn a_module_that_uses_its_child_which_uses_it_is_a_circle() {
    let child = ("a/child.rs", "use super::helper; pub fn f() { helper() }");
    let uses = ("a/mod.rs", "mod child; pub use child::f; fn helper() {} fn g() { f() }");
    assert_eq!(circles_of(&[("lib.rs", "mod a;"), uses, child]), [["a/child.rs", "a/mod.rs"]]);
    let hands_on = ("a/mod.rs", "mod child; pub use child::f; fn helper() {}");
    assert_eq!(circles_of(&[("lib.rs", "mod a;"), hands_on, child]), NONE);
    let by_path = ("a.rs", "mod child; fn helper() {} fn g() { child::f() }");
    assert_eq!(circles_of(&[("lib.rs", "mod a;"), by_path, child]), [["a.rs", "a/child.rs"]]);
}

#[test]
fn comments_strings_tests_and_other_crates_make_no_circle() {
    let a = r##"
        //! [`crate::b::B`]
        /* crate::b /* nested */ crate::b::B */
        use std::b::B;
        const TEXT: &str = "crate::b::B \" crate::b"; const RAW: &[u8] = br#"crate::b::B" crate::b"#;
        fn f<'b>(c: char) -> bool { c == '"' || c == '\'' || c == 'b' }
        #[cfg(test)]
        #[path = "tests.rs"]
        mod tests;
        #[cfg(test)]
        use crate::b::B;
        #[cfg(test)]
        mod more { use crate::b::B; fn g() { crate::b::h() } }
        pub struct A;
    "##;
    let b = "use crate::a::A; use r#type::a; pub struct B;";
    assert_eq!(circles_of(&[("lib.rs", "mod a; mod b;"), ("a.rs", a), ("b.rs", b)]), NONE);
    // What stands behind all that is seen.
    let seen = format!("{a} fn late() {{ crate::b::h() }}");
    assert_eq!(circles_of(&[("lib.rs", "mod a; mod b;"), ("a.rs", &seen), ("b.rs", b)]), [["a.rs", "b.rs"]]);
}

#[test]
fn a_name_that_comes_through_another_file_ties_to_where_it_is_from() {
    let files = [
        ("lib.rs", "mod a; mod b; mod c;"),
        // `super` has them from `c` and from another crate, so that nothing leads back to `a`.
        ("a/mod.rs", "mod child; use crate::c::C; pub use other::D; fn f() { child::g() }"),
        ("a/child.rs", "use super::{C, D}; pub fn g() {}"),
        ("b.rs", "use crate::a;"),
        ("c.rs", "pub struct C;"),
    ];
    let without_b: Vec<_> = files.iter().copied().filter(|(name, _)| *name != "b.rs").collect();
    assert_eq!(circles_of(&without_b), NONE);
    assert_eq!(circles_of(&files), NONE);
}
