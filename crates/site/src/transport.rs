//! Plain or TLS: what the test servers speak on.

use std::io;

use async_std::net::TcpStream;
use futures::io::{AsyncRead, AsyncWrite};

#[cfg(feature = "tls")]
use crate::tls::ServerTls;

/// What a server speaks HTTP over.
#[derive(Clone, Default)]
pub(crate) enum Transport {
    #[default]
    Plain,
    #[cfg(feature = "tls")]
    Tls(ServerTls),
}

/// A stream of either kind.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Duplex for S {}

/// What was agreed on with the client.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    #[cfg(feature = "tls")]
    Http2,
}

impl Transport {
    pub(crate) fn scheme(&self) -> &'static str {
        match self {
            Self::Plain => "http",
            #[cfg(feature = "tls")]
            Self::Tls(_) => "https",
        }
    }

    /// With TLS, once the handshake is done; it fails when the client does not trust us.
    pub(crate) async fn open(&self, stream: TcpStream) -> io::Result<(Box<dyn Duplex>, Protocol)> {
        match self {
            Self::Plain => Ok((Box::new(stream), Protocol::Http1)),
            #[cfg(feature = "tls")]
            Self::Tls(tls) => {
                let stream = tls.accept(stream).await?;
                let is_http2 = stream.get_ref().1.alpn_protocol() == Some(crate::tls::HTTP2);
                let protocol = if is_http2 { Protocol::Http2 } else { Protocol::Http1 };
                Ok((Box::new(stream), protocol))
            }
        }
    }
}
