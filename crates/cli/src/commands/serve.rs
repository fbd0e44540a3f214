//! `gather serve DIR`: a folder over HTTP on loopback.

use std::io::Write;

use anyhow::Context as _;
use gather_core::cancelled;
use gather_site::Site;

use crate::args::Serve;
use crate::exit::{Exit, usage_error};
use crate::progress::say;

pub(crate) async fn run(args: Serve) -> anyhow::Result<Exit> {
    let mut site = Site::builder(&args.folder).port(args.port).delay(args.delay).fail_rate(args.fail_rate);
    if let Some(log) = &args.log {
        site = site.log(log);
    }
    let running = site.start().await.map_err(usage_error)?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{}", running.url())
        .and_then(|()| stdout.flush())
        .context("cannot write the URL to stdout")?;
    let reason = cancelled().await;
    say(&format!("{} requests answered", running.requests()));
    if running.log_lines_lost() > 0 {
        say(&format!("warning: {} lines of the log could not be written", running.log_lines_lost()));
    }
    running.stop().await;
    Ok(reason.signal().map_or(Exit::Done, Exit::from))
}
