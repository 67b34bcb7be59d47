//! Single figures, and the table of those with a goal.

use super::missed::missed;
use super::{SHIPPED, grouped, number};
use crate::goal::Goal;
use crate::record::{Record, Run};

/// All figures that have a goal, or are of a row in which one has.
pub(super) fn goals(out: &mut String, runs: &[&Run]) {
    let figures: Vec<Figure<'_>> = runs.iter().flat_map(|run| figures_of(run)).collect();
    let judged: Vec<&Figure<'_>> = figures
        .iter()
        .filter(|figure| figures.iter().any(|other| other.goal.is_some() && other.is_row_of(figure)))
        .collect();
    let (sized, single): (Vec<&Figure<'_>>, Vec<&Figure<'_>>) =
        judged.into_iter().partition(|figure| figure.flags.is_some());
    if sized.is_empty() && single.is_empty() {
        return;
    }
    *out += "\n## Goals\n\nIn brackets the goal, bold where it is missed.\n";
    let mut sizes: Vec<usize> = sized.iter().filter_map(|figure| figure.flags).collect();
    sizes.sort_unstable();
    sizes.dedup();
    if !sized.is_empty() {
        let names: Vec<String> =
            sizes.iter().map(|size| format!("{} flags", grouped(&size.to_string()))).collect();
        table(out, &sized, &names, |figure, column| figure.flags == Some(sizes[column]));
    }
    if !single.is_empty() {
        table(out, &single, &["value".to_owned()], |_, _| true);
    }
    missed(out, &sized.iter().chain(&single).copied().collect::<Vec<_>>());
}

/// A row per figure and build.
fn table(
    out: &mut String,
    figures: &[&Figure<'_>],
    columns: &[String],
    is_of: impl Fn(&Figure<'_>, usize) -> bool,
) {
    *out += &format!(
        "\n| what | unit | build | {} |\n|---|---|---|{}\n",
        columns.join(" | "),
        "---|".repeat(columns.len())
    );
    let mut rows: Vec<&Figure<'_>> = Vec::new();
    for figure in figures {
        if !rows.iter().any(|known| known.is_row_of(figure)) {
            rows.push(figure);
        }
    }
    for row in rows {
        for profile in [SHIPPED, "plain"] {
            let of_row: Vec<&&Figure<'_>> =
                figures.iter().filter(|figure| figure.is_row_of(row) && figure.profile == profile).collect();
            if of_row.is_empty() {
                continue;
            }
            *out += &format!("| {} | {} | {profile} |", row.what, row.unit);
            for column in 0..columns.len() {
                let found = of_row.iter().find(|figure| is_of(figure, column));
                *out += &format!(" {} |", found.map_or_else(String::new, |figure| figure.cell()));
            }
            out.push('\n');
        }
    }
}

/// A figure and the build it is of.
pub(super) struct Figure<'a> {
    pub(super) profile: &'a str,
    pub(super) section: &'a str,
    pub(super) what: &'a str,
    pub(super) flags: Option<usize>,
    pub(super) value: f64,
    pub(super) unit: &'a str,
    pub(super) goal: Option<Goal>,
}

impl Figure<'_> {
    pub(super) fn is_row_of(&self, other: &Figure<'_>) -> bool {
        (self.section, self.what) == (other.section, other.what)
    }

    /// Whether it has a goal in its build, and misses it.
    pub(super) fn is_missed(&self) -> bool {
        self.goal.and_then(|goal| goal.is_reached(self.profile, self.value)) == Some(false)
    }

    fn cell(&self) -> String {
        let value = number(self.value);
        let words = self.goal.map_or_else(String::new, |goal| goal.words(self.profile));
        match self.goal.and_then(|goal| goal.is_reached(self.profile, self.value)) {
            Some(true) => format!("{value} ({words})"),
            Some(false) => format!("**{value}** ({words})"),
            None => value,
        }
    }
}

pub(super) fn figures_of(run: &Run) -> impl Iterator<Item = Figure<'_>> {
    run.records.iter().filter_map(|record| match record {
        Record::Figure { section, what, flags, value, unit, goal } => Some(Figure {
            profile: &run.profile,
            section,
            what,
            flags: *flags,
            value: *value,
            unit,
            goal: *goal,
        }),
        _ => None,
    })
}
