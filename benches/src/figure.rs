//! One measured figure beside what it should be.

/// A figure of docs/benchmarks.md.
#[derive(Debug, Clone)]
pub struct Figure {
    /// What was measured.
    pub what: String,
    /// The value, in `unit`.
    pub value: f64,
    /// Unit, or "ratio".
    pub unit: &'static str,
    /// The value that it should not exceed, if there is one.
    pub limit: Option<f64>,
}

impl Figure {
    /// A figure without a limit.
    #[must_use]
    pub fn new(what: impl Into<String>, value: f64, unit: &'static str) -> Figure {
        Figure { what: what.into(), value, unit, limit: None }
    }

    /// Gives it a limit.
    #[must_use]
    pub fn at_most(mut self, limit: f64) -> Figure {
        self.limit = Some(limit);
        self
    }

    /// A row of a Markdown table.
    #[must_use]
    pub fn row(&self) -> String {
        let value = number(self.value);
        let limit = self.limit.map_or_else(String::new, number);
        let verdict = match self.limit {
            None => "",
            Some(limit) if self.value <= limit => "reached",
            Some(_) => "MISSED",
        };
        format!("| {} | {value} | {} | {limit} | {verdict} |", self.what, self.unit)
    }
}

fn number(value: f64) -> String {
    match value {
        v if v >= 100.0 => format!("{v:.0}"),
        v if v >= 10.0 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}
