use doorbell_engine::MetricsRecorder;

/// Passes the engine's metrics to the recorder of crate `metrics`, which CloudWatch's embedded format comes from.
#[derive(Debug)]
pub(crate) struct EmbeddedMetrics;

impl MetricsRecorder for EmbeddedMetrics {
    fn increment(&self, counter: &'static str) {
        metrics::counter!(counter).increment(1);
    }

    fn record(&self, histogram: &'static str, value: f64) {
        metrics::histogram!(histogram).record(value);
    }
}
