//! A small client of the AWS protocols, for the sandbox's own calls.
//!
//! The product's binaries use the SDK.
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Method, Request};
use serde_json::Value;
use url::Url;

use crate::credentials::AccessKey;
use crate::test_ca::TestCa;

/// Longer than the longest long poll (20 s), so that a poll is never taken for a hang.
const CALL_TIMEOUT: Duration = Duration::from_secs(40);

/// Signs and sends calls as one principal to one endpoint. Cheap to clone.
#[derive(Clone)]
pub struct AwsClient {
    http: reqwest::Client,
    endpoint: Url,
    region: String,
    key: AccessKey,
}

impl std::fmt::Debug for AwsClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AwsClient")
            .field("endpoint", &self.endpoint.as_str())
            .field("region", &self.region)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// An error of a service, or the reason why there was no response.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{code} ({status}): {message}")]
pub struct AwsError {
    /// The HTTP status; 0 without a response.
    pub status: u16,
    /// The service's code without its namespace (`AccessDeniedException`); [`AwsError::NO_RESPONSE`] without a
    /// response, [`AwsError::INVALID_RESPONSE`] if it could not be parsed.
    pub code: String,
    /// The service's message.
    pub message: String,
}

impl AwsError {
    /// The code of a call without a response: connection refused, TLS error, timeout.
    pub const NO_RESPONSE: &'static str = "NoAnswer";
    /// The code of a response that violates the protocol.
    pub const INVALID_RESPONSE: &'static str = "Unreadable";

    /// Whether IAM, a resource policy or the signature check denied the call.
    pub fn is_denied(&self) -> bool {
        self.code.starts_with("AccessDenied") || self.code == "AuthorizationError" || self.status == 403
    }

    fn no_response(error: &dyn std::error::Error) -> AwsError {
        AwsError { status: 0, code: AwsError::NO_RESPONSE.to_owned(), message: error_chain(error) }
    }

    pub(crate) fn invalid_response(status: u16, why: impl std::fmt::Display) -> AwsError {
        AwsError { status, code: AwsError::INVALID_RESPONSE.to_owned(), message: why.to_string() }
    }
}

/// A response of the query protocol.
#[derive(Debug, Clone)]
pub struct XmlResponse(String);

impl XmlResponse {
    /// The content of the first element of that name, at any depth and in any namespace.
    pub fn text(&self, tag: &str) -> Option<String> {
        let document = roxmltree::Document::parse(&self.0).ok()?;
        let element = document.descendants().find(|node| node.is_element() && node.tag_name().name() == tag)?;
        Some(element.text().unwrap_or_default().to_owned())
    }

    /// The contents of all elements of that name.
    pub(crate) fn texts(&self, tag: &str) -> Vec<String> {
        let Ok(document) = roxmltree::Document::parse(&self.0) else { return Vec::new() };
        let elements = document.descendants().filter(|node| node.is_element() && node.tag_name().name() == tag);
        elements.map(|element| element.text().unwrap_or_default().to_owned()).collect()
    }

    pub(crate) fn required(&self, tag: &str) -> Result<String, AwsError> {
        self.text(tag).ok_or_else(|| AwsError::invalid_response(200, format!("the response has no {tag}: {}", self.0)))
    }
}

impl AwsClient {
    /// A client of `endpoint` (`https://127.0.0.1:<port>`) that trusts only `ca`.
    pub fn new(endpoint: &str, region: &str, key: AccessKey, ca: &TestCa) -> anyhow::Result<AwsClient> {
        let http = reqwest::Client::builder()
            .tls_certs_only([reqwest::Certificate::from_pem(ca.ca_pem().as_bytes())?])
            // A proxy configured on the developer's machine must never see the sandbox's traffic.
            .no_proxy()
            .timeout(CALL_TIMEOUT)
            .build()?;
        Ok(AwsClient { http, endpoint: Url::parse(endpoint)?, region: region.to_owned(), key })
    }

    /// The same endpoint with another key.
    pub fn with_key(&self, key: AccessKey) -> AwsClient {
        AwsClient { key, ..self.clone() }
    }

    /// The same key at another endpoint: the sandbox's CodeBuild, or the emulator's plain-HTTP port.
    pub fn with_endpoint(&self, endpoint: &str) -> anyhow::Result<AwsClient> {
        Ok(AwsClient { endpoint: Url::parse(endpoint)?, ..self.clone() })
    }

    /// The key that signs the calls.
    pub fn key(&self) -> &AccessKey {
        &self.key
    }

    /// The Region that calls are signed for.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Sends a call of the JSON protocols.
    ///
    /// `service` is the signing name (`ssm`), `target` the whole `X-Amz-Target` (`AmazonSSM.GetParameter`). An empty
    /// response is `null`. Nothing is retried.
    pub async fn json(&self, service: &str, target: &str, body: Value) -> Result<Value, AwsError> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, header_value(json_content_type(service))?);
        headers.insert("x-amz-target", header_value(target)?);
        let (status, text) = self.send(service, headers, body.to_string()).await?;
        if !(200..300).contains(&status) {
            return Err(json_error(status, &text));
        }
        if text.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).map_err(|error| AwsError::invalid_response(status, error))
    }

    /// Sends a call of the query protocol (SNS, IAM, STS).
    pub async fn query(
        &self,
        service: &str,
        version: &str,
        action: &str,
        params: &[(&str, &str)],
    ) -> Result<XmlResponse, AwsError> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, header_value("application/x-www-form-urlencoded; charset=utf-8")?);
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("Action", action), ("Version", version)])
            .extend_pairs(params)
            .finish();
        let (status, text) = self.send(service, headers, body).await?;
        let xml = XmlResponse(text);
        if (200..300).contains(&status) { Ok(xml) } else { Err(xml_error(status, &xml)) }
    }

    async fn send(&self, service: &str, headers: HeaderMap, body: String) -> Result<(u16, String), AwsError> {
        let mut request = Request::new(Method::POST, self.endpoint.clone());
        *request.headers_mut() = headers;
        self.sign(service, &mut request, body.as_bytes())?;
        *request.body_mut() = Some(body.into());
        let response = self.http.execute(request).await.map_err(|error| AwsError::no_response(&error))?;
        let status = response.status().as_u16();
        let text = response.text().await.map_err(|error| AwsError::no_response(&error))?;
        Ok((status, text))
    }

    fn sign(&self, service: &str, request: &mut Request, body: &[u8]) -> Result<(), AwsError> {
        let identity = Credentials::new(
            &self.key.access_key_id,
            &self.key.secret_access_key,
            self.key.session_token.clone(),
            None,
            "sandbox",
        )
        .into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(service)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| AwsError::no_response(&error))?
            .into();
        let headers = request.headers().iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let signable = SignableRequest::new("POST", request.url().as_str(), headers, SignableBody::Bytes(body))
            .map_err(|error| AwsError::no_response(&error))?;
        let (instructions, _) = sign(signable, &params).map_err(|error| AwsError::no_response(&error))?.into_parts();
        let (signed, _) = instructions.into_parts();
        for signature in signed {
            request.headers_mut().insert(signature.name(), header_value(signature.value())?);
        }
        Ok(())
    }
}

/// SQS and DynamoDB use JSON 1.0; the older JSON services use 1.1.
fn json_content_type(service: &str) -> &'static str {
    match service {
        "sqs" | "dynamodb" => "application/x-amz-json-1.0",
        _ => "application/x-amz-json-1.1",
    }
}

fn json_error(status: u16, text: &str) -> AwsError {
    let Ok(body) = serde_json::from_str::<Value>(text) else {
        return AwsError::invalid_response(status, text);
    };
    let field = |names: [&str; 2]| names.iter().find_map(|name| body[*name].as_str());
    let code = field(["__type", "code"]).unwrap_or(AwsError::INVALID_RESPONSE);
    AwsError {
        status,
        // `com.amazonaws.sqs#QueueDoesNotExist`
        code: code.rsplit('#').next().unwrap_or(code).to_owned(),
        message: field(["message", "Message"]).unwrap_or(text).to_owned(),
    }
}

fn xml_error(status: u16, xml: &XmlResponse) -> AwsError {
    match xml.text("Code") {
        Some(code) => AwsError { status, code, message: xml.text("Message").unwrap_or_default() },
        None => AwsError::invalid_response(status, &xml.0),
    }
}

fn header_value(text: &str) -> Result<reqwest::header::HeaderValue, AwsError> {
    text.parse().map_err(|error| AwsError::no_response(&error))
}

/// The error and its causes in one line: reqwest shows the cause of a refused connection only there.
fn error_chain(error: &dyn std::error::Error) -> String {
    doorbell_messages::text::error_chain(&error.to_string(), error)
}
