//! The head of the screen: file, publisher and link.

use ratatui::text::{Line, Span};

use crate::facts::Facts;
use crate::show;
use crate::style::Look;
use crate::top::app::App;
use crate::top::publishes::SECONDS;

/// Lines for overrides and a rollback, at most.
const MOST_OF_THIS_HOST: usize = 3;

pub(super) fn lines(app: &App) -> Vec<Line<'static>> {
    let facts = &app.facts;
    let plain = |text: String| Line::from(text);
    let mut lines = vec![
        Line::from(vec![
            Span::styled("flagstaff top  ", app.paint.cell(Look::Strong)),
            state(app),
            Span::raw(format!("  {}", facts.file)),
        ]),
        plain(format!(
            "generation {}, {}; {} flags{}; archive {}",
            facts.generation,
            show::ago(facts.published_age),
            show::count(facts.flags),
            types(facts),
            show::bytes(facts.archive_bytes)
        )),
        Line::from(vec![
            Span::raw("publisher "),
            Span::styled(facts.publisher, app.paint.cell(publisher_look(facts))),
            Span::raw(for_how_long(facts.publisher_uptime)),
            Span::raw(publisher(app)),
        ]),
        Line::from(vec![
            Span::raw("link "),
            Span::styled(facts.link, app.paint.cell(crate::status::link_look(facts.link))),
            Span::raw(for_how_long(facts.link_age)),
            Span::raw(format!("; last contact {}", show::ago(facts.contact_age))),
        ]),
    ];
    let publishes = app.publishes.per_second();
    let (most, count) = (publishes.iter().copied().max().unwrap_or(0), publishes.iter().sum());
    lines.insert(
        2,
        Line::from(vec![
            Span::raw("publishes "),
            Span::styled(app.bars.text(publishes, most, SECONDS), app.paint.cell(Look::Good)),
            Span::raw(format!(" {} in {SECONDS} s", show::count(count))),
        ]),
    );
    lines.extend(of_this_host(app));
    lines.extend(last_error(facts));
    lines.push(Line::default());
    lines
}

/// What this host has in the place of what the source says.
fn of_this_host(app: &App) -> impl Iterator<Item = Line<'static>> {
    let (facts, look) = (&app.facts, app.paint.cell(Look::Warning));
    let rollback = facts.rollback.iter().map(|one| format!("rolled back {}", one.sentence()));
    let overrides = facts.overrides.iter().map(|one| format!("overridden {}", one.sentence()));
    let lines: Vec<_> = rollback.chain(overrides).collect();
    let more = lines.len().saturating_sub(MOST_OF_THIS_HOST);
    let rest = (more > 0).then(|| format!("and {more} more overridden: flagstaff override --list"));
    lines.into_iter().take(MOST_OF_THIS_HOST).chain(rest).map(move |line| Line::styled(line, look))
}

fn last_error(facts: &Facts) -> Option<Line<'static>> {
    facts.last_error.as_ref().map(|error| Line::from(format!("last error {}", error.sentence())))
}

/// For a small screen.
pub(super) fn few_lines(app: &App) -> Vec<Line<'static>> {
    let facts = &app.facts;
    let name = facts.file.rsplit('/').next().unwrap_or_default().to_owned();
    let mut lines = vec![
        Line::from(vec![Span::styled(name, app.paint.cell(Look::Strong)), Span::raw(" "), state(app)]),
        Line::from(format!(
            "gen {}, {} flags, {}",
            facts.generation,
            show::count(facts.flags),
            show::ago(facts.published_age)
        )),
        Line::from(vec![
            Span::raw("pub "),
            Span::styled(facts.publisher, app.paint.cell(publisher_look(facts))),
            Span::raw(", link "),
            Span::styled(facts.link, app.paint.cell(crate::status::link_look(facts.link))),
            Span::raw(format!(", {}", show::ago(facts.contact_age))),
        ]),
    ];
    // There is little room, so only while it may be why.
    lines.extend(last_error(facts).filter(|_| facts.stale));
    lines
}

fn state(app: &App) -> Span<'static> {
    match app.facts.problems.first() {
        None => Span::styled("fresh", app.paint.cell(Look::Good)),
        Some(problem) if app.facts.stale => {
            Span::styled(format!("may be stale: {}", problem.text), app.paint.cell(Look::Bad))
        }
        Some(problem) => Span::styled(problem.text, app.paint.cell(Look::Bad)),
    }
}

fn publisher_look(facts: &Facts) -> Look {
    if facts.publisher == "alive" { Look::Good } else { Look::Bad }
}

/// The process, or why it is not known.
fn publisher(app: &App) -> String {
    let facts = &app.facts.publisher_facts;
    let mut text = match (&facts.publisher_process, &facts.publisher_note) {
        (Some(process), _) => {
            let user = process.user.as_deref().unwrap_or("?");
            let cpu = app.publisher_cpu.map(|percent| format!(", cpu {percent:.1} %")).unwrap_or_default();
            format!("; pid {}, user {user}{cpu}, {} resident", process.pid, show::bytes(process.rss_bytes))
        }
        (None, Some(note)) => format!("; {note}"),
        (None, None) => String::new(),
    };
    if !facts.publishers_waiting.is_empty() {
        text.push_str(&format!("; {} standing by", facts.publishers_waiting.len()));
    }
    text
}

fn types(facts: &Facts) -> String {
    let some = facts.flag_types.each().into_iter().filter(|(count, _)| *count > 0);
    let some: Vec<_> = some.map(|(count, name)| format!("{} {name}", show::count(count))).collect();
    if some.is_empty() { String::new() } else { format!(" ({})", some.join(", ")) }
}

fn for_how_long(age: Option<f64>) -> String {
    age.and_then(show::seconds).map(|age| format!(" for {}", show::words(age))).unwrap_or_default()
}
