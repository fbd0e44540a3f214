//! gather-core inside somebody else's runtime: an axum service on tokio, whose handlers gather, limit and wait.
//!
//! `cargo run -p gather-core --example axum_service`, then `curl http://127.0.0.1:PORT/length/one/three`; it stops
//! when its stdin is closed (Ctrl-D).
#![allow(clippy::print_stdout, reason = "a program of the tutorial prints")]

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use gather_core::{Ended, Lane, Limiter, gather, timeout, to_thread, to_thread_in};

type Answer = Result<String, (StatusCode, String)>;

/// Stands for work that computes: on a thread of the CPU lane it holds up no connection.
async fn length(word: String) -> Result<usize, Ended> {
    to_thread_in(Lane::Cpu, move || word.chars().count()).await
}

/// Two computations at once, four requests at most at work, two seconds for all of it.
async fn lengths(State(limiter): State<Arc<Limiter>>, Path((one, two)): Path<(String, String)>) -> Answer {
    let work = async {
        let _permit = limiter.acquire(()).await;
        gather([length(one), length(two)]).await
    };
    match timeout(Duration::from_secs(2), work).await {
        Ok(Ok(lengths)) => Ok(format!("{lengths:?}\n")),
        Ok(Err(ended)) => Err((StatusCode::INTERNAL_SERVER_ERROR, ended.to_string())),
        Err(late) => Err((StatusCode::SERVICE_UNAVAILABLE, late.to_string())),
    }
}

/// The shutdown that axum waits for: the end of stdin, read on a thread of the I/O lane.
async fn until_stdin_is_closed() {
    let _ = to_thread(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink())).await;
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let limiter = Limiter::new().concurrency(NonZeroUsize::MIN.saturating_add(3));
    let service = Router::new().route("/length/{one}/{two}", get(lengths)).with_state(Arc::new(limiter));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, service).with_graceful_shutdown(until_stdin_is_closed()).await?;
    println!("stopped");
    Ok(())
}
