use doorbell_messages::{JobKey, MAX_REQUEST_BYTES, Request, RequestAction, RequestId};

use crate::failure::{TriggerFailure, TriggerFailureKind};
use crate::{TopicArn, request_id};

/// One request, ready to be published: exactly these bytes, however often they have to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    topic: TopicArn,
    request: Request,
    id: RequestId,
    job: JobKey,
    body: String,
}

impl Publication {
    /// Gives the request an id if it has none, and writes its body.
    ///
    /// # Errors
    /// [`TriggerFailureKind::Usage`] for a body larger than the worker reads, and for a cancel without an id: it would name a
    /// job that can't exist.
    pub fn new(topic: TopicArn, mut request: Request) -> Result<Self, TriggerFailure> {
        let id = match (&request.id, request.action) {
            (Some(id), _) => id.clone(),
            (None, RequestAction::Start) => request_id::random()?,
            (None, RequestAction::Cancel) => return Err(cancel_without_id()),
        };
        request.id = Some(id.clone());
        let body = request.to_json();
        if body.len() > MAX_REQUEST_BYTES {
            return Err(TriggerFailure::invalid_value(
                "the request",
                format!(
                    "it has {} bytes, and workers read at most {MAX_REQUEST_BYTES}: shorten the variables",
                    body.len()
                ),
            ));
        }
        // The id is there, so the message id that could stand in for it is not asked for. A cancel has a key of its
        // own too, but the job that people know it by is the one it cancels.
        let job = JobKey::cancel_target(&request, "")
            .map_err(|problem| TriggerFailure::invalid_value("the request", problem))?;
        Ok(Self { topic, request, id, job, body })
    }

    /// Where it is published.
    pub fn topic(&self) -> &TopicArn {
        &self.topic
    }

    /// What it asks.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// The request's id, given or made.
    pub fn id(&self) -> &RequestId {
        &self.id
    }

    /// The job that this starts or cancels, under the name it has everywhere.
    pub fn job(&self) -> &JobKey {
        &self.job
    }

    /// The text of the SNS message.
    pub fn body(&self) -> &str {
        &self.body
    }
}

fn cancel_without_id() -> TriggerFailure {
    TriggerFailure::new(
        TriggerFailureKind::Usage,
        "a cancel needs the --id of the request it cancels",
        "it is the middle part of the job that trigger_job printed: <project>#<id>#<digest>",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn publication(body: &str) -> Result<Publication, TriggerFailure> {
        let topic = "arn:aws:sns:eu-west-1:123456789012:doorbell".parse().unwrap();
        Publication::new(topic, Request::parse(body).unwrap())
    }

    #[test]
    fn publication_body_matches_its_job_key() {
        let publication = publication(r#"{"project":"demo","branch":"main"}"#).unwrap();
        let read = Request::parse(publication.body()).unwrap();
        assert_eq!(&read, publication.request());
        assert_eq!(read.id.as_ref(), Some(publication.id()));
        assert_eq!(JobKey::for_request(&read, "not used").unwrap(), *publication.job());
    }

    #[test]
    fn repeated_request_is_same_job_only_with_explicit_id() {
        let job = |body| publication(body).unwrap().job().clone();
        let (without_id, with_id) =
            (r#"{"project":"demo","branch":"main"}"#, r#"{"project":"demo","branch":"main","id":"7"}"#);
        assert_ne!(job(without_id), job(without_id));
        assert_eq!(job(with_id), job(with_id));
    }

    #[test]
    fn cancel_requires_id_and_names_target_job() {
        let start = publication(r#"{"project":"demo","branch":"main","id":"7"}"#).unwrap();
        let cancel = publication(r#"{"project":"demo","branch":"main","id":"7","action":"cancel"}"#).unwrap();
        assert_eq!(start.job(), cancel.job());
        let without_id = publication(r#"{"project":"demo","branch":"main","action":"cancel"}"#).unwrap_err();
        assert_eq!(without_id.kind, TriggerFailureKind::Usage);
    }

    #[test]
    fn oversized_request_body_is_rejected() {
        let value = "x".repeat(4096);
        let body = format!(
            r#"{{"project":"demo","branch":"main","variables":{{"A":"{value}","B":"{value}","C":"{value}"}}}}"#
        );
        assert!(publication(&body).is_ok());
        let mut request = Request::parse(&body).unwrap();
        let four = ["A", "B", "C", "D"].map(|name| (name.parse().unwrap(), value.clone()));
        request.variables = std::collections::BTreeMap::from(four).try_into().unwrap();
        let topic = "arn:aws:sns:eu-west-1:123456789012:doorbell".parse().unwrap();
        assert_eq!(Publication::new(topic, request).unwrap_err().kind, TriggerFailureKind::Usage);
    }
}
