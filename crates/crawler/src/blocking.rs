//! What would hold up the event loop, done elsewhere.

use gather_core::to_thread;

use crate::error::{Error, ErrorKind};

/// Does work that waits for the system on a thread.
///
/// # Errors
/// The work panicked, or was cancelled.
pub(crate) async fn off_the_loop<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    to_thread(work).await.map_err(|ended| Error::new(ErrorKind::Io, ended.to_string()))
}
