//! Calls of the few services that are asked too little to be worth an SDK crate of half a minute each: EventBridge,
//! IAM, CloudWatch Logs. Signed by `aws-sigv4`, as the SDK's own are.

use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use doorbell_worker::{CallFailed, with_causes};
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Client, Method, Request, Url};
use serde_json::Value;

/// One call.
const CALL: Duration = Duration::from_secs(10);

/// Signs and sends.
#[derive(Debug)]
pub(crate) struct Signed {
    http: Client,
    sdk: SdkConfig,
    region: String,
}

/// A service: how it signs, and where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    Events,
    Iam,
    Logs,
}

impl Service {
    fn name(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Iam => "iam",
            Self::Logs => "logs",
        }
    }

    /// IAM is one for a whole partition, and signs for the Region where that is.
    fn place(self, region: &str) -> (String, String) {
        let is_china = region.starts_with("cn-");
        let domain = if is_china { "amazonaws.com.cn" } else { "amazonaws.com" };
        match self {
            Self::Iam if is_china => (format!("https://iam.cn-north-1.{domain}"), "cn-north-1".to_owned()),
            Self::Iam if region.starts_with("us-gov-") => {
                (format!("https://iam.us-gov.{domain}"), "us-gov-west-1".to_owned())
            }
            Self::Iam => (format!("https://iam.{domain}"), "us-east-1".to_owned()),
            Self::Events | Self::Logs => (format!("https://{}.{region}.{domain}", self.name()), region.to_owned()),
        }
    }
}

impl Signed {
    /// With the credentials, the Region and the endpoint of the SDK's other clients.
    ///
    /// # Errors
    /// No HTTPS client can be made.
    pub(crate) fn new(sdk: &SdkConfig) -> Result<Self, CallFailed> {
        let http =
            Client::builder().timeout(CALL).build().map_err(|error| failed("HTTPS", None, &error.to_string()))?;
        Ok(Self { http, sdk: sdk.clone(), region: sdk.region().map(ToString::to_string).unwrap_or_default() })
    }

    /// A call of the JSON protocol; `target` is the whole `X-Amz-Target`.
    ///
    /// # Errors
    /// The service refused, or did not answer.
    pub(crate) async fn json(&self, service: Service, target: &'static str, body: &Value) -> Result<Value, CallFailed> {
        let headers = [
            (CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.1")),
            (HeaderName::from_static("x-amz-target"), HeaderValue::from_static(target)),
        ];
        let call = target.rsplit('.').next().unwrap_or(target);
        let (is_good, text) = self.send(service, call, headers.into(), body.to_string()).await?;
        let answer: Value = serde_json::from_str(&text).unwrap_or_default();
        if is_good {
            return Ok(answer);
        }
        let code = answer["__type"].as_str().or(answer["code"].as_str());
        let message = answer["message"].as_str().or(answer["Message"].as_str()).unwrap_or(&text);
        Err(failed(call, code.and_then(|code| code.rsplit('#').next()), message))
    }

    /// A call of the query protocol, whose answer is XML.
    ///
    /// # Errors
    /// As [`Signed::json`].
    pub(crate) async fn query(
        &self,
        service: Service,
        call: &str,
        version: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Xml, CallFailed> {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.append_pair("Action", call).append_pair("Version", version).extend_pairs(parameters);
        let headers = [(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"))];
        let (is_good, text) = self.send(service, call, headers.into(), body.finish()).await?;
        if roxmltree::Document::parse(&text).is_err() {
            return Err(failed(call, None, "the answer is no XML"));
        }
        let answer = Xml(text);
        if is_good {
            return Ok(answer);
        }
        let message = answer.texts("Message").pop().unwrap_or_default();
        Err(failed(call, answer.texts("Code").first().map(String::as_str), &message))
    }

    async fn send(
        &self,
        service: Service,
        call: &str,
        headers: Vec<(HeaderName, HeaderValue)>,
        body: String,
    ) -> Result<(bool, String), CallFailed> {
        let broken = |problem: String| failed(call, None, &problem);
        let (place, region) = service.place(&self.region);
        let variable = format!("AWS_ENDPOINT_URL_{}", service.name().to_ascii_uppercase());
        let named = std::env::var(variable).ok().filter(|url| !url.is_empty());
        let endpoint = named.or_else(|| self.sdk.endpoint_url().map(str::to_owned)).unwrap_or(place);
        let url = Url::parse(&endpoint).map_err(|error| broken(format!("{endpoint}: {error}")))?;
        let mut request = Request::new(Method::POST, url);
        request.headers_mut().extend(headers);
        self.sign(service, &region, &mut request, body.as_bytes()).await.map_err(broken)?;
        *request.body_mut() = Some(body.into());
        let lost = |error: reqwest::Error| broken(with_causes(&error.to_string(), &error));
        let answer = self.http.execute(request).await.map_err(lost)?;
        let is_good = answer.status().is_success();
        let text = answer.text().await.map_err(lost)?;
        Ok((is_good, text))
    }

    async fn sign(&self, service: Service, region: &str, request: &mut Request, body: &[u8]) -> Result<(), String> {
        let words = |error: &dyn std::error::Error| error.to_string();
        let provider = self.sdk.credentials_provider().ok_or("no credentials")?;
        let identity = provider.provide_credentials().await.map_err(|error| words(&error))?.into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(region)
            .name(service.name())
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| words(&error))?
            .into();
        let headers = request.headers().iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let signable = SignableRequest::new("POST", request.url().as_str(), headers, SignableBody::Bytes(body))
            .map_err(|error| words(&error))?;
        let (instructions, _) = sign(signable, &parameters).map_err(|error| words(&error))?.into_parts();
        for header in instructions.into_parts().0 {
            let value = HeaderValue::from_str(header.value()).map_err(|error| words(&error))?;
            request.headers_mut().insert(header.name(), value);
        }
        Ok(())
    }
}

/// An answer of the query protocol.
#[derive(Debug)]
pub(crate) struct Xml(String);

impl Xml {
    /// The texts of the elements of that name, in their order.
    pub(crate) fn texts(&self, name: &str) -> Vec<String> {
        // It was read once already: an error is no case here.
        let Ok(document) = roxmltree::Document::parse(&self.0) else { return Vec::new() };
        let nodes = document.descendants().filter(|node| node.tag_name().name() == name);
        nodes.filter_map(|node| node.text()).map(str::to_owned).collect()
    }
}

fn failed(call: &str, code: Option<&str>, words: &str) -> CallFailed {
    let said = code.map(|code| format!("{code}: {words}")).unwrap_or_else(|| words.to_owned());
    CallFailed { call: call.to_owned(), code: code.map(str::to_owned), words: doorbell_engine::domain::one_line(&said) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_service_is_where_its_partition_has_it() {
        let place = |service: Service, region| service.place(region).0;
        assert_eq!(place(Service::Events, "eu-north-1"), "https://events.eu-north-1.amazonaws.com");
        assert_eq!(place(Service::Logs, "cn-north-1"), "https://logs.cn-north-1.amazonaws.com.cn");
        assert_eq!(Service::Iam.place("eu-north-1"), ("https://iam.amazonaws.com".to_owned(), "us-east-1".to_owned()));
    }
}
