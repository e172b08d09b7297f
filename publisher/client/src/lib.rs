#![doc = include_str!("../README.md")]

mod client;
mod credential_source;
mod error;
mod id_token;
mod publication;
mod request_id;
mod role;
mod sent_secrets;
mod throttle;
mod topic;

pub use client::{PublishReceipt, publish};
pub use credential_source::CredentialSource;
pub use error::PublishError;
pub use id_token::IdToken;
pub use publication::Publication;
pub use role::RoleArn;
pub use topic::TopicArn;
