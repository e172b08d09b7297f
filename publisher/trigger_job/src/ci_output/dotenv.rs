use doorbell_messages::text::printable_line;
use doorbell_publisher::{Publication, PublishReceipt};

/// A file that GitLab turns into variables of later jobs (`artifacts:reports:dotenv`). Written anew: a second line for
/// the same name is an error there.
pub(super) fn write(path: &str, publication: &Publication, receipt: &PublishReceipt) -> Result<(), String> {
    let (job, id) = (publication.job(), publication.id());
    let message: String = receipt.message_id.chars().filter(|c| !c.is_control()).collect();
    let text = format!("DOORBELL_JOB={job}\nDOORBELL_REQUEST_ID={id}\nDOORBELL_MESSAGE_ID={message}\n");
    std::fs::write(path, text).map_err(|error| format!("{} can't be written: {error}", printable_line(path)))
}
