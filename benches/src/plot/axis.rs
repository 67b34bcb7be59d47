//! Axes: linear, logarithmic or with names, and where their lines and numbers stand.

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

use crate::text::grouped;

/// How positions on an axis are made.
#[derive(Debug, Clone)]
enum Scale {
    Linear,
    /// Base; parts of a power that have lines as well.
    Log(f64, &'static [f64]),
    Named(Vec<String>),
}

/// An axis and its label.
#[derive(Debug, Clone)]
pub(super) struct Axis {
    pub(super) label: String,
    scale: Scale,
}

impl Axis {
    pub(super) fn linear(label: &str) -> Axis {
        Axis { label: label.to_owned(), scale: Scale::Linear }
    }

    /// Lines at the powers of `base`.
    pub(super) fn powers(label: &str, base: f64) -> Axis {
        Axis { label: label.to_owned(), scale: Scale::Log(base, &[1.0]) }
    }

    /// Lines at the powers of ten, and at 2 and 5 times as much.
    pub(super) fn log(label: &str) -> Axis {
        Axis { label: label.to_owned(), scale: Scale::Log(10.0, &[1.0, 2.0, 5.0]) }
    }

    /// Positions 0, 1, 2 .. have these names.
    pub(super) fn named(label: &str, names: &[&str]) -> Axis {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        Axis { label: label.to_owned(), scale: Scale::Named(names) }
    }

    pub(super) fn place(&self, value: f64) -> f64 {
        match self.scale {
            Scale::Log(base, _) => value.max(1e-9).log(base),
            _ => value,
        }
    }

    pub(super) fn text(&self, place: f64) -> String {
        match &self.scale {
            Scale::Linear => short(place),
            Scale::Log(base, _) => short(base.powf(place)),
            Scale::Named(names) => names.get(place.round() as usize).cloned().unwrap_or_default(),
        }
    }

    /// The part of the axis that shows all values, and where its lines and numbers stand.
    pub(super) fn ticks(&self, values: impl Iterator<Item = f64>) -> Ticks {
        let (low, high) = values
            .map(|value| self.place(value))
            .fold((f64::MAX, f64::MIN), |(low, high), place| (low.min(place), high.max(place)));
        match &self.scale {
            Scale::Linear => {
                let step = [0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0]
                    .into_iter()
                    .find(|step| high / step <= 8.0)
                    .unwrap_or(high / 8.0);
                let count = (high / step).ceil().max(1.0);
                Ticks {
                    low: 0.0,
                    high: count * step,
                    at: (0..=count as u32).map(|i| f64::from(i) * step).collect(),
                }
            }
            Scale::Log(base, parts) => {
                let (first, last) = (low.floor() as i32, high.ceil() as i32);
                let all = (first..=last).flat_map(|power| parts.iter().map(move |part| (power, part)));
                let all: Vec<f64> = all.map(|(power, part)| f64::from(power) + part.log(*base)).collect();
                let margin = 1e-9;
                let low =
                    all.iter().copied().filter(|at| *at <= low + margin).fold(f64::from(first), f64::max);
                let high =
                    all.iter().copied().filter(|at| *at >= high - margin).fold(f64::from(last + 1), f64::min);
                let high = if high - low < margin { low + 1.0 } else { high };
                Ticks {
                    low,
                    high,
                    at: all.into_iter().filter(|at| (low - margin..=high + margin).contains(at)).collect(),
                }
            }
            Scale::Named(names) => {
                let last = names.len().saturating_sub(1) as f64;
                Ticks { low: 0.0, high: last, at: (0..names.len()).map(|i| i as f64).collect() }
            }
        }
    }
}

/// A range of positions with its lines.
#[derive(Debug, Clone)]
pub(super) struct Ticks {
    low: f64,
    high: f64,
    at: Vec<f64>,
}

impl Ranged for Ticks {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let share = (value - self.low) / (self.high - self.low);
        limit.0 + (share * f64::from(limit.1 - limit.0)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.at.clone()
    }

    fn range(&self) -> std::ops::Range<f64> {
        self.low..self.high
    }
}

impl ValueFormatter<f64> for Ticks {}

/// With commas; as few digits behind the point as it takes.
fn short(value: f64) -> String {
    if value < 0.995 && value > 1e-9 {
        return format!("{value:.2}");
    }
    if value < 9.95 && (value - value.round()).abs() > 0.01 {
        return format!("{value:.1}");
    }
    grouped(&format!("{value:.0}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_a_log_axis_enclose_all_values() {
        let ticks = Axis::log("ns").ticks([7.0, 380.0].into_iter());
        let shown: Vec<f64> = ticks.at.iter().map(|at| 10_f64.powf(*at).round()).collect();
        assert_eq!(shown, [5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0]);
    }

    #[test]
    fn numbers_are_short() {
        let shown = [0.5, 1.0, 2.5, 10.0, 1_000.0, 100_000.0].map(short);
        assert_eq!(shown, ["0.50", "1", "2.5", "10", "1,000", "100,000"]);
    }
}
