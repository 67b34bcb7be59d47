//! The state of publisher, link and the file at the path, and its transitions.

use flagstaff_format::FileId;
use flagstaff_reader::{Reader, Status};

use crate::facts::{path_name, publisher_name};
use crate::style::Look;

/// The state at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) publisher: &'static str,
    pub(crate) link: &'static str,
    path: &'static str,
    file: Option<FileId>,
}

/// One change of the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Transition {
    /// `publisher`, `link` or `file`.
    pub(crate) event: &'static str,
    pub(crate) old: &'static str,
    pub(crate) state: &'static str,
}

impl State {
    pub(crate) fn of(reader: &Reader, status: &Status) -> State {
        State {
            publisher: publisher_name(status.publisher),
            link: status.link.name(),
            path: path_name(status.path),
            file: FileId::at(reader.path()),
        }
    }

    /// Takes the present state, and returns what has changed.
    pub(crate) fn update(&mut self, mut now: State) -> Vec<Transition> {
        // Each retry is a connection that is being made: no news until its result is known.
        if now.link == "connecting" && ["retrying", "refused"].contains(&self.link) {
            now.link = self.link;
        }
        let mut transitions = Vec::new();
        let mut note = |event, old: &'static str, state: &'static str| {
            if old != state {
                transitions.push(Transition { event, old, state });
            }
        };
        note("file", self.path, now.path);
        if self.path == now.path && self.file.is_some() && now.file.is_some() && self.file != now.file {
            note("file", self.path, "superseded");
        }
        note("publisher", self.publisher, now.publisher);
        note("link", self.link, now.link);
        *self = now;
        transitions
    }
}

impl Transition {
    /// For a person.
    pub(crate) fn text(&self) -> String {
        match (self.event, self.state) {
            ("file", "superseded") => "file superseded by another".to_owned(),
            ("file", "same") => "file exists again".to_owned(),
            ("file", "missing") => "file is gone; readers keep the last flags".to_owned(),
            ("file", "stuck") => "file replaced by one that is not followed".to_owned(),
            (event, state) => format!("{event} {state}"),
        }
    }

    pub(crate) fn look(&self) -> Look {
        match self.state {
            "alive" | "open" | "same" => Look::Good,
            "gone" | "refused" | "retrying" | "missing" | "stuck" => Look::Bad,
            _ => Look::Warning,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: State = State { publisher: "alive", link: "open", path: "same", file: None };

    fn transitions(state: &mut State, now: State) -> Vec<String> {
        state.update(now).iter().map(Transition::text).collect()
    }

    #[test]
    fn retries_without_success_are_no_news() {
        let mut state = GOOD;
        assert_eq!(transitions(&mut state, State { link: "retrying", ..GOOD }), ["link retrying"]);
        assert!(transitions(&mut state, State { link: "connecting", ..GOOD }).is_empty());
        assert!(transitions(&mut state, State { link: "retrying", ..GOOD }).is_empty());
        assert_eq!(transitions(&mut state, State { link: "refused", ..GOOD }), ["link refused"]);
        assert!(transitions(&mut state, State { link: "connecting", ..GOOD }).is_empty());
        assert_eq!(transitions(&mut state, GOOD), ["link open"]);
        assert_eq!(transitions(&mut state, State { link: "connecting", ..GOOD }), ["link connecting"]);
    }

    #[test]
    fn every_transition_is_reported_once() {
        let mut state = GOOD;
        let gone = State { publisher: "gone", path: "missing", ..GOOD };
        let said = transitions(&mut state, gone);
        assert_eq!(said, ["file is gone; readers keep the last flags", "publisher gone"]);
        assert!(transitions(&mut state, gone).is_empty());
    }

    #[test]
    fn another_file_at_the_path_is_told_from_the_same_one() {
        let folder = tempfile::tempdir().unwrap();
        let [a, b] = ["a", "b"].map(|name| {
            let path = folder.path().join(name);
            std::fs::write(&path, name).unwrap();
            FileId::at(&path)
        });
        let mut state = State { file: a, ..GOOD };
        assert!(transitions(&mut state, State { file: a, ..GOOD }).is_empty());
        assert_eq!(transitions(&mut state, State { file: b, ..GOOD }), ["file superseded by another"]);
    }
}
