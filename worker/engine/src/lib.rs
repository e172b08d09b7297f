#![doc = include_str!("../README.md")]

pub mod domain;
pub mod ports;

mod acks;
mod admission;
mod build_slots;
mod describe;
mod dispatcher;
mod done_event_publisher;
mod drive;
mod effects;
mod engine;
mod events;
mod forge_calls;
mod forge_ports;
mod freed_slots;
mod gathered_acks;
mod in_flight;
mod job_counter;
mod job_log;
mod job_tasks;
mod kept_receipts;
mod limiter;
mod liveness;
mod metrics;
mod panics;
mod policy_cache;
mod project_names;
mod quarantine;
mod receipt_writer;
mod receiver;
mod registry_reader;
mod row_store;
mod running_builds;
mod series_store;
mod slot_keeper;
#[cfg(test)]
mod stubs;
mod sweep;
mod token_cache;
mod track_record;
mod triggers;
mod ttl_cache;
mod turn_keeper;
mod wake_queue;

pub use engine::{Engine, EngineConfig};
pub use liveness::{Liveness, LoopKind};
pub use metrics::{MetricsRecorder, set_metrics_recorder};
pub use row_store::{MAX_WRITE_CONFLICTS, RowInsert, RowStore, WriteOutcome};
