//! The state of the live screen, and what keys do to it. Independent of the terminal.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use flagstaff_reader::{Reader, Snapshot};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::attached::{Table, Usage};
use super::cursor::{Cursor, Step};
use super::flags::{Flags, Sort};
use super::publishes::Publishes;
use crate::differences::between;
use crate::facts::Facts;
use crate::screen::Bars;
use crate::show;
use crate::style::{Look, Paint};
use crate::watch::State;

/// Changes that are kept.
const MOST_CHANGES: usize = 500;

/// Changes of one generation that are kept, so that a completely new payload does not drop all others.
const MOST_AT_ONCE: usize = 100;

/// The part that keys act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Browse,
    /// Letters go into the filter.
    Filter,
    /// One value is shown in full.
    Detail,
}

/// The part that a small screen shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pane {
    Flags,
    Changes,
    Processes,
}

/// What to do after a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    GoOn,
    Quit,
}

/// A change of a flag, or of publisher, link or file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) at: SystemTime,
    pub(crate) generation: u64,
    /// Key of a flag; empty if it is about publisher, link or file.
    pub(crate) key: String,
    pub(crate) old: Option<String>,
    pub(crate) new: Option<String>,
    pub(crate) look: Look,
}

#[derive(Debug)]
pub(crate) struct App {
    pub(crate) facts: Facts,
    pub(crate) flags: Flags,
    pub(crate) changes: VecDeque<Change>,
    /// `None` before the first look at the host.
    pub(crate) table: Option<Table>,
    pub(crate) publisher_cpu: Option<f64>,
    pub(crate) publishes: Publishes,
    pub(crate) paint: Paint,
    pub(crate) bars: Bars,
    pub(crate) mode: Mode,
    pub(crate) pane: Pane,
    pub(crate) cursor: Cursor,
    /// First line of the value that is shown in full.
    pub(crate) detail_line: u16,
    /// Lines of flags that were last drawn.
    pub(crate) page: usize,
    state: State,
    usage: Usage,
}

impl App {
    pub(crate) fn new(reader: &Reader, paint: Paint) -> App {
        let status = reader.status();
        let mut app = App {
            facts: Facts::of(reader, &status, None),
            flags: Flags::of(reader.snapshot()),
            changes: VecDeque::new(),
            table: None,
            publisher_cpu: None,
            publishes: Publishes::from(status.generation.0, Instant::now()),
            paint,
            bars: Bars::of_locale(),
            mode: Mode::Browse,
            pane: Pane::Flags,
            cursor: Cursor::default(),
            detail_line: 0,
            page: 1,
            state: State::of(reader, &status),
            usage: Usage::default(),
        };
        app.look_at_publisher();
        app
    }

    /// Reads flags, status and publisher again; `Looker` finds the processes.
    pub(crate) fn refresh(&mut self, reader: &Reader) {
        let status = reader.status();
        let now = SystemTime::now();
        for transition in self.state.update(State::of(reader, &status)) {
            self.note(Change {
                at: now,
                generation: status.generation.0,
                key: String::new(),
                old: None,
                new: Some(transition.text()),
                look: transition.look(),
            });
        }
        self.update(&reader.snapshot(), now);
        self.publishes.note(status.generation.0, Instant::now());
        self.facts = Facts::of(reader, &status, None);
        self.look_at_publisher();
    }

    fn look_at_publisher(&mut self) {
        let process = self.facts.publisher_facts.publisher_process.as_ref();
        self.publisher_cpu = process.and_then(|process| self.usage.percent(process, Instant::now()));
    }

    /// Takes the flags of a new generation.
    pub(crate) fn update(&mut self, after: &Arc<Snapshot>, at: SystemTime) {
        let before = self.flags.snapshot().clone();
        if Arc::ptr_eq(&before, after) {
            return;
        }
        let differences = between(&before, after);
        let text = |value: &Option<_>| value.as_ref().map(|value| show::value(value).unwrap_or_default());
        for one in differences.iter().take(MOST_AT_ONCE) {
            self.note(Change {
                at,
                generation: after.generation().0,
                key: one.key.clone(),
                old: text(&one.old),
                new: text(&one.new),
                look: Look::Plain,
            });
        }
        if differences.len() > MOST_AT_ONCE {
            let more = differences.len() - MOST_AT_ONCE;
            self.note(Change {
                at,
                generation: after.generation().0,
                key: String::new(),
                old: None,
                new: Some(format!("and {} more flags changed", show::count(more as u64))),
                look: Look::Dim,
            });
        }
        let selected = self.selected().map(str::to_owned);
        self.flags.update(after.clone(), differences.into_iter().map(|one| one.key), at);
        self.find_again(selected.as_deref());
    }

    fn note(&mut self, change: Change) {
        self.changes.push_front(change);
        self.changes.truncate(MOST_CHANGES);
    }

    /// Key of the selected flag.
    pub(crate) fn selected(&self) -> Option<&str> {
        self.flags.key(self.cursor.selected)
    }

    /// Keeps the selected flag selected after the list has changed; sorted by change, keeps the position instead.
    fn find_again(&mut self, key: Option<&str>) {
        if self.flags.sort() == Sort::Key
            && let Some(line) = key.and_then(|key| self.flags.line_of(key))
        {
            self.cursor.selected = line;
        }
        self.cursor.keep_in(self.flags.len(), self.page);
    }

    pub(crate) fn key(&mut self, key: KeyEvent) -> Next {
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return match key.code {
                KeyCode::Char('c' | 'd') => Next::Quit,
                _ => Next::GoOn,
            };
        }
        match self.mode {
            Mode::Browse => return self.browse(key.code),
            Mode::Filter => self.type_filter(key.code),
            Mode::Detail => match (key.code, step(key.code)) {
                (KeyCode::Char('q'), _) => return Next::Quit,
                (KeyCode::Esc | KeyCode::Enter, _) => self.mode = Mode::Browse,
                (_, Some(step)) => self.scroll_detail(step),
                _ => {}
            },
        }
        Next::GoOn
    }

    fn browse(&mut self, key: KeyCode) -> Next {
        match key {
            KeyCode::Char('q') => return Next::Quit,
            // A filter is left before the program is.
            KeyCode::Esc if self.flags.filter().is_empty() => return Next::Quit,
            KeyCode::Esc => self.filter(String::new()),
            KeyCode::Char('/') => {
                self.pane = Pane::Flags;
                self.mode = Mode::Filter;
            }
            KeyCode::Char('s') => {
                let selected = self.selected().map(str::to_owned);
                self.flags.set_sort(if self.flags.sort() == Sort::Key { Sort::Change } else { Sort::Key });
                self.cursor = Cursor::default();
                self.find_again(selected.as_deref());
            }
            KeyCode::Tab => {
                self.pane = match self.pane {
                    Pane::Flags => Pane::Changes,
                    Pane::Changes => Pane::Processes,
                    Pane::Processes => Pane::Flags,
                };
            }
            KeyCode::Enter if self.selected().is_some() => {
                self.detail_line = 0;
                self.mode = Mode::Detail;
            }
            other => {
                if let Some(step) = step(other) {
                    self.cursor.step(step, self.flags.len(), self.page);
                }
            }
        }
        Next::GoOn
    }

    fn type_filter(&mut self, key: KeyCode) {
        let mut text = self.flags.filter().to_owned();
        match key {
            KeyCode::Enter => self.mode = Mode::Browse,
            KeyCode::Esc => {
                self.mode = Mode::Browse;
                self.filter(String::new());
            }
            KeyCode::Backspace => {
                text.pop();
                self.filter(text);
            }
            KeyCode::Char(letter) => {
                text.push(letter);
                self.filter(text);
            }
            KeyCode::Up => self.cursor.step(Step::Up, self.flags.len(), self.page),
            KeyCode::Down => self.cursor.step(Step::Down, self.flags.len(), self.page),
            _ => {}
        }
    }

    fn filter(&mut self, text: String) {
        let selected = self.selected().map(str::to_owned);
        self.flags.set_filter(text);
        self.cursor = Cursor::default();
        self.find_again(selected.as_deref());
    }

    fn scroll_detail(&mut self, step: Step) {
        let page = u16::try_from(self.page).unwrap_or(u16::MAX).max(1);
        self.detail_line = match step {
            Step::Up => self.detail_line.saturating_sub(1),
            Step::Down => self.detail_line.saturating_add(1),
            Step::PageUp => self.detail_line.saturating_sub(page),
            Step::PageDown => self.detail_line.saturating_add(page),
            Step::Home => 0,
            Step::End => u16::MAX,
        };
    }
}

fn step(key: KeyCode) -> Option<Step> {
    match key {
        KeyCode::Up | KeyCode::Char('k') => Some(Step::Up),
        KeyCode::Down | KeyCode::Char('j') => Some(Step::Down),
        KeyCode::PageUp => Some(Step::PageUp),
        KeyCode::PageDown | KeyCode::Char(' ') => Some(Step::PageDown),
        KeyCode::Home | KeyCode::Char('g') => Some(Step::Home),
        KeyCode::End | KeyCode::Char('G') => Some(Step::End),
        _ => None,
    }
}

/// How long ago, in at most five characters.
pub(crate) fn short_age(age: Duration) -> String {
    match age.as_secs() {
        seconds @ 0..60 => format!("{seconds}s"),
        seconds @ 60..3600 => format!("{}m", seconds / 60),
        seconds @ 3600..86_400 => format!("{}h", seconds / 3600),
        seconds => format!("{}d", seconds / 86_400),
    }
}
