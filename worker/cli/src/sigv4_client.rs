//! Signed calls of EventBridge, IAM, CloudWatch Logs and Service Quotas, which have too few calls for an SDK crate each
//! (docs/decisions/0047, 0078).

use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use doorbell_adapters::aws::{AwsCallError, foreign_words};
use doorbell_adapters::error_chain;
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Client, Method, Request, Url};
use serde_json::Value;

/// Time limit of one call.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// An HTTP client that signs its requests with AWS Signature Version 4.
#[derive(Debug)]
pub(crate) struct SigV4Client {
    http: Client,
    sdk: SdkConfig,
    region: String,
}

/// An AWS service, with its signing name and endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AwsService {
    Events,
    Iam,
    Logs,
    ServiceQuotas,
}

impl AwsService {
    fn name(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Iam => "iam",
            Self::Logs => "logs",
            Self::ServiceQuotas => "servicequotas",
        }
    }

    /// The variable that sets the endpoint; the AWS CLI reads that of Service Quotas, too.
    fn endpoint_variable(self) -> &'static str {
        match self {
            Self::Events => "AWS_ENDPOINT_URL_EVENTS",
            Self::Iam => "AWS_ENDPOINT_URL_IAM",
            Self::Logs => "AWS_ENDPOINT_URL_LOGS",
            Self::ServiceQuotas => "AWS_ENDPOINT_URL_SERVICE_QUOTAS",
        }
    }

    /// Endpoint and signing Region; IAM has one endpoint for each partition.
    fn endpoint(self, region: &str) -> (String, String) {
        let is_china = region.starts_with("cn-");
        let domain = if is_china { "amazonaws.com.cn" } else { "amazonaws.com" };
        match self {
            Self::Iam if is_china => (format!("https://iam.cn-north-1.{domain}"), "cn-north-1".to_owned()),
            Self::Iam if region.starts_with("us-gov-") => {
                (format!("https://iam.us-gov.{domain}"), "us-gov-west-1".to_owned())
            }
            Self::Iam => (format!("https://iam.{domain}"), "us-east-1".to_owned()),
            Self::Events | Self::Logs | Self::ServiceQuotas => {
                (format!("https://{}.{region}.{domain}", self.name()), region.to_owned())
            }
        }
    }
}

impl SigV4Client {
    /// A client with the credentials, Region and endpoint of this SDK configuration.
    ///
    /// # Errors
    /// The HTTPS client cannot be created.
    pub(crate) fn new(sdk: &SdkConfig) -> Result<Self, AwsCallError> {
        let http = Client::builder()
            .timeout(CALL_TIMEOUT)
            .build()
            .map_err(|error| call_error("HTTPS", None, &error.to_string()))?;
        Ok(Self { http, sdk: sdk.clone(), region: sdk.region().map(ToString::to_string).unwrap_or_default() })
    }

    /// Sends a call of the JSON protocol; `target` is the whole `X-Amz-Target`.
    ///
    /// # Errors
    /// The service returned an error, or there was no response.
    pub(crate) async fn json(
        &self,
        service: AwsService,
        target: &'static str,
        body: &Value,
    ) -> Result<Value, AwsCallError> {
        let headers = [
            (CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.1")),
            (HeaderName::from_static("x-amz-target"), HeaderValue::from_static(target)),
        ];
        let call = target.rsplit('.').next().unwrap_or(target);
        let (is_success, text) = self.send(service, call, headers.into(), body.to_string()).await?;
        let answer: Value = serde_json::from_str(&text).unwrap_or_default();
        if is_success {
            return Ok(answer);
        }
        let code = answer["__type"].as_str().or(answer["code"].as_str());
        let message = answer["message"].as_str().or(answer["Message"].as_str()).unwrap_or(&text);
        Err(call_error(call, code.and_then(|code| code.rsplit('#').next()), message))
    }

    /// Sends a call of the query protocol, whose response is XML.
    ///
    /// # Errors
    /// As for [`SigV4Client::json`].
    pub(crate) async fn query(
        &self,
        service: AwsService,
        call: &str,
        version: &str,
        parameters: &[(&str, &str)],
    ) -> Result<QueryResponse, AwsCallError> {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.append_pair("Action", call).append_pair("Version", version).extend_pairs(parameters);
        let headers = [(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"))];
        let (is_success, text) = self.send(service, call, headers.into(), body.finish()).await?;
        if roxmltree::Document::parse(&text).is_err() {
            return Err(call_error(call, None, "the answer is no XML"));
        }
        let answer = QueryResponse(text);
        if is_success {
            return Ok(answer);
        }
        let message = answer.element_texts("Message").pop().unwrap_or_default();
        Err(call_error(call, answer.element_texts("Code").first().map(String::as_str), &message))
    }

    async fn send(
        &self,
        service: AwsService,
        call: &str,
        headers: Vec<(HeaderName, HeaderValue)>,
        body: String,
    ) -> Result<(bool, String), AwsCallError> {
        let transport_error = |problem: String| call_error(call, None, &problem);
        let (default_endpoint, region) = service.endpoint(&self.region);
        let configured = std::env::var(service.endpoint_variable()).ok().filter(|url| !url.is_empty());
        let endpoint = configured.or_else(|| self.sdk.endpoint_url().map(str::to_owned)).unwrap_or(default_endpoint);
        let url = Url::parse(&endpoint).map_err(|error| transport_error(format!("{endpoint}: {error}")))?;
        let mut request = Request::new(Method::POST, url);
        request.headers_mut().extend(headers);
        self.sign(service, &region, &mut request, body.as_bytes()).await.map_err(transport_error)?;
        *request.body_mut() = Some(body.into());
        let response_error = |error: reqwest::Error| transport_error(error_chain(&error.to_string(), &error));
        let answer = self.http.execute(request).await.map_err(response_error)?;
        let is_success = answer.status().is_success();
        let text = answer.text().await.map_err(response_error)?;
        Ok((is_success, text))
    }

    async fn sign(&self, service: AwsService, region: &str, request: &mut Request, body: &[u8]) -> Result<(), String> {
        let describe = |error: &dyn std::error::Error| error.to_string();
        let provider = self.sdk.credentials_provider().ok_or("no credentials")?;
        let identity = provider.provide_credentials().await.map_err(|error| describe(&error))?.into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(region)
            .name(service.name())
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| describe(&error))?
            .into();
        let headers = request.headers().iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let signable = SignableRequest::new("POST", request.url().as_str(), headers, SignableBody::Bytes(body))
            .map_err(|error| describe(&error))?;
        let (instructions, _) = sign(signable, &parameters).map_err(|error| describe(&error))?.into_parts();
        for header in instructions.into_parts().0 {
            let value = HeaderValue::from_str(header.value()).map_err(|error| describe(&error))?;
            request.headers_mut().insert(header.name(), value);
        }
        Ok(())
    }
}

/// A response of the query protocol.
#[derive(Debug)]
pub(crate) struct QueryResponse(String);

impl QueryResponse {
    /// Texts of all elements with this name, in document order.
    pub(crate) fn element_texts(&self, name: &str) -> Vec<String> {
        // The response was parsed before: an error cannot occur here.
        let Ok(document) = roxmltree::Document::parse(&self.0) else { return Vec::new() };
        let nodes = document.descendants().filter(|node| node.tag_name().name() == name);
        nodes.filter_map(|node| node.text()).map(str::to_owned).collect()
    }
}

fn call_error(call: &str, code: Option<&str>, message: &str) -> AwsCallError {
    let message = code.map(|code| format!("{code}: {message}")).unwrap_or_else(|| message.to_owned());
    AwsCallError {
        call: call.to_owned(),
        code: code.map(foreign_words),
        message: doorbell_engine::domain::one_line(&foreign_words(&message)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_endpoint_follows_partition() {
        let endpoint = |service: AwsService, region| service.endpoint(region).0;
        assert_eq!(endpoint(AwsService::Events, "eu-north-1"), "https://events.eu-north-1.amazonaws.com");
        assert_eq!(endpoint(AwsService::Logs, "cn-north-1"), "https://logs.cn-north-1.amazonaws.com.cn");
        let quotas = endpoint(AwsService::ServiceQuotas, "eu-north-1");
        assert_eq!(quotas, "https://servicequotas.eu-north-1.amazonaws.com");
        assert_eq!(
            AwsService::Iam.endpoint("eu-north-1"),
            ("https://iam.amazonaws.com".to_owned(), "us-east-1".to_owned())
        );
    }
}
