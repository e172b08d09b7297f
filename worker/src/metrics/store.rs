use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use doorbell_engine::MetricsRecorder;

/// Values of one distribution that are kept between two writes; of more, the first ones stand for all.
pub(super) const MAX_VALUES: usize = 10_000;

/// Upper bounds, in seconds, of the buckets of a distribution.
pub(super) const BUCKETS: [f64; 12] = [0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 1800.0, 3600.0];

/// The metrics of this process: what was recorded in all, and what was recorded since the last [`MetricStore::take`].
#[derive(Debug, Clone, Default)]
pub(crate) struct MetricStore(Arc<Mutex<Metrics>>);

/// Metrics by name.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    pub(super) counters: BTreeMap<&'static str, u64>,
    pub(super) gauges: BTreeMap<&'static str, f64>,
    pub(super) distributions: BTreeMap<&'static str, Distribution>,
    recent: RecentMetrics,
}

/// All values of a distribution, counted by bucket.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Distribution {
    pub(super) sum: f64,
    pub(super) count: u64,
    /// One for each of [`BUCKETS`]: the values up to its bound.
    pub(super) up_to: [u64; BUCKETS.len()],
}

/// What was recorded since the last write.
#[derive(Debug, Default, PartialEq)]
pub(super) struct RecentMetrics {
    pub(super) counters: BTreeMap<&'static str, u64>,
    /// The highest value of each gauge: an alarm reads maxima, and a minute has twelve sweeps.
    pub(super) gauges: BTreeMap<&'static str, f64>,
    pub(super) distributions: BTreeMap<&'static str, Vec<f64>>,
}

impl MetricStore {
    /// What was recorded since the last call.
    pub(super) fn take(&self) -> RecentMetrics {
        self.with(|metrics| std::mem::take(&mut metrics.recent))
    }

    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Metrics) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl MetricsRecorder for MetricStore {
    fn increment(&self, counter: &'static str) {
        self.with(|metrics| {
            *metrics.counters.entry(counter).or_default() += 1;
            *metrics.recent.counters.entry(counter).or_default() += 1;
        });
    }

    fn set(&self, gauge: &'static str, value: f64) {
        self.with(|metrics| {
            metrics.gauges.insert(gauge, value);
            let recent = metrics.recent.gauges.entry(gauge).or_insert(value);
            *recent = recent.max(value);
        });
    }

    fn record(&self, distribution: &'static str, value: f64) {
        self.with(|metrics| {
            metrics.distributions.entry(distribution).or_default().add(value);
            let recent = metrics.recent.distributions.entry(distribution).or_default();
            if recent.len() < MAX_VALUES {
                recent.push(value);
            }
        });
    }
}

impl Distribution {
    fn add(&mut self, value: f64) {
        self.sum += value;
        self.count += 1;
        for (count, bound) in self.up_to.iter_mut().zip(BUCKETS) {
            *count += u64::from(value <= bound);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recent_metrics_are_taken_once_and_totals_stay() {
        let store = MetricStore::default();
        store.increment("Sweeps");
        store.record("SecondsToStart", 1.5);
        for value in [3.0, 9.0, 2.0] {
            store.set("OldestWaitingSeconds", value);
        }
        let recent = store.take();
        assert_eq!((recent.counters["Sweeps"], recent.gauges["OldestWaitingSeconds"]), (1, 9.0));
        assert_eq!(recent.distributions["SecondsToStart"], [1.5]);
        assert_eq!(store.take(), RecentMetrics::default());
        store.with(|metrics| {
            assert_eq!((metrics.counters["Sweeps"], metrics.gauges["OldestWaitingSeconds"]), (1, 2.0));
            assert_eq!(metrics.distributions["SecondsToStart"].count, 1);
        });
    }

    #[test]
    fn recent_values_of_a_distribution_are_bounded() {
        let store = MetricStore::default();
        (0..=MAX_VALUES).for_each(|_| store.record("SecondsToStart", 1.0));
        assert_eq!(store.take().distributions["SecondsToStart"].len(), MAX_VALUES);
        assert_eq!(store.with(|metrics| metrics.distributions["SecondsToStart"].count), MAX_VALUES as u64 + 1);
    }
}
