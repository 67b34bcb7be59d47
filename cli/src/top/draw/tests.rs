//! The screen as text, at several sizes.

use std::time::SystemTime;

use flagstaff_format::FailureKind;
use flagstaff_publisher::{Publisher, PublisherOptions};
use flagstaff_reader::Reader;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::draw;
use crate::host::{Attached, Process};
use crate::style::Paint;
use crate::top::app::{App, Next};
use crate::top::attached::{Row, Table};

/// A file with a publisher, and a screen on it.
struct Scene {
    _folder: tempfile::TempDir,
    publisher: Publisher,
    reader: Reader,
    app: App,
}

impl Scene {
    fn with(flags: &str) -> Scene {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("flags.flagstaff");
        let mut publisher = Publisher::open(&path, &PublisherOptions::default()).unwrap();
        publisher.publish(flags).unwrap();
        let reader = Reader::open(&path).unwrap();
        let app = App::new(&reader, Paint::Plain);
        Scene { _folder: folder, publisher, reader, app }
    }

    fn publish(&mut self, flags: &str) {
        self.publisher.publish(flags).unwrap();
        self.app.refresh(&self.reader);
    }

    fn press(&mut self, code: KeyCode) -> Next {
        self.app.key(KeyEvent::new(code, KeyModifiers::NONE))
    }

    fn type_in(&mut self, text: &str) {
        for letter in text.chars() {
            assert_eq!(self.press(KeyCode::Char(letter)), Next::GoOn, "{text}");
        }
    }

    /// Draws, and returns the lines of the screen.
    fn screen(&mut self, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(frame, &mut self.app)).unwrap();
        let buffer = terminal.backend().buffer().clone();
        let rows = buffer.content().chunks(usize::from(width));
        let rows =
            rows.map(|row| row.iter().map(|cell| cell.symbol()).collect::<String>().trim_end().to_owned());
        rows.collect::<Vec<_>>().join("\n")
    }
}

fn many(count: usize) -> String {
    let flags: Vec<_> = (0..count).map(|i| format!("\"flag-{i:03}\":{i}")).collect();
    format!("{{{}}}", flags.join(","))
}

fn row(pid: u32, attached: Attached, command: &str) -> Row {
    let process = Process {
        pid,
        uid: Some(33),
        user: Some("www-data".to_owned()),
        command: command.to_owned(),
        uptime: Some(7300.0),
        rss_bytes: 50 << 20,
        cpu_seconds: 1.0,
    };
    Row { attached, process, cpu_percent: Some(12.34) }
}

#[test]
fn all_parts_are_on_a_screen_of_80_by_24() {
    let mut scene = Scene::with(r#"{"checkout":true,"limit":50}"#);
    scene.publish(r#"{"checkout":false,"limit":50}"#);
    scene.app.table = Some(Table {
        rows: vec![
            row(41, Attached::Publisher, "flagstaff run"),
            row(42, Attached::Reader, "gunicorn: worker"),
            row(43, Attached::Old, "gunicorn: idle"),
        ],
        not_inspected: 7,
    });
    let screen = scene.screen(80, 24);
    for text in [
        "may be stale: the link to the source is idle",
        "generation 2, ",
        "2 flags (1 bool, 1 number)",
        "publisher alive",
        &format!("pid {}", std::process::id()),
        "link idle",
        "FLAGS 2, by key",
        "checkout",
        "limit",
        "checkout: true -> false",
        "PROCESSES 3 have the file mapped; 7 could not be inspected (no permission)",
        "42       reader    www-data   2h    50.0 MiB  12.3   gunicorn: worker",
        "43       old file",
        "q quit",
    ] {
        assert!(screen.contains(text), "{text:?} in\n{screen}");
    }
    assert_eq!(screen.lines().count(), 24);
}

#[test]
fn a_long_key_is_shortened_in_its_middle_wherever_it_is_listed() {
    let key = format!("{}end", "long-".repeat(20));
    let mut scene = Scene::with(&format!("{{\"{key}\":1}}"));
    scene.publish(&format!("{{\"{key}\":2}}"));
    let screen = scene.screen(80, 24);
    assert!(screen.lines().any(|line| line.starts_with("long-") && line.contains("..")), "{screen}");
    assert!(screen.contains("end: 1 -> 2") && screen.contains(" 1 in 40 s"), "{screen}");
}

#[test]
fn a_small_screen_has_one_part_at_a_time() {
    let mut scene = Scene::with(r#"{"checkout":true}"#);
    let screen = scene.screen(40, 12);
    for text in ["flags.flagstaff", "gen 1, 1 flags", "pub alive, link idle", "checkout", "Tab more"] {
        assert!(screen.contains(text), "{text:?} in\n{screen}");
    }
    scene.press(KeyCode::Tab);
    assert!(scene.screen(40, 12).contains("CHANGES none since the start"));
    scene.press(KeyCode::Tab);
    assert!(scene.screen(40, 12).contains("PROCESSES being looked for"));
    scene.press(KeyCode::Tab);
    assert!(scene.screen(40, 12).contains("FLAGS 1"));
    // Nothing to see, but nothing breaks either.
    for (width, height) in [(1, 1), (5, 3), (200, 2), (72, 20), (300, 100)] {
        scene.screen(width, height);
    }
}

#[test]
fn the_last_error_is_in_the_head_with_its_age_and_takes_no_room_before_there_is_one() {
    let mut scene = Scene::with(r#"{"checkout":true}"#);
    assert!(!scene.screen(80, 24).contains("last error"));
    scene.publisher.set_failure(FailureKind::HttpStatus(403));
    scene.app.refresh(&scene.reader);
    for (width, height) in [(80, 24), (60, 12)] {
        let screen = scene.screen(width, height);
        let line = screen.lines().find(|line| line.starts_with("last error")).unwrap();
        assert!(line.starts_with("last error 403 from the service, ") && line.ends_with(" ago"), "{screen}");
    }
}

#[test]
fn a_filter_lists_keys_that_contain_it_and_escape_lists_all_again() {
    let mut scene = Scene::with(r#"{"Checkout":true,"limit":50,"other":null}"#);
    scene.press(KeyCode::Char('/'));
    scene.type_in("chq");
    scene.press(KeyCode::Backspace);
    let screen = scene.screen(80, 24);
    assert!(screen.contains("/ch_") && screen.contains("Checkout") && !screen.contains("limit"), "{screen}");
    scene.press(KeyCode::Enter);
    let screen = scene.screen(80, 24);
    assert!(screen.contains("FLAGS 1 containing \"ch\""), "{screen}");
    assert_eq!(scene.press(KeyCode::Esc), Next::GoOn);
    assert!(scene.screen(80, 24).contains("FLAGS 3,"));
    assert_eq!(scene.press(KeyCode::Esc), Next::Quit);
}

#[test]
fn flags_are_sorted_by_key_or_by_last_change() {
    let mut scene = Scene::with(r#"{"a":1,"b":1,"c":1}"#);
    scene.publish(r#"{"a":1,"b":1,"c":2}"#);
    let order = |scene: &mut Scene| {
        (0..3).map(|line| scene.app.flags.key(line).unwrap().to_owned()).collect::<String>()
    };
    assert_eq!(order(&mut scene), "abc");
    scene.press(KeyCode::Char('s'));
    assert_eq!(order(&mut scene), "cab");
    std::thread::sleep(std::time::Duration::from_millis(2));
    scene.publish(r#"{"a":1,"b":2,"c":2}"#);
    assert_eq!(order(&mut scene), "bca");
    scene.press(KeyCode::Char('s'));
    assert_eq!(order(&mut scene), "abc");
}

#[test]
fn the_list_scrolls_and_the_selected_flag_stays_selected_when_others_come() {
    let mut scene = Scene::with(&many(100));
    scene.screen(80, 24);
    scene.press(KeyCode::End);
    let screen = scene.screen(80, 24);
    assert!(screen.contains("flag-099") && !screen.contains("flag-000"), "{screen}");
    scene.press(KeyCode::Char('k'));
    assert_eq!(scene.app.selected(), Some("flag-098"));
    let more = many(100).replace('{', "{\"aaa\":1,");
    scene.publish(&more);
    assert_eq!(scene.app.selected(), Some("flag-098"));
    scene.publish("{}");
    assert_eq!(scene.app.selected(), None);
    assert_eq!(scene.press(KeyCode::Enter), Next::GoOn);
    scene.screen(80, 24);
}

#[test]
fn enter_shows_a_value_whole() {
    let long: String = (0..400).map(|i| format!("<{i}>")).collect();
    let mut scene = Scene::with(&format!(r#"{{"text":"{long}"}}"#));
    assert!(!scene.screen(80, 24).contains("<90>"));
    scene.press(KeyCode::Enter);
    let screen = scene.screen(80, 24);
    assert!(screen.contains("<90>") && screen.contains("string") && screen.contains("Esc back"), "{screen}");
    scene.press(KeyCode::End);
    assert!(scene.screen(80, 24).contains("<399>\""));
    scene.press(KeyCode::Esc);
    assert!(scene.screen(80, 24).contains("FLAGS 1"));
}

#[test]
fn a_payload_in_which_everything_is_new_does_not_flood_the_list_of_changes() {
    let mut scene = Scene::with("{}");
    scene.publish(&many(1000));
    assert_eq!(scene.app.changes.len(), 101);
    assert_eq!(scene.app.changes[0].new.as_deref(), Some("and 900 more flags changed"));
    let at = SystemTime::now();
    let same = scene.app.flags.snapshot().clone();
    scene.app.update(&same, at);
    assert_eq!(scene.app.changes.len(), 101);
}

#[test]
fn nothing_of_a_flag_is_taken_for_a_command_by_the_terminal() {
    let mut scene = Scene::with(r#"{"a\u001b[2J":"b\u0007\u009b31m"}"#);
    scene.press(KeyCode::Enter);
    for screen in [scene.screen(80, 24), {
        scene.press(KeyCode::Esc);
        scene.screen(80, 24)
    }] {
        assert!(!screen.chars().any(|c| c.is_control() && c != '\n'), "{screen:?}");
    }
}
