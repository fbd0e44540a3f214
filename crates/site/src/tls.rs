//! A certificate authority for tests, and servers' certificates of every sort, made at run time.

use std::fmt;
use std::io;
use std::sync::Arc;

use async_std::net::TcpStream;
use futures_rustls::TlsAcceptor;
use futures_rustls::server::TlsStream;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::error::{Error, ErrorKind};

/// A certificate authority that nobody trusts unless told to: hand [`ca_pem`](Self::ca_pem) to the client.
///
/// ```
/// use gather_site::{Mock, Reply, TestCa};
///
/// let ca = TestCa::new()?;
/// let server = Mock::builder().tls(ca.good()?).start(|_| Reply::text("safe"))?;
/// assert!(server.url().starts_with("https://127.0.0.1:"));
/// assert!(ca.ca_pem().starts_with("-----BEGIN CERTIFICATE-----"));
/// # Ok::<_, gather_site::Error>(())
/// ```
pub struct TestCa {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// How a server speaks TLS: its certificate and key. For [`MockBuilder::tls`](crate::MockBuilder::tls) and
/// [`RudeBuilder::tls`](crate::RudeBuilder::tls). It offers `http/1.1` by ALPN,
/// unless [`http2`](Self::http2) was asked for.
#[derive(Clone)]
pub struct ServerTls(Arc<ServerConfig>);

/// HTTP/2 over TLS, as ALPN calls it (RFC 9113, section 3.1).
pub(crate) const HTTP2: &[u8] = b"h2";

impl TestCa {
    /// A new authority with a key of its own. It fails only when the system has no randomness.
    pub fn new() -> Result<Self, Error> {
        let mut params = CertificateParams::new(Vec::<String>::new()).map_err(failed)?;
        params.distinguished_name.push(DnType::CommonName, "gather test CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().map_err(failed)?;
        let pem = params.self_signed(&key).map_err(failed)?.pem();
        Ok(Self { issuer: Issuer::new(params, key), pem })
    }

    /// The authority's certificate in PEM, as a client's `--cacert` takes it.
    pub fn ca_pem(&self) -> &str {
        &self.pem
    }

    /// A good certificate for `localhost`, 127.0.0.1 and ::1.
    pub fn good(&self) -> Result<ServerTls, Error> {
        self.signed(leaf(&local_names())?)
    }

    /// A good certificate for these names and addresses only.
    pub fn good_for(&self, names: &[&str]) -> Result<ServerTls, Error> {
        self.signed(leaf(names)?)
    }

    /// As good, but it ended in 2001.
    pub fn expired(&self) -> Result<ServerTls, Error> {
        let mut params = leaf(&local_names())?;
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(2001, 1, 1);
        self.signed(params)
    }

    /// As good, but it begins in 2999.
    pub fn not_yet_valid(&self) -> Result<ServerTls, Error> {
        let mut params = leaf(&local_names())?;
        params.not_before = date_time_ymd(2999, 1, 1);
        params.not_after = date_time_ymd(3000, 1, 1);
        self.signed(params)
    }

    /// As good, but for `wrong.example`.
    pub fn wrong_host(&self) -> Result<ServerTls, Error> {
        self.signed(leaf(&["wrong.example"])?)
    }

    /// For the right names, but signed by its own key: no authority vouches for it.
    pub fn self_signed(&self) -> Result<ServerTls, Error> {
        let key = KeyPair::generate().map_err(failed)?;
        let certificate = leaf(&local_names())?.self_signed(&key).map_err(failed)?;
        server(certificate.der().clone(), &key)
    }

    /// Signed by its own key, as an authority of its own: what `openssl req -x509` makes, and many a server at home has.
    /// For these names, from the first year to the other; with its PEM, for who is to trust it.
    pub fn self_signed_ca(&self, names: &[&str], years: (i32, i32)) -> Result<(ServerTls, String), Error> {
        let key = KeyPair::generate().map_err(failed)?;
        let mut params = leaf(names)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_before = date_time_ymd(years.0, 1, 1);
        params.not_after = date_time_ymd(years.1, 1, 1);
        let certificate = params.self_signed(&key).map_err(failed)?;
        Ok((server(certificate.der().clone(), &key)?, certificate.pem()))
    }

    fn signed(&self, params: CertificateParams) -> Result<ServerTls, Error> {
        let key = KeyPair::generate().map_err(failed)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(failed)?;
        server(certificate.der().clone(), &key)
    }
}

fn local_names() -> [&'static str; 3] {
    ["localhost", "127.0.0.1", "::1"]
}

fn leaf(names: &[&str]) -> Result<CertificateParams, Error> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).map_err(failed)?;
    params.distinguished_name.push(DnType::CommonName, "gather test server");
    Ok(params)
}

fn server(certificate: CertificateDer<'static>, key: &KeyPair) -> Result<ServerTls, Error> {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(failed)?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .map_err(failed)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(ServerTls(Arc::new(config)))
}

fn failed(error: impl fmt::Display) -> Error {
    Error::new(ErrorKind::Tls, format!("cannot make a test certificate: {error}"))
}

impl ServerTls {
    /// Offers HTTP/2 first. A [`Mock`](crate::Mock) then speaks it; what a [`Rude`](crate::Rude) server speaks is its
    /// script's affair.
    #[must_use]
    pub fn http2(&self) -> Self {
        let mut config = ServerConfig::clone(&self.0);
        config.alpn_protocols.insert(0, HTTP2.to_vec());
        Self(Arc::new(config))
    }

    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        TlsAcceptor::from(self.0.clone()).accept(stream).await
    }
}

impl fmt::Debug for TestCa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestCa").finish_non_exhaustive()
    }
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTls").finish_non_exhaustive()
    }
}
