//! The part of CloudWatch that the installation relies on: metrics, read from a worker's log and from the queues, and
//! alarms over them.
//!
//! The emulator's own alarms ignore dimensions, so they would go on for a metric that no worker writes.

mod alarm;
mod embedded_format;
mod log_metrics;
mod metric;
mod queue_metrics;

pub(crate) use alarm::Alarm;
pub(crate) use embedded_format::read_log;
pub(crate) use log_metrics::{log_datapoints, stored_bytes};
pub(crate) use metric::{Datapoint, Metric, ObservedMetrics};
pub(crate) use queue_metrics::queue_datapoints;
