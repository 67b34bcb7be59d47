//! Times of single reads, counted: exact up to 2,048 ns, within 1.6 % above.

/// Below this, one bin per nanosecond.
const EXACT: u64 = 2_048;
/// Bins per doubling above.
const STEPS: u64 = 64;

/// How often which time was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Histogram {
    bins: Vec<u64>,
    count: u64,
}

impl Histogram {
    /// Room for any time: nothing is allocated while counting.
    pub(crate) fn new() -> Histogram {
        Histogram { bins: vec![0; bin(u64::MAX) + 1], count: 0 }
    }

    /// Counts one time in nanoseconds.
    #[inline]
    pub(crate) fn add(&mut self, nanos: u64) {
        self.bins[bin(nanos)] += 1;
        self.count += 1;
    }

    /// The time, in nanoseconds, that `share` of all do not exceed (0.5 is the median); 0 of nothing.
    pub(crate) fn percentile(&self, share: f64) -> u64 {
        let wanted = ((self.count as f64 * share).ceil() as u64).clamp(1, self.count.max(1));
        let mut seen = 0;
        for (at, count) in self.bins.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return lowest(at);
            }
        }
        0
    }

    /// Bins that are not empty, for another process.
    pub(crate) fn sparse(&self) -> Vec<(usize, u64)> {
        self.bins.iter().copied().enumerate().filter(|(_, count)| *count > 0).collect()
    }

    /// Adds bins that came from another process. Bins that cannot be are left out.
    pub(crate) fn merge(&mut self, bins: &[(usize, u64)]) {
        for (at, count) in bins {
            if let Some(bin) = self.bins.get_mut(*at) {
                *bin += count;
                self.count += count;
            }
        }
    }
}

fn bin(nanos: u64) -> usize {
    if nanos < EXACT {
        return nanos as usize;
    }
    let doubling = u64::from(nanos.ilog2());
    let step = (nanos >> (doubling - 6)) - STEPS;
    (EXACT + (doubling - 11) * STEPS + step) as usize
}

/// The lowest time of a bin.
fn lowest(bin: usize) -> u64 {
    let bin = bin as u64;
    if bin < EXACT {
        return bin;
    }
    let (doubling, step) = ((bin - EXACT) / STEPS + 11, (bin - EXACT) % STEPS);
    (STEPS + step) << (doubling - 6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_one_to_a_thousand_are_those_numbers() {
        let mut histogram = Histogram::new();
        (1..=1000).for_each(|nanos| histogram.add(nanos));
        assert_eq!(histogram.percentile(0.5), 500);
        assert_eq!(histogram.percentile(0.99), 990);
        assert_eq!(histogram.percentile(0.999), 999);
        assert_eq!(histogram.percentile(1.0), 1000);
        assert_eq!(histogram.percentile(0.0), 1);
        assert_eq!(Histogram::new().percentile(0.5), 0);
    }

    #[test]
    fn long_times_are_kept_within_two_percent_and_any_time_has_a_bin() {
        for nanos in [2_047, 2_048, 2_049, 5_000, 123_456, 1 << 40, u64::MAX] {
            let mut histogram = Histogram::new();
            histogram.add(nanos);
            let found = histogram.percentile(0.5);
            assert!(found <= nanos && found as f64 >= nanos as f64 * 0.984, "{nanos} became {found}");
        }
    }

    #[test]
    fn the_counts_of_two_processes_add_up() {
        let (mut first, mut second) = (Histogram::new(), Histogram::new());
        first.add(10);
        second.add(70_000);
        first.merge(&second.sparse());
        first.merge(&[(usize::MAX, 1)]);
        assert_eq!(first.count, 2);
        assert!(first.percentile(1.0) > 69_000);
    }
}
