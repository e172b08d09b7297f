use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use tracing::error;

use crate::metrics;

/// Runs `work`. A panic is logged and counted; the error is its message.
pub(crate) async fn catch_panic(work: impl Future<Output = ()>, what: &str) -> Result<(), String> {
    AssertUnwindSafe(work).catch_unwind().await.map_err(|panic| {
        let message = panic_message(&*panic);
        metrics::panicked();
        error!("{what} panicked: {message}");
        message
    })
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    crate::domain::one_line(text.unwrap_or("no message"))
}
