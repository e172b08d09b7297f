use doorbell_publisher::{CredentialSource, Publication, PublishReceipt, publish};

use crate::failure::{TriggerFailure, TriggerFailureKind};
use crate::publish_failure::retry_hint;

/// Publishes on a runtime of its own, and given up at SIGINT (Ctrl-C).
///
/// # Errors
/// As [`publish`], with what to do about it, and [`TriggerFailureKind::Interrupted`].
pub fn publish_until_interrupted(
    publication: &Publication,
    credential_source: &CredentialSource,
) -> Result<PublishReceipt, TriggerFailure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
        TriggerFailure::new(
            TriggerFailureKind::NotPublished,
            format!("no runtime could be started: {error}"),
            "try again",
        )
    })?;
    let outcome = runtime.block_on(async {
        tokio::select! {
            biased;
            outcome = publish(publication, credential_source) => {
                outcome.map_err(|error| TriggerFailure::from_publish_error(&error, Some(publication.id())))
            }
            // A handler that can't be installed leaves SIGINT as it is: it ends the process.
            Ok(()) = tokio::signal::ctrl_c() => Err(interrupted(publication)),
        }
    });
    // A name lookup may still block a thread: neither a result nor a person waits for it.
    runtime.shutdown_background();
    outcome
}

fn interrupted(publication: &Publication) -> TriggerFailure {
    TriggerFailure::new(
        TriggerFailureKind::Interrupted,
        "interrupted, perhaps after the request was published",
        retry_hint(publication.id()),
    )
}
