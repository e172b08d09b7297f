//! The name and protocol of a request, as a fault needs them.
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

/// The protocol in which an error response must be written, so that the caller takes it for the service's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    /// AWS's JSON protocols.
    Json,
    /// AWS's query protocol: XML.
    Query,
    /// Not an AWS service: a forge.
    Web,
}

/// One call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ProxiedCall {
    /// `AmazonSQS.ReceiveMessage`, `sts.GetCallerIdentity`, `POST flag`.
    pub(super) name: String,
    pub(super) protocol: Protocol,
}

impl ProxiedCall {
    pub(super) fn identify(parts: &Parts, body: &[u8]) -> Self {
        if let Some(target) = text(&parts.headers, "x-amz-target") {
            return Self { name: target.to_owned(), protocol: Protocol::Json };
        }
        if let Some(service) = text(&parts.headers, AUTHORIZATION.as_str()).and_then(signed_service) {
            let action = url::form_urlencoded::parse(body).find(|(name, _)| name == "Action");
            let action = action.map(|(_, action)| action.into_owned()).unwrap_or_default();
            return Self { name: format!("{service}.{action}"), protocol: Protocol::Query };
        }
        let what = parts.uri.path().rsplit('/').next().unwrap_or_default();
        Self { name: format!("{} {what}", parts.method), protocol: Protocol::Web }
    }
}

/// `AWS4-HMAC-SHA256 Credential=AKIA.../20260101/eu-central-1/sns/aws4_request, ...`
fn signed_service(authorization: &str) -> Option<&str> {
    let scope = authorization.split_once("Credential=")?.1.split(',').next()?;
    let mut parts = scope.split('/').rev();
    (parts.next()? == "aws4_request").then(|| parts.next()).flatten()
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn check(headers: &[(&str, &str)], path: &str, body: &str, name: &str, protocol: Protocol) {
        let mut request = Request::builder().method("POST").uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        assert_eq!(ProxiedCall::identify(&parts, body.as_bytes()), ProxiedCall { name: name.to_owned(), protocol });
    }

    #[test]
    fn proxied_call_is_identified_by_service_and_action() {
        let signed = "AWS4-HMAC-SHA256 Credential=AKIA/20260101/eu-central-1/sns/aws4_request, SignedHeaders=host";
        check(&[("x-amz-target", "DynamoDB_20120810.PutItem")], "/", "{}", "DynamoDB_20120810.PutItem", Protocol::Json);
        check(&[("authorization", signed)], "/", "Version=1&Action=Publish", "sns.Publish", Protocol::Query);
        check(&[("authorization", "token abc")], "/api/0/demo/c/12ab/flag", "a=b", "POST flag", Protocol::Web);
        check(&[], "/api/0/demo/git/branches?with_commits=1", "", "POST branches", Protocol::Web);
    }
}
