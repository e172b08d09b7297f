//! AWS Signature Version 4, from the service's side: it computes the signature of the received request and compares.
use std::time::SystemTime;

use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use super::error::CodeBuildError;
use crate::credentials::{AccessKey, KeyRing};

/// The allowed offset of a caller's clock, in both directions.
const MAX_CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// Headers that must be signed: otherwise a signature could be reused for another host, action, time or session.
const REQUIRED_SIGNED_HEADERS: [&str; 4] = ["host", "x-amz-date", "x-amz-target", "x-amz-security-token"];

/// The key that signed this call.
///
/// # Errors
/// AWS's own codes: `MissingAuthenticationTokenException`, `IncompleteSignatureException`,
/// `UnrecognizedClientException` and `InvalidSignatureException`.
pub(super) fn verify(
    keys: &KeyRing,
    service: &str,
    region: &str,
    parts: &Parts,
    body: &[u8],
    now: Timestamp,
) -> Result<AccessKey, CodeBuildError> {
    let authorization = header(&parts.headers, "authorization")
        .ok_or_else(|| CodeBuildError::new("MissingAuthenticationTokenException", "Missing Authentication Token"))?;
    let parsed = SigV4Header::parse(authorization).ok_or_else(|| {
        incomplete("Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' parameters.")
    })?;
    let date = header(&parts.headers, "x-amz-date")
        .ok_or_else(|| incomplete("Authorization header requires existence of an 'X-Amz-Date' header."))?;
    let time = check_date(date, now)?;
    parsed.check_scope(date, region, service)?;
    let key = keys
        .find(parsed.access_key_id)
        .filter(|key| key.session_token.as_deref() == header(&parts.headers, "x-amz-security-token"))
        .ok_or_else(|| {
            CodeBuildError::new("UnrecognizedClientException", "The security token included in the request is invalid.")
        })?;
    let canonical = canonical_request(parts, &parsed, body)?;
    let text = format!("{ALGORITHM}\n{date}\n{}\n{}", parsed.scope, hex_sha256(canonical.as_bytes()));
    let signing_key = generate_signing_key(&key.secret_access_key, time, region, service);
    // The comparison need not take constant time: an attacker who can measure it already controls this machine.
    if calculate_signature(signing_key, text.as_bytes()) == parsed.signature { Ok(key) } else { Err(mismatch()) }
}

/// The parsed `Authorization` header.
struct SigV4Header<'a> {
    access_key_id: &'a str,
    /// `<date>/<region>/<service>/aws4_request`
    scope: &'a str,
    signed_headers: Vec<&'a str>,
    signature: &'a str,
}

impl<'a> SigV4Header<'a> {
    fn parse(authorization: &'a str) -> Option<Self> {
        let fields = authorization.strip_prefix(ALGORITHM)?;
        let field = |name: &str| {
            fields.split(',').find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('=')).map(str::trim)
        };
        let (access_key_id, scope) = field("Credential")?.split_once('/')?;
        Some(Self {
            access_key_id,
            scope,
            signed_headers: field("SignedHeaders")?.split(';').collect(),
            signature: field("Signature")?,
        })
    }

    fn check_scope(&self, date: &str, region: &str, service: &str) -> Result<(), CodeBuildError> {
        let day = date.get(..8).unwrap_or_default();
        let expected = format!("{day}/{region}/{service}/aws4_request");
        if self.scope == expected {
            return Ok(());
        }
        let message = format!("Credential should be scoped to {expected}, not {}.", self.scope);
        Err(CodeBuildError::new("InvalidSignatureException", message))
    }
}

fn check_date(date: &str, now: Timestamp) -> Result<SystemTime, CodeBuildError> {
    let time = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", date)
        .and_then(|civil| civil.to_zoned(jiff::tz::TimeZone::UTC))
        .map_err(|_| incomplete("Date must be in ISO-8601 'basic format'."))?
        .timestamp();
    if now.duration_since(time).abs() > MAX_CLOCK_SKEW {
        let message = format!("Signature expired: {date} is more than 5 min. from {now}");
        return Err(CodeBuildError::new("InvalidSignatureException", message));
    }
    Ok(time.into())
}

fn canonical_request(parts: &Parts, parsed: &SigV4Header<'_>, body: &[u8]) -> Result<String, CodeBuildError> {
    let required = REQUIRED_SIGNED_HEADERS.iter().filter(|name| parts.headers.contains_key(**name));
    if let Some(name) = required.into_iter().find(|name| !parsed.signed_headers.contains(*name)) {
        let message = format!("'{name}' must be a 'SignedHeader' in the AWS Authorization.");
        return Err(CodeBuildError::new("InvalidSignatureException", message));
    }
    let headers: String = parsed
        .signed_headers
        .iter()
        .map(|name| Some(format!("{name}:{}\n", collapse_spaces(header(&parts.headers, name)?))))
        .collect::<Option<_>>()
        .ok_or_else(mismatch)?;
    let (path, query) = (parts.uri.path(), parts.uri.query().unwrap_or_default());
    let signed = parsed.signed_headers.join(";");
    Ok(format!("{}\n{path}\n{query}\n{headers}\n{signed}\n{}", parts.method, hex_sha256(body)))
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The canonical form of a header's value: trimmed, with single spaces.
fn collapse_spaces(value: &str) -> String {
    value.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

fn hex_sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn incomplete(message: &str) -> CodeBuildError {
    CodeBuildError::new("IncompleteSignatureException", message)
}

fn mismatch() -> CodeBuildError {
    CodeBuildError::new(
        "InvalidSignatureException",
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access \
         Key and signing method. Consult the service documentation for details.",
    )
}

#[cfg(test)]
mod tests {
    use aws_credential_types::Credentials;
    use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
    use aws_sigv4::sign::v4;
    use axum::http::{HeaderValue, Request};

    use super::*;

    const BODY: &[u8] = b"{}";
    const REGION: &str = "eu-central-1";

    fn now() -> Timestamp {
        "2026-11-21T12:00:00Z".parse().unwrap()
    }

    fn keys() -> KeyRing {
        let keys = KeyRing::default();
        keys.add(AccessKey {
            access_key_id: "ASIAONE".to_owned(),
            secret_access_key: "secret".to_owned(),
            session_token: Some("session".to_owned()),
            principal_arn: "arn:aws:iam::111122223333:role/worker".to_owned(),
            initiator: "worker/task".to_owned(),
        });
        keys
    }

    /// A call signed by the SDK's own signer.
    fn signed(region: &str, service: &str, time: Timestamp) -> Parts {
        let request = Request::post("https://127.0.0.1:1/")
            .header("host", "127.0.0.1:1")
            .header("x-amz-target", "CodeBuild_20161006.StartBuild")
            .header("x-amz-user-agent", "one   two ");
        let mut request = request.body(()).unwrap();
        let identity = Credentials::new("ASIAONE", "secret", Some("session".to_owned()), None, "test").into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(region)
            .name(service)
            .time(time.into())
            .settings(SigningSettings::default())
            .build()
            .unwrap()
            .into();
        let headers = request.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
        let signable =
            SignableRequest::new("POST", "https://127.0.0.1:1/", headers, SignableBody::Bytes(BODY)).unwrap();
        sign(signable, &params).unwrap().into_parts().0.apply_to_request_http1x(&mut request);
        request.into_parts().0
    }

    fn check(parts: &Parts, body: &[u8], expected: Result<(), &str>) {
        let outcome = verify(&keys(), "codebuild", REGION, parts, body, now()).map(drop).map_err(|error| error.code);
        assert_eq!(outcome, expected.map_err(str::to_owned), "{parts:?}");
    }

    #[test]
    fn signature_of_sdk_signer_is_accepted() {
        check(&signed(REGION, "codebuild", now()), BODY, Ok(()));
        let minutes = SignedDuration::from_mins(5);
        check(&signed(REGION, "codebuild", now() - minutes), BODY, Ok(()));
        check(&signed(REGION, "codebuild", now() + minutes), BODY, Ok(()));
    }

    #[test]
    fn signature_for_other_time_region_or_service_is_rejected() {
        let (late, invalid) = (SignedDuration::from_secs(301), Err("InvalidSignatureException"));
        check(&signed(REGION, "codebuild", now() - late), BODY, invalid);
        check(&signed(REGION, "codebuild", now() + late), BODY, invalid);
        check(&signed("us-east-1", "codebuild", now()), BODY, invalid);
        check(&signed(REGION, "sqs", now()), BODY, invalid);
    }

    #[test]
    fn request_modified_after_signing_is_rejected() {
        let invalid = Err("InvalidSignatureException");
        check(&signed(REGION, "codebuild", now()), b"{ }", invalid);
        for (name, value) in [
            ("x-amz-target", "CodeBuild_20161006.StopBuild"),
            ("x-amz-date", "20261121T120001Z"),
            ("host", "127.0.0.1:2"),
        ] {
            let mut parts = signed(REGION, "codebuild", now());
            parts.headers.insert(name, HeaderValue::from_static(value));
            check(&parts, BODY, invalid);
        }
        let mut parts = signed(REGION, "codebuild", now());
        parts.uri = "/?Action=Other".parse().unwrap();
        check(&parts, BODY, invalid);
        let mut parts = signed(REGION, "codebuild", now());
        parts.method = axum::http::Method::PUT;
        check(&parts, BODY, invalid);
    }

    #[test]
    fn missing_required_signed_header_is_rejected() {
        for name in ["host", "x-amz-date", "x-amz-target", "x-amz-security-token"] {
            let mut parts = signed(REGION, "codebuild", now());
            let changed = unsigned(&parts, name);
            parts.headers.insert("authorization", changed);
            let message = verify(&keys(), "codebuild", REGION, &parts, BODY, now()).unwrap_err().message;
            assert!(message.contains(name) && message.contains("must be"), "{message}");
        }
    }

    /// The authorization without `name` in its list of signed headers.
    fn unsigned(parts: &Parts, name: &str) -> HeaderValue {
        let text = parts.headers["authorization"].to_str().unwrap();
        let (before, rest) = text.split_once("SignedHeaders=").unwrap();
        let (names, after) = rest.split_once(',').unwrap();
        let names: Vec<_> = names.split(';').filter(|signed| *signed != name).collect();
        format!("{before}SignedHeaders={},{after}", names.join(";")).parse().unwrap()
    }

    #[test]
    fn missing_or_incomplete_authorization_is_reported() {
        let check_header = |value: Option<&'static str>, kind: &str| {
            let mut parts = signed(REGION, "codebuild", now());
            parts.headers.remove("authorization");
            if let Some(value) = value {
                parts.headers.insert("authorization", HeaderValue::from_static(value));
            }
            check(&parts, BODY, Err(kind));
        };
        check_header(None, "MissingAuthenticationTokenException");
        check_header(Some("Bearer token"), "IncompleteSignatureException");
        check_header(Some("AWS4-HMAC-SHA256 Credential=A/b, SignedHeaders=host"), "IncompleteSignatureException");
        let mut parts = signed(REGION, "codebuild", now());
        parts.headers.insert("x-amz-date", HeaderValue::from_static("today"));
        check(&parts, BODY, Err("IncompleteSignatureException"));
        parts.headers.remove("x-amz-date");
        check(&parts, BODY, Err("IncompleteSignatureException"));
    }
}
