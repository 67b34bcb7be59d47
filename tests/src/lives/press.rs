//! A publisher that does what it is told, line by line on stdin.

#![allow(clippy::unwrap_used, reason = "a role that cannot play fails its test")]

use std::io::BufRead as _;
use std::path::Path;

use flagstaff_publisher::sse::ApiKey;
use flagstaff_publisher::{Identity, Outcome, Publisher, PublisherOptions};
use flagstaff_torture::role::say;

use super::flags::Content;
use super::race::Progress;
use crate::place::KEY;

/// A publisher of that source, or of none. Says `ready <generation>`, then the outcome of each `publish <content> ..`: of several, the last one's.
///
/// # Panics
/// If it is told something else.
pub fn press(path: &Path, source: &str) {
    let mut options = PublisherOptions::default();
    if !source.is_empty() {
        options = options.identity(Identity::of(source, &ApiKey::new(KEY).unwrap()));
    }
    let mut publisher = match Publisher::open(path, &options) {
        Ok(publisher) => publisher,
        Err(error) => return say(&format!("failed {error}")),
    };
    let progress = Progress::create(path).unwrap();
    say(&format!("ready {}", publisher.generation()));
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        let mut last = String::new();
        for word in line.strip_prefix("publish ").unwrap().split(' ') {
            let content = Content::parse(word);
            // One that is refused is no content.
            let payload = content.map_or_else(|| word.to_owned(), Content::json);
            if let Some(content) = content {
                progress.begins(content).unwrap();
            }
            last = match publisher.publish(&payload) {
                Ok(Outcome::Published { generation, .. }) => format!("published {generation}"),
                Ok(_) => format!("published {}", publisher.generation()),
                Err(error) => format!("refused {error}"),
            };
            if let Some(content) = content.filter(|_| last.starts_with("published")) {
                progress.is_done(content).unwrap();
            }
        }
        say(&last);
    }
    let closed = publisher.close();
    say(&format!("closed {}", closed.is_ok()));
}
