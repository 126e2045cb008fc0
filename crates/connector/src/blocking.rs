//! Work that blocks, away from the threads that must not.

use flow_engine::run::{Done, Failure, FailureKind};

/// Runs `work` on a thread for blocking work.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => {
            let message = "the process is ending";
            Err(Failure::of(
                FailureKind::Transient,
                Done::Unknown,
                "call.cancelled",
                message,
            ))
        }
    }
}
