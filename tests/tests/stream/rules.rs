//! The rules as they are written down, each with its cases.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

/// Cases that run at the same time. They wait far more than they work.
const AT_A_TIME: usize = 6;

/// The rules of a section of docs/stream.md.
fn rules(section: &str) -> Vec<&'static str> {
    let text = include_str!("../../../docs/stream.md");
    let start = text.find(&format!("\n## {section}\n")).unwrap();
    let lines = text[start..].lines().skip(2).take_while(|line| !line.starts_with("## "));
    lines.filter_map(|line| line.strip_prefix("- ")).collect()
}

/// No rule without a case, and no case without a rule.
#[track_caller]
pub(crate) fn all_are_shown(section: &str, shown: &[&str]) {
    let rules = rules(section);
    assert!(!rules.is_empty());
    let missing: Vec<_> = rules.iter().filter(|rule| !shown.contains(rule)).collect();
    let unknown: Vec<_> = shown.iter().filter(|rule| !rules.contains(rule)).collect();
    assert!(missing.is_empty() && unknown.is_empty(), "no case: {missing:#?}; no rule: {unknown:#?}");
}

/// Runs a case of each rule, several at a time, and says which failed.
#[track_caller]
pub(crate) fn each<T: Sync>(cases: &[T], name: impl Fn(&T) -> &str + Sync, run: impl Fn(&T) + Sync) {
    let (next, failed) = (Mutex::new(cases.iter()), Mutex::new(Vec::new()));
    let take = || next.lock().unwrap().next();
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some(case) = take() {
                    if catch_unwind(AssertUnwindSafe(|| run(case))).is_err() {
                        failed.lock().unwrap().push(name(case).to_owned());
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{} of {} failed: {failed:#?}", failed.len(), cases.len());
}

#[test]
#[should_panic(expected = "no case: [\n    \"A request has")]
fn a_rule_without_a_case_is_a_failure() {
    let mut shown = rules("Connection");
    shown.remove(0);
    all_are_shown("Connection", &shown);
}

#[test]
#[should_panic(expected = "no rule: [\n    \"made up")]
fn a_case_without_a_rule_is_a_failure() {
    let mut shown = rules("Parsing");
    shown.push("made up");
    all_are_shown("Parsing", &shown);
}
