//! Problems: what is wrong, what that means, and what to do about it.

use flagstaff_reader::{FailureKind, LinkState, PathState, PublisherState, Status};
use serde::Serialize;

/// One problem. The code is stable, the texts may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Problem {
    pub(crate) code: &'static str,
    /// A few words, for a list.
    pub(crate) text: &'static str,
    pub(crate) meaning: &'static str,
    pub(crate) advice: &'static str,
}

/// Those that make flags stale come first.
pub(crate) fn problems(status: &Status) -> Vec<Problem> {
    let mut all = stale(status);
    match status.path {
        PathState::Missing => all.push(PATH_MISSING),
        PathState::Stuck => all.push(PATH_STUCK),
        _ => {}
    }
    if status.generation.0 == 0 {
        all.push(NOTHING_PUBLISHED);
    }
    all
}

/// Why flags may be out of date: empty if and only if [`Status::is_stale`] says that they are not.
fn stale(status: &Status) -> Vec<Problem> {
    let mut all = Vec::new();
    if status.is_cold {
        all.push(COLD);
    }
    if let Some(behind) = &status.behind {
        all.push(if behind.kind == FailureKind::Held { HELD } else { BEHIND });
    }
    match (status.publisher, status.link) {
        (PublisherState::Alive, LinkState::Open) => {}
        (PublisherState::Alive, LinkState::Refused) => all.push(LINK_REFUSED),
        (PublisherState::Alive, LinkState::Retrying) => all.push(LINK_RETRYING),
        (PublisherState::Alive, LinkState::Connecting) => all.push(LINK_CONNECTING),
        (PublisherState::Alive, _) => all.push(LINK_IDLE),
        (PublisherState::Stopped, _) => all.push(PUBLISHER_STOPPED),
        _ => all.push(PUBLISHER_GONE),
    }
    all
}

/// One line, for an error.
pub(crate) fn why_stale(status: &Status) -> String {
    stale(status).iter().map(|problem| problem.text).collect::<Vec<_>>().join(", ")
}

const COLD: Problem = Problem {
    code: "cold",
    text: "flags come from a cold cache",
    meaning: "no publisher has confirmed these flags in this boot, or the current snapshot was damaged",
    advice: "start a publisher, or wait for its first contact",
};
const BEHIND: Problem = Problem {
    code: "behind",
    text: "readers do not see the newest flags of the source",
    meaning: "they could not be written to the file, which is retried every few seconds, or they were refused; the last error says which",
    advice: "make space for the file, or correct the flags at the source. The publisher's log has the error",
};
const HELD: Problem = Problem {
    code: "held",
    text: "the newest flags of the source are held by the guard",
    meaning: "they would remove most flags or change their types, so readers keep the last good ones",
    advice: "look with `flagstaff accept --show`; publish them with `flagstaff accept`, or correct the source",
};
const PUBLISHER_STOPPED: Problem = Problem {
    code: "publisher_stopped",
    text: "the publisher is stopped",
    meaning: "it ended cleanly, or none has started yet; readers keep the last flags",
    advice: "start one with `flagstaff run`",
};
const PUBLISHER_GONE: Problem = Problem {
    code: "publisher_gone",
    text: "the publisher is gone",
    meaning: "it was killed, or is stopped or starved; readers keep the last flags",
    advice: "look at the log of `flagstaff run` and start it again",
};
const LINK_REFUSED: Problem = Problem {
    code: "link_refused",
    text: "the link to the source is refused",
    meaning: "the service refuses (401, 403, 404 or 204); it is retried about once a minute",
    advice: "check API key and base URL; a key file is read again at every try. The publisher's log has the response",
};
const LINK_RETRYING: Problem = Problem {
    code: "link_retrying",
    text: "the link to the source is retrying",
    meaning: "the source cannot be reached, or its flags were refused; it is retried within half a minute",
    advice: "check the network, the service and, for a file, its JSON. The publisher's log has the error",
};
const LINK_CONNECTING: Problem = Problem {
    code: "link_connecting",
    text: "the link to the source is connecting",
    meaning: "a connection is being made",
    advice: "wait; if it lasts, check the network and the base URL",
};
const LINK_IDLE: Problem = Problem {
    code: "link_idle",
    text: "the link to the source is idle",
    meaning: "the publisher has no source, or has not tried it yet",
    advice: "nothing to do if flags are published by hand",
};
const PATH_MISSING: Problem = Problem {
    code: "path_missing",
    text: "there is no file at the path any more",
    meaning: "the file was removed; readers that have it open keep its flags",
    advice: "a running publisher makes a new one within a second; else start one",
};
const PATH_STUCK: Problem = Problem {
    code: "path_stuck",
    text: "the path leads to another file, which this reader does not follow",
    meaning: "that file is older, not readable, or not a snapshot",
    advice: "check it with `flagstaff verify`",
};
const NOTHING_PUBLISHED: Problem = Problem {
    code: "nothing_published",
    text: "nothing has been published yet",
    meaning: "every flag has its default value",
    advice: "wait for the first contact with the source, or use `flagstaff publish`",
};
