#![doc = include_str!("../README.md")]

mod arguments;
mod ci;
mod ci_output;
mod ci_request_id;
mod completions;
mod config_file;
mod console;
mod context;
mod context_table;
mod env_vars;
mod failure;
mod git_checkout;
mod id_token;
mod log_group;
mod publish;
mod publish_failure;
mod resolution;
mod resolve;

pub use arguments::{PrintCommand, ResultFormat, TriggerArguments};
pub use ci::{Fork, Vendor};
pub use ci_output::write_ci_output;
pub use completions::print;
pub use console::Console;
pub use context::{HostEnvironment, RequestContext};
pub use failure::{TriggerFailure, TriggerFailureKind};
pub use git_checkout::GitCheckout;
pub use publish::publish_until_interrupted;
pub use resolution::Resolution;
