//! How a cost grows: a power law fitted to measured points.

/// `cost = factor * size ^ exponent`, least squares on the logarithms.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fit {
    /// 0: the cost does not depend on the size; 1: it grows as the size does.
    pub exponent: f64,
    /// The cost at size 1, in the unit of the costs.
    pub factor: f64,
}

impl Fit {
    /// Fits `(size, cost)`; `None` unless there are two different sizes and all numbers are above zero.
    #[must_use]
    pub fn of(points: &[(f64, f64)]) -> Option<Fit> {
        if points.iter().any(|(size, cost)| *size <= 0.0 || *cost <= 0.0) {
            return None;
        }
        let count = points.len() as f64;
        let logs = || points.iter().map(|(size, cost)| (size.ln(), cost.ln()));
        let (mean_x, mean_y) = logs().fold((0.0, 0.0), |(a, b), (x, y)| (a + x / count, b + y / count));
        let spread: f64 = logs().map(|(x, _)| (x - mean_x).powi(2)).sum();
        if spread < 1e-12 {
            return None;
        }
        let exponent = logs().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum::<f64>() / spread;
        Some(Fit { exponent, factor: (mean_y - exponent * mean_x).exp() })
    }

    /// What the exponent says, with what ten times the size then costs.
    #[must_use]
    pub fn words(&self) -> String {
        let kind = match self.exponent {
            e if e < -0.05 => "falls",
            e if e <= 0.05 => "stays the same",
            e if e < 0.85 => "grows far slower than the size",
            e if e <= 1.15 => "grows in proportion to the size",
            _ => "grows faster than the size",
        };
        format!("{kind}: ten times the size costs {:.2} times as much", 10_f64.powf(self.exponent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fit_finds_the_exponent_of_a_known_law() {
        for (exponent, factor) in [(0.0, 7.0), (0.5, 3.0), (1.0, 0.1), (2.0, 1.0)] {
            let points: Vec<_> = [10.0_f64, 100.0, 1_000.0, 50_000.0]
                .iter()
                .map(|size| (*size, factor * size.powf(exponent)))
                .collect();
            let fit = Fit::of(&points).unwrap();
            assert!((fit.exponent - exponent).abs() < 1e-9, "{fit:?}");
            assert!((fit.factor - factor).abs() < 1e-9, "{fit:?}");
        }
    }

    #[test]
    fn noise_on_both_sides_does_not_move_the_exponent_far() {
        let points = [(10.0, 11.0), (100.0, 92.0), (1_000.0, 1_080.0), (10_000.0, 9_500.0)];
        assert!((Fit::of(&points).unwrap().exponent - 1.0).abs() < 0.03);
        assert!(Fit::of(&points).unwrap().words().contains("in proportion"));
    }

    #[test]
    fn what_cannot_be_fitted_is_not() {
        assert_eq!(Fit::of(&[]), None);
        assert_eq!(Fit::of(&[(10.0, 1.0)]), None);
        assert_eq!(Fit::of(&[(10.0, 1.0), (10.0, 2.0)]), None);
        assert_eq!(Fit::of(&[(10.0, 0.0), (20.0, 2.0)]), None);
    }
}
