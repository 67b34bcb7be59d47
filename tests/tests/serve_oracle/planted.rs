//! That the oracle can fail: a server that loses an edit, and each way in which what was seen of a real run could be wrong.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::judge::judge;
use crate::record::{Asked, Entry, Outcome, Record, Wanted};
use crate::shrink;
use crate::step::{Action, Actor, Step, Style, What, list};
use crate::world::World;

#[test]
fn a_lost_edit_by_hand_is_found_and_shrinks_to_that_edit() {
    let mut steps = list(7, 1);
    steps.retain(|step| matches!(step.actor, Actor::Client(_)));
    steps.truncate(4);
    let lost = Action::Edit { style: Style::Rename, what: What::Add, spoiled: true };
    let actor = Actor::Editor(0);
    steps.push(Step { place: 900, burst: 0, actor, environment: 0, pause: Duration::ZERO, action: lost });
    let found = shrink::run(&steps).unwrap_err();
    assert!(found.what.contains("the edit by hand of step 900 has vanished"), "{found:?}");
    let (fewer, found) = shrink::shrink(steps, found, Instant::now() + Duration::from_secs(120));
    assert_eq!(fewer.iter().map(|step| step.place).collect::<Vec<_>>(), [900], "{found:?}");
    assert!(found.what.contains("the edit by hand of step 900 has vanished"), "{found:?}");
}

/// A step by an actor of a burst.
fn step(place: usize, burst: usize, actor: Actor, action: Action) -> Step {
    Step { place, burst, actor, environment: 0, pause: Duration::from_millis(1), action }
}

/// One of everything, so that each mutant finds what it changes.
fn steps() -> Vec<Step> {
    let client = Actor::Client(0);
    let write = |key: &str, guarded| Action::Write { keys: vec![(key.to_owned(), true)], guarded };
    let edit = |style| Action::Edit { style, what: What::Add, spoiled: false };
    vec![
        step(0, 0, client, write("a", false)),
        step(1, 0, client, write("b", false)),
        step(2, 0, client, write("a", true)),
        step(3, 1, Actor::Editor(0), edit(Style::Backup)),
        step(4, 2, client, Action::Undo { back: 1, force: false }),
        step(5, 2, client, Action::Read("b".to_owned())),
        step(6, 2, client, Action::Listen),
        step(7, 2, client, write("c", false)),
    ]
}

fn asked(record: &mut Record, place: usize) -> &mut Asked {
    record.asked.iter_mut().find(|asked| asked.place == place).unwrap()
}

fn refused(status: u16, code: &str, body: Value) -> Outcome {
    Outcome::Refused { status, code: code.to_owned(), body }
}

/// One more request like that of a step, which was refused.
fn refuse(record: &mut Record, place: usize, outcome: Outcome) {
    let twin = asked(record, place).clone();
    record.asked.push(Asked { place: place + 100, outcome, ..twin });
}

/// The whole record as if a flag had never been.
fn without_flag(record: &mut Record, key: &str) {
    for entry in &mut record.log {
        entry.changes.remove(key);
    }
    record.history.clone_from(&record.log);
    let streams = record.streams.iter_mut().flatten().map(|event| &mut event.1);
    streams.chain([&mut record.file, &mut record.served]).for_each(|state| drop(state.remove(key)));
}

/// What is wrong, how, and what the judge says.
type Mutant = (&'static str, fn(&mut Record), &'static str);

const MUTANTS: [Mutant; 17] = [
    (
        "an accepted change is not in the history",
        |record| drop(record.log.remove(1)),
        "the history goes on with",
    ),
    (
        "the history has two changes in the other order",
        |record| {
            record.log.swap(0, 1);
            (record.log[0].revision, record.log[1].revision) = (1, 2);
        },
        "was accepted as revision",
    ),
    (
        "a change begins with another value",
        |record| {
            record.log[2].changes.get_mut("a").unwrap().0 = Some(json!("other"));
        },
        "a gap before revision 3",
    ),
    ("an edit by hand was never seen", |record| without_flag(record, "hand-3"), "has vanished"),
    ("the file lacks a change", |record| drop(record.file.remove("b")), "the file is not what"),
    (
        "the server answers something else than its history",
        |record| drop(record.served.remove("b")),
        "what is served is not what",
    ),
    (
        "a stream does not hear of the newest",
        |record| drop(record.streams[0].pop()),
        "a stream ends with revision",
    ),
    (
        "a stream goes back",
        |record| {
            let again = record.streams[0][0].clone();
            record.streams[0].push(again);
        },
        "a stream has revision",
    ),
    (
        "a stream has other flags",
        |record| {
            record.streams[1].last_mut().unwrap().1.insert("b".to_owned(), json!("other"));
        },
        "a stream has other flags",
    ),
    (
        "a stream leaves its first flags out",
        |record| {
            record.streams[1].last_mut().unwrap().1.remove("shared-0");
        },
        "a stream has other flags",
    ),
    (
        "a guarded change goes over another value",
        |record| asked(record, 2).seen = Some(Some(json!("other"))),
        "although its flag was another",
    ),
    (
        "a change is refused for a value that is there",
        |record| {
            let seen = asked(record, 2).seen.clone();
            let body = json!({"revision": 2, "current": seen});
            refuse(record, 2, refused(412, "precondition_failed", body));
        },
        "without a reason",
    ),
    (
        "a conflict is reported that there is not",
        |record| {
            refuse(record, 7, refused(409, "file_unusable", json!({})));
        },
        "without a reason",
    ),
    (
        "a refused change is made",
        |record| asked(record, 7).outcome = refused(412, "precondition_failed", json!({"revision": 0})),
        "nobody made",
    ),
    (
        "two are told that they made the same change",
        |record| {
            let twin = asked(record, 7).clone();
            record.asked.push(Asked { place: 70, ..twin });
        },
        "were both told",
    ),
    (
        "a reader gets a value that is over",
        |record| asked(record, 5).outcome = Outcome::Read(Some(json!("old"))),
        "read what is not there",
    ),
    (
        "an answered change is older than one before",
        |record| {
            let before = asked(record, 0).sent.checked_sub(Duration::from_secs(1)).unwrap();
            let last = asked(record, 7);
            (last.sent, last.done) = (before, before);
        },
        "had been answered",
    ),
];

#[test]
fn each_way_in_which_a_run_could_be_wrong_is_noticed() {
    let mut world = World::new();
    world.run(&steps(), Instant::now() + Duration::from_secs(600)).unwrap();
    let good = &world.records()[0];
    judge(good).unwrap();
    assert!(good.log.iter().any(|entry: &Entry| entry.by == "undo"), "{good:?}");
    assert!(good.asked.iter().any(|asked| matches!(asked.wanted, Wanted::Read(_))), "{good:?}");
    for (name, mutant, expected) in MUTANTS {
        let mut wrong = good.clone();
        mutant(&mut wrong);
        let said = judge(&wrong).expect_err(name);
        assert!(said.contains(expected), "{name}: {said}");
    }
}

#[test]
fn a_change_that_was_accepted_before_a_kill_and_is_not_in_the_file_is_noticed() {
    let mut world = World::new();
    world.run(&steps(), Instant::now() + Duration::from_secs(600)).unwrap();
    let mut killed = world.records()[0].clone();
    killed.killed_in = Some(2);
    judge(&killed).unwrap();
    // The page had not heard of the last one.
    killed.log.pop();
    judge(&killed).unwrap();
    killed.file.remove("c");
    let said = judge(&killed).unwrap_err();
    assert!(said.contains("after the kill c is None"), "{said}");
}

#[test]
fn an_edit_that_is_neither_in_the_file_nor_beside_it_after_a_kill_is_noticed() {
    let mut world = World::new();
    world.run(&steps(), Instant::now() + Duration::from_secs(600)).unwrap();
    // The server was killed before it had seen the edit.
    let mut killed = world.records()[0].clone();
    killed.killed_in = Some(1);
    killed.log.truncate(3);
    killed.asked.retain(|asked| !matches!(asked.wanted, Wanted::Undo { .. }));
    judge(&killed).unwrap();
    killed.file.remove("hand-3");
    let said = judge(&killed).unwrap_err();
    assert!(said.contains("the edit by hand of step 3 has vanished"), "{said}");
    killed.beside.push(json!({"hand-3": killed.edited[0].value}).to_string());
    judge(&killed).unwrap();
    killed.edited[0].written_over = Some("{\"broken".to_owned());
    let said = judge(&killed).unwrap_err();
    assert!(said.contains("the broken edit of step 3 has vanished"), "{said}");
    killed.beside.push("{\"broken".to_owned());
    judge(&killed).unwrap();
}
