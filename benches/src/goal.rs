//! What a figure should be, per build.

use serde::{Deserialize, Serialize};

/// Which side of a goal is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The figure should not exceed it.
    Most,
    /// The figure should not fall short of it.
    Least,
}

/// The goals of one figure in both builds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Goal {
    side: Side,
    fat: Option<f64>,
    plain: Option<f64>,
}

impl Goal {
    /// At most these, with and without whole-program optimisation.
    #[must_use]
    pub fn at_most(fat: f64, plain: f64) -> Goal {
        Goal { side: Side::Most, fat: Some(fat), plain: Some(plain) }
    }

    /// At most this in the build that ships; nothing was said of the other one.
    #[must_use]
    pub fn at_most_fat(fat: f64) -> Goal {
        Goal { side: Side::Most, fat: Some(fat), plain: None }
    }

    /// At least this in the build that ships; nothing was said of the other one.
    #[must_use]
    pub fn at_least_fat(fat: f64) -> Goal {
        Goal { side: Side::Least, fat: Some(fat), plain: None }
    }

    /// The goal of one build.
    #[must_use]
    pub fn of(&self, profile: &str) -> Option<f64> {
        if profile == "fat" { self.fat } else { self.plain }
    }

    /// Whether `value` is good in that build; `None` without a goal.
    #[must_use]
    pub fn is_reached(&self, profile: &str, value: f64) -> Option<bool> {
        let goal = self.of(profile)?;
        Some(match self.side {
            Side::Most => value <= goal,
            Side::Least => value >= goal,
        })
    }

    /// The goal of one build in words; empty without one.
    #[must_use]
    pub fn words(&self, profile: &str) -> String {
        let side = match self.side {
            Side::Most => "at most",
            Side::Least => "at least",
        };
        self.of(profile).map_or_else(String::new, |goal| format!("{side} {goal}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_looks_at_its_side_and_its_build() {
        let most = Goal::at_most(0.9, 1.0);
        assert_eq!(most.is_reached("fat", 0.95), Some(false));
        assert_eq!(most.is_reached("plain", 0.95), Some(true));
        let least = Goal::at_least_fat(1.9);
        assert_eq!(least.is_reached("fat", 1.8), Some(false));
        assert_eq!(least.is_reached("plain", 1.8), None);
        assert_eq!(least.words("fat"), "at least 1.9");
    }
}
