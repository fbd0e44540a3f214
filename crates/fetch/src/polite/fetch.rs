//! Fetches one robots.txt: behind its redirects, within its time, as much of it as counts.

use std::time::Duration;

use futures::future::BoxFuture;
use gather_core::{Lane, timeout, to_thread_in};
use url::Url;

use crate::error::{Error, ErrorKind, Failure};
use crate::redirect;
use crate::robots::{Access, MAX_ROBOTS};
use crate::streaming::Streaming;

/// Asks for one URL, without following a redirect.
pub(crate) type Ask<'a> = &'a (dyn Fn(Url) -> BoxFuture<'static, Result<Streaming, Error>> + Send + Sync);

/// So many redirects are followed, to other hosts too; behind more the file counts as not there (RFC 9309, 2.3.1.2).
const MAX_REDIRECTS: usize = 5;

/// How long fetching may take, with redirects, retries and waits: everything else waits for it.
pub(super) const FETCHING: Duration = Duration::from_secs(30);

/// From this size on a file is parsed off the event loop.
const LARGE: usize = 32 << 10;

/// What the file says, or its absence; and its bytes.
pub(super) async fn fetch(url: Url, downgrade: bool, ask: Ask<'_>) -> (Access, usize) {
    match timeout(FETCHING, follow(url, downgrade, ask)).await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => (Access::from_error(&error), 0),
        Err(_) => {
            let why = format!("robots.txt cannot be had: nothing within {}s", FETCHING.as_secs());
            (Access::DisallowAll(why), 0)
        }
    }
}

/// The answer behind the redirects.
async fn follow(mut url: Url, downgrade: bool, ask: Ask<'_>) -> Result<(Access, usize), Error> {
    for _ in 0..=MAX_REDIRECTS {
        let response = ask(url).await?;
        url = match target(&response, downgrade) {
            None => return read(response).await,
            Some(Ok(target)) => target,
            Some(Err(access)) => return Ok((access, 0)),
        };
    }
    let why = format!("there is no robots.txt: more than {MAX_REDIRECTS} redirects");
    Ok((Access::AllowAll(why), 0))
}

/// Where a redirect leads to. To what is no web address there is no file; what we will not follow may have one.
fn target(response: &Streaming, downgrade: bool) -> Option<Result<Url, Access>> {
    let location = redirect::location(response.status(), response.headers())?;
    let resolved = |downgrade| redirect::resolve(response.url(), location, downgrade);
    Some(resolved(downgrade).map_err(|failure| match resolved(true) {
        Ok(_) => Access::DisallowAll(format!("robots.txt cannot be had: {failure}")),
        Err(_) => Access::AllowAll(format!("there is no robots.txt: {failure}")),
    }))
}

async fn read(mut response: Streaming) -> Result<(Access, usize), Error> {
    let status = response.status();
    let is_there = (200..300).contains(&status);
    let body = if is_there { robots_body(&mut response).await? } else { Vec::new() };
    let bytes = body.len();
    if bytes < LARGE {
        return Ok((Access::from_status(status, &body), bytes));
    }
    let parsed = to_thread_in(Lane::Cpu, move || Access::from_status(status, &body)).await;
    let access = parsed.map_err(|ended| Failure::new(ErrorKind::Cancelled, ended.to_string()))?;
    Ok((access, bytes))
}

/// As much of a robots.txt as counts: a few bytes more than the [`MAX_ROBOTS`] that are parsed, for a byte order mark and to know
/// whether the last line goes on. The rest is never read. Dropping the future drops what was read.
///
/// ```
/// use gather_fetch::{Client, Request, Robots, robots_body};
///
/// # let server = gather_site::Mock::start(|_| gather_site::Reply::text("User-agent: *\nDisallow: /private")).unwrap();
/// # let url = server.join("/robots.txt");
/// let robots = gather_core::run(async {
///     let client = Client::builder().allow_private(true).build().unwrap();
///     let mut response = client.stream(Request::get(&url).unwrap()).await.unwrap();
///     Robots::parse(&robots_body(&mut response).await.unwrap())
/// });
/// assert!(!robots.unwrap().check("gather", "/private/page").allowed);
/// ```
///
/// # Errors
/// What befalls the body on its way.
pub async fn robots_body(response: &mut Streaming) -> Result<Vec<u8>, Error> {
    const ENOUGH: usize = MAX_ROBOTS + 4;
    let mut body = Vec::new();
    while body.len() < ENOUGH {
        let Some(chunk) = response.chunk().await? else { break };
        let wanted = chunk.len().min(ENOUGH - body.len());
        body.extend_from_slice(chunk.get(..wanted).unwrap_or_default());
    }
    Ok(body)
}
