#![doc = include_str!("../README.md")]

mod arguments;
mod context;
mod failure;
mod git_checkout;
mod publication;
mod refusal;
mod request_id;
mod screen;
mod search;
mod sns;
mod throttle;
mod topic;

pub use arguments::{Arguments, Format};
pub use context::{Context, Surroundings};
pub use failure::{Failure, FailureKind};
pub use publication::Publication;
pub use screen::Screen;
pub use sns::{Receipt, publish, publish_until_interrupted};
pub use topic::TopicArn;
