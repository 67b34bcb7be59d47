//! The shell blocks of a document, and what it says that they print.

#![allow(clippy::expect_used, clippy::panic, reason = "a test without its document cannot go on")]

use std::fs;
use std::path::Path;

/// A `sh` block, and the `text` block right behind it, which is what it prints.
#[derive(Debug, Default)]
pub struct Step {
    /// The heading above it.
    pub heading: String,
    /// What is pasted.
    pub script: String,
    /// Lines that it prints, see [`matches`](fn@matches).
    pub expected: Vec<String>,
    /// Of the `<!-- command: NAME -->` before it.
    pub name: Option<String>,
}

/// All blocks of a document, whose path is given from the root of the repository.
///
/// # Panics
/// If there is no such document, or it has a block that cannot be pasted.
pub fn steps_of(document: &str) -> Vec<Step> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(document);
    steps(&fs::read_to_string(path).expect(document))
}

fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let (mut heading, mut name) = (String::new(), None);
    let mut lines = text.lines();
    // Whether nothing but a fence stands between a `sh` block and what comes now.
    let mut is_behind_step = false;
    while let Some(line) = lines.next() {
        if let Some(rest) = line.strip_prefix("<!-- command: ") {
            name = Some(rest.trim_end_matches(" -->").to_owned());
            continue;
        }
        let Some(language) = line.strip_prefix("```") else {
            is_behind_step = false;
            if let Some((level, rest)) = line.split_once(' ')
                && level.starts_with('#')
            {
                rest.clone_into(&mut heading);
            }
            continue;
        };
        let block: Vec<String> =
            lines.by_ref().take_while(|line| *line != "```").map(str::to_owned).collect();
        match language {
            "sh" => steps.push(Step {
                heading: heading.clone(),
                script: block.join("\n") + "\n",
                name: name.take(),
                ..Step::default()
            }),
            "text" if is_behind_step => steps.last_mut().expect("a step before").expected = block,
            "console" => panic!("what is to be pasted is marked `sh`, without prompts: {block:?}"),
            _ => {}
        }
        is_behind_step = language == "sh";
    }
    steps
}

/// `..` alone stands for any lines, in a line for any text.
pub fn matches(expected: &[String], found: &[String]) -> bool {
    let Some((line, rest)) = expected.split_first() else { return found.is_empty() };
    if line == ".." {
        return (0..=found.len()).any(|skipped| matches(rest, &found[skipped..]));
    }
    found.split_first().is_some_and(|(first, others)| is_like(line, first) && matches(rest, others))
}

fn is_like(line: &str, found: &str) -> bool {
    let Some((start, rest)) = line.split_once("..") else { return line == found };
    found.strip_prefix(start).is_some_and(|found| {
        let ends = found.char_indices().map(|(at, _)| at).chain([found.len()]);
        ends.into_iter().any(|at| is_like(rest, &found[at..]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expected_output_that_differs_is_noticed() {
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        assert!(matches(&lines("a\n..\nd"), &lines("a\nb\nc\nd")));
        assert!(matches(&lines("generation 3: .."), &lines("generation 3: 1 flags")));
        assert!(matches(&lines("a .. c .."), &lines("a b c d")));
        assert!(!matches(&lines("a .. c"), &lines("a b c d")));
        assert!(!matches(&lines("a"), &lines("a\nb")));
        assert!(!matches(&lines("a\nb"), &lines("a")));
        assert!(!matches(&lines("a\n..\nd"), &lines("a\nb")));
    }

    #[test]
    fn a_block_belongs_to_the_heading_above_it_and_to_the_output_right_behind_it() {
        let steps =
            steps("# A\n## B `c`\n```sh\n# x\n```\n```text\n1\n```\n```sh\ny\n```\nno\n```text\n2\n```\n");
        let found: Vec<_> =
            steps.iter().map(|step| (&*step.heading, &*step.script, step.expected.join("\n"))).collect();
        assert_eq!(found, [("B `c`", "# x\n", "1".to_owned()), ("B `c`", "y\n", String::new())]);
    }
}
