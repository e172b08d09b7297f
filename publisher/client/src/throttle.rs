use aws_sdk_sns::config::interceptors::InterceptorContext;
use aws_sdk_sns::config::retry::{ClassifyRetry, RetryAction};
use aws_sdk_sns::error::ProvideErrorMetadata;
use aws_sdk_sns::operation::publish::PublishError;

/// Tells the SDK's own retry of two throttles that it does not know: SNS's is called `Throttled` and comes as HTTP 429,
/// and the topic's key may be throttled too.
#[derive(Debug)]
pub(crate) struct ThrottleClassifier;

const THROTTLING_CODES: [&str; 3] = ["Throttled", "KMSThrottling", "KMSThrottlingException"];

impl ClassifyRetry for ThrottleClassifier {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let status = context.response().map(|response| response.status().as_u16());
        let code = context
            .output_or_error()
            .and_then(|result| result.err())
            .and_then(|error| error.as_operation_error())
            .and_then(|error| error.downcast_ref::<PublishError>())
            .and_then(|error| error.code());
        if status == Some(429) || code.is_some_and(|code| THROTTLING_CODES.contains(&code)) {
            RetryAction::throttling_error()
        } else {
            RetryAction::NoActionIndicated
        }
    }

    fn name(&self) -> &'static str {
        "SNS throttling"
    }
}
