use super::{append, table};
use crate::env_vars::EnvVars;
use doorbell_publisher::{Publication, PublishReceipt};

/// `steps.<id>.outputs.job`, `.id` and `.message-id`.
pub(super) fn write_outputs(
    environment: EnvVars<'_>,
    publication: &Publication,
    receipt: &PublishReceipt,
) -> Result<(), String> {
    let Some(path) = environment.get("GITHUB_OUTPUT") else { return Ok(()) };
    // None of the three can hold a new line, so none can add an output of its own.
    let (job, id) = (publication.job(), publication.id());
    let message: String = receipt.message_id.chars().filter(|c| !c.is_control()).collect();
    append(&path, &format!("job={job}\nid={id}\nmessage-id={message}\n"))
}

/// A table on the run's page.
pub(super) fn write_summary(
    environment: EnvVars<'_>,
    publication: &Publication,
    receipt: &PublishReceipt,
) -> Result<(), String> {
    match environment.get("GITHUB_STEP_SUMMARY") {
        Some(path) => append(&path, &table(publication, receipt)),
        None => Ok(()),
    }
}
