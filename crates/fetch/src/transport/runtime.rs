//! What hyper asks of a runtime: an executor and a timer, both from gather-core.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Runs hyper's connection drivers. They are spawned from inside some request's poll and serve many, so they inherit
/// neither its deadline nor its scope.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Services;

impl<F> hyper::rt::Executor<F> for Services
where
    F: Future + Send + 'static,
{
    fn execute(&self, driver: F) {
        gather_core::spawn_service(async move {
            driver.await;
        });
    }
}

/// gather-core's clock, for hyper.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock;

impl hyper::rt::Timer for Clock {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn hyper::rt::Sleep>> {
        let now = gather_core::now();
        // A hundred years is the end of time for a connection pool.
        self.sleep_until(now.checked_add(duration).unwrap_or(now + Duration::from_secs(3_155_760_000)))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(Nap(gather_core::sleep_until(deadline)))
    }

    fn now(&self) -> Instant {
        gather_core::now()
    }
}

struct Nap(gather_core::Sleep);

impl Future for Nap {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl hyper::rt::Sleep for Nap {}
