use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

/// What identifies a metric. One other letter, or one dimension more or less, is another metric.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Metric {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) dimensions: BTreeMap<String, String>,
}

impl Metric {
    pub(crate) fn new<'a>(
        namespace: &str,
        name: &str,
        dimensions: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let dimensions = dimensions.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self { namespace: namespace.to_owned(), name: name.to_owned(), dimensions }
    }
}

/// One value of a metric.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Datapoint {
    pub(crate) metric: Metric,
    pub(crate) at: Timestamp,
    pub(crate) value: f64,
}

/// All metrics of a period: what is missing in it was not recorded.
#[derive(Debug)]
pub(crate) struct ObservedMetrics {
    pub(crate) from: Timestamp,
    pub(crate) until: Timestamp,
    pub(crate) datapoints: Vec<Datapoint>,
}

impl ObservedMetrics {
    /// The values of a metric in the `period` that ends at `end`, and at its end.
    pub(super) fn values(&self, metric: &Metric, end: Timestamp, period: Duration) -> Vec<f64> {
        let is_in_period = |point: &&Datapoint| point.metric == *metric && point.at <= end && point.at > end - period;
        self.datapoints.iter().filter(is_in_period).map(|point| point.value).collect()
    }

    /// Whether there is any value of a metric.
    pub(crate) fn has(&self, metric: &Metric) -> bool {
        self.datapoints.iter().any(|point| point.metric == *metric)
    }
}
