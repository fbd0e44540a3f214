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

impl Transport {
    pub(crate) fn scheme(&self) -> &'static str {
        match self {
            Self::Plain => "http",
            #[cfg(feature = "tls")]
            Self::Tls(_) => "https",
        }
    }

    /// With TLS, once the handshake is done; it fails when the client does not trust us.
    pub(crate) async fn open(&self, stream: TcpStream) -> io::Result<Box<dyn Duplex>> {
        match self {
            Self::Plain => Ok(Box::new(stream)),
            #[cfg(feature = "tls")]
            Self::Tls(tls) => Ok(Box::new(tls.accept(stream).await?)),
        }
    }
}
