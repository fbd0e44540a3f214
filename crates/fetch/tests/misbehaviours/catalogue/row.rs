//! A row of the catalogue: what a server does, where that is known from, and what must come of it.

use std::sync::Arc;
use std::time::Duration;

use gather_fetch::{ClientBuilder, ErrorKind, Limits, Phase};
use gather_site::Step;

/// How long a phase may take that is meant to run out.
pub(crate) const SHORT: Duration = Duration::from_millis(200);

/// Where the servers of a row are, without a slash at the end.
pub(crate) struct Place {
    pub(crate) here: String,
    /// A second server, at another port; it answers every request with `other`.
    pub(crate) other: String,
}

impl Place {
    /// The address of a server by its port alone.
    pub(crate) fn port(url: &str) -> u16 {
        url.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port at the end")
    }
}

pub(crate) type Script = Arc<dyn Fn(&Place, usize) -> Vec<Step> + Send + Sync>;

/// With which certificate the server speaks TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Certificate {
    Good,
    Expired,
    NotYetValid,
    WrongHost,
    SelfSigned,
    UnknownIssuer,
}

/// What must come of it.
#[derive(Clone, Debug)]
pub(crate) enum Want {
    /// The response is taken, with this status and body.
    Whole(u16, Vec<u8>),
    Fails(ErrorKind),
    TimesOut(Phase),
    /// Which of these depends on what comes first on the wire.
    OneOf(Vec<Want>),
}

/// What is asked for.
pub(crate) struct Ask {
    pub(crate) method: &'static str,
    pub(crate) headers: Vec<(&'static str, &'static str)>,
    pub(crate) body: Vec<u8>,
    /// So many requests, one after the other. The last one is judged; those before it are to succeed.
    pub(crate) times: usize,
    pub(crate) url: fn(&Place) -> String,
}

type Options = Box<dyn Fn(ClientBuilder, &Place) -> ClientBuilder + Send + Sync>;
type Judge = fn(&[u8]) -> bool;

pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// An RFC's section, a test of curl, an issue, a CVE.
    pub(crate) source: &'static str,
    pub(crate) script: Script,
    pub(crate) tls: Option<Certificate>,
    pub(crate) ask: Ask,
    pub(crate) options: Option<Options>,
    pub(crate) limits: Limits,
    pub(crate) want: Want,
    pub(crate) attempts: u32,
    /// How many requests the server is to have read; `None` where that depends on what comes first.
    pub(crate) requests: Option<usize>,
    /// What must hold of the last request that it read.
    pub(crate) last: Option<Judge>,
    /// How many requests the second server is to have read, and what must hold of each.
    pub(crate) other: (usize, Option<Judge>),
}

/// A row about a server that follows a script on each connection; they count from 1.
pub(crate) fn script(
    name: &'static str,
    source: &'static str,
    script: impl Fn(&Place, usize) -> Vec<Step> + Send + Sync + 'static,
) -> Row {
    let mut limits = Limits::default();
    limits.body = 256 << 10;
    Row {
        name,
        source,
        script: Arc::new(script),
        tls: None,
        ask: Ask {
            method: "GET",
            headers: Vec::new(),
            body: Vec::new(),
            times: 1,
            url: |place| format!("{}/", place.here),
        },
        options: None,
        limits,
        want: Want::Fails(ErrorKind::Body),
        attempts: 1,
        requests: Some(1),
        last: None,
        other: (0, None),
    }
}

/// A row about a server that reads a request, sends these bytes, and closes.
pub(crate) fn answer(name: &'static str, source: &'static str, bytes: impl AsRef<[u8]>) -> Row {
    let bytes = bytes.as_ref().to_vec();
    script(name, source, move |_, _| vec![Step::Read, Step::send(&bytes), Step::Close])
}

/// The same, but it keeps the connection open and says no more: what is whole must not wait for its end.
pub(crate) fn answer_and_hold(name: &'static str, source: &'static str, bytes: impl AsRef<[u8]>) -> Row {
    let bytes = bytes.as_ref().to_vec();
    script(name, source, move |_, _| vec![Step::Read, Step::send(&bytes), Step::Hold])
}

/// A row about a server that sends these bytes, and then those for ever.
pub(crate) fn flood(
    name: &'static str,
    source: &'static str,
    begin: impl AsRef<[u8]>,
    again: impl AsRef<[u8]>,
) -> Row {
    let (begin, again) = (begin.as_ref().to_vec(), again.as_ref().to_vec());
    script(name, source, move |_, _| vec![Step::Read, Step::send(&begin), Step::flood(&again)])
}

impl Row {
    pub(crate) fn gives(mut self, status: u16, body: impl AsRef<[u8]>) -> Self {
        self.want = Want::Whole(status, body.as_ref().to_vec());
        self
    }

    pub(crate) fn fails(mut self, kind: ErrorKind) -> Self {
        self.want = Want::Fails(kind);
        self
    }

    /// The phase runs out, and its limit is short: the server may not even have come to read the request.
    pub(crate) fn times_out(mut self, phase: Phase) -> Self {
        (self.want, self.requests) = (Want::TimesOut(phase), None);
        self
    }

    pub(crate) fn one_of(mut self, wants: impl IntoIterator<Item = Want>) -> Self {
        self.want = Want::OneOf(wants.into_iter().collect());
        self
    }

    pub(crate) fn tls(mut self, certificate: Certificate) -> Self {
        self.tls = Some(certificate);
        self
    }

    pub(crate) fn method(mut self, method: &'static str, body: impl AsRef<[u8]>) -> Self {
        self.ask.method = method;
        self.ask.body = body.as_ref().to_vec();
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.ask.headers.push((name, value));
        self
    }

    pub(crate) fn times(mut self, times: usize) -> Self {
        self.ask.times = times;
        self.requests = Some(times);
        self
    }

    pub(crate) fn url(mut self, url: fn(&Place) -> String) -> Self {
        self.ask.url = url;
        self
    }

    /// Options that only the library has, or that would not do for other rows.
    pub(crate) fn options(
        mut self,
        options: impl Fn(ClientBuilder, &Place) -> ClientBuilder + Send + Sync + 'static,
    ) -> Self {
        self.options = Some(Box::new(options));
        self
    }

    /// A larger bound on the body, where another one is to be hit.
    pub(crate) fn body_limit(mut self, bytes: u64) -> Self {
        self.limits.body = bytes;
        self
    }

    pub(crate) fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    pub(crate) fn requests(mut self, requests: impl Into<Option<usize>>) -> Self {
        self.requests = requests.into();
        self
    }

    pub(crate) fn last_request(mut self, judge: Judge) -> Self {
        self.last = Some(judge);
        self
    }

    /// The second server is asked so many times, and each request is as it should be.
    pub(crate) fn other(mut self, requests: usize, judge: Option<Judge>) -> Self {
        self.other = (requests, judge);
        self
    }

    /// Whether a single GET with common options tells the same.
    pub(crate) fn is_plain(&self) -> bool {
        let ask = &self.ask;
        ask.method == "GET" && ask.times == 1 && ask.headers.is_empty() && self.options.is_none()
    }

    /// Whether the command line can say it, given a run of its own.
    pub(crate) fn is_sayable(&self) -> bool {
        self.options.is_none()
    }
}

/// A response of this body with its right length.
pub(crate) fn sized(headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// A chunked response whose body is written out.
pub(crate) fn chunked(body: impl AsRef<[u8]>) -> Vec<u8> {
    [&b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"[..], body.as_ref()].concat()
}

pub(crate) fn has(request: &[u8], text: &str) -> bool {
    String::from_utf8_lossy(request).to_ascii_lowercase().contains(text)
}
