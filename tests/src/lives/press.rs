//! A publisher that does what it is told, line by line on stdin.

#![allow(clippy::unwrap_used, reason = "a role that cannot play fails its test")]

use std::io::BufRead as _;
use std::path::Path;

use vexil_publisher::{Options, Outcome, Publisher};
use vexil_torture::role::say;

use super::flags::Content;

/// Says `ready <generation>`, then the outcome of each `publish <content> ..`: of several, the last one's.
///
/// # Panics
/// If it is told something else.
pub fn press(path: &Path) {
    let mut publisher = match Publisher::open(path, &Options::default()) {
        Ok(publisher) => publisher,
        Err(error) => return say(&format!("failed {error}")),
    };
    say(&format!("ready {}", publisher.generation()));
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        let mut last = String::new();
        for word in line.strip_prefix("publish ").unwrap().split(' ') {
            let payload = match Content::parse(word) {
                Some(content) => content.json(),
                // One that is refused.
                None => word.to_owned(),
            };
            last = match publisher.publish(&payload) {
                Ok(Outcome::Published { generation, .. }) => format!("published {generation}"),
                Ok(_) => format!("published {}", publisher.generation()),
                Err(error) => format!("refused {error}"),
            };
        }
        say(&last);
    }
    let closed = publisher.close();
    say(&format!("closed {}", closed.is_ok()));
}
