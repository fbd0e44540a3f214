//! TLS: who is trusted, and what a failure says.

use std::fmt;
use std::sync::Arc;

use futures_rustls::TlsConnector;
use futures_rustls::client::TlsStream;
use gather_core::to_thread;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, OtherError,
    RootCertStore, SignatureScheme,
};

use super::socket::Socket;
use crate::error::{ErrorKind, Failure, shortened};

/// What is offered (RFC 7301), the best first.
#[cfg(feature = "http2")]
const PROTOCOLS: &[&[u8]] = &[HTTP2, HTTP1];
#[cfg(not(feature = "http2"))]
const PROTOCOLS: &[&[u8]] = &[HTTP1];

const HTTP1: &[u8] = b"http/1.1";

/// HTTP/2 over TLS, as ALPN calls it (RFC 9113, section 3.1).
#[cfg(feature = "http2")]
pub(crate) const HTTP2: &[u8] = b"h2";

/// The TLS side of a client. The roots are loaded at the first handshake: a client that never needs them never reads them.
pub(crate) struct Tls {
    insecure: bool,
    extra: Vec<CertificateDer<'static>>,
    connectors: async_lock::OnceCell<Connectors>,
}

/// They share all but what they offer.
struct Connectors {
    all: TlsConnector,
    http1: TlsConnector,
}

/// Which protocols a server may choose from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offer {
    /// All that are built in.
    All,
    /// HTTP/1.1 alone.
    Http1,
}

impl Tls {
    pub(crate) fn new(insecure: bool, extra: Vec<CertificateDer<'static>>) -> Self {
        Self { insecure, extra, connectors: async_lock::OnceCell::new() }
    }

    pub(crate) async fn handshake(
        &self,
        host: &str,
        stream: Socket,
        offer: Offer,
    ) -> Result<TlsStream<Socket>, Failure> {
        let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(bare).map_err(|_| {
            Failure::invalid(format!("{:?} is no name that a certificate can have", shortened(host)))
        })?;
        let connectors = self.connectors.get_or_try_init(|| self.load()).await?;
        let connector = match offer {
            Offer::All => &connectors.all,
            Offer::Http1 => &connectors.http1,
        };
        connector.connect(name, stream).await.map_err(|error| explain(host, error))
    }

    async fn load(&self) -> Result<Connectors, Failure> {
        let (insecure, extra) = (self.insecure, self.extra.clone());
        let config = to_thread(move || configure(insecure, extra)).await;
        let unusable = |why: String| Failure::new(ErrorKind::Tls, format!("cannot set up tls: {why}"));
        let config =
            config.map_err(|ended| unusable(ended.to_string()))?.map_err(|e| unusable(e.to_string()))?;
        let mut http1 = config.clone();
        http1.alpn_protocols = vec![HTTP1.to_vec()];
        Ok(Connectors { all: Arc::new(config).into(), http1: Arc::new(http1).into() })
    }
}

fn configure(insecure: bool, extra: Vec<CertificateDer<'static>>) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = if insecure {
        Arc::new(BelieveAll(provider.clone()))
    } else {
        let roots = Arc::new(roots(extra.clone()));
        let usual = WebPkiServerVerifier::builder_with_provider(roots, provider.clone())
            .build()
            .map_err(|error| TlsError::General(error.to_string()))?;
        Arc::new(Verifier { usual, extra })
    };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = PROTOCOLS.iter().map(|protocol| protocol.to_vec()).collect();
    Ok(config)
}

/// The system's roots, or Mozilla's where the system has none, and what the user adds.
fn roots(extra: Vec<CertificateDer<'static>>) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots.add_parsable_certificates(extra);
    roots
}

/// The usual verification, which in addition tells a self-signed certificate from one of an unknown issuer, and believes
/// a server's own certificate that the user gave: it needs no issuer, though its names and dates must hold.
#[derive(Debug)]
struct Verifier {
    usual: Arc<WebPkiServerVerifier>,
    extra: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let verified =
            self.usual.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verified {
            // The latter is how webpki says that an authority's certificate is used as a server's.
            Err(TlsError::InvalidCertificate(
                CertificateError::UnknownIssuer | CertificateError::Other(_),
            )) if is_self_signed(end_entity) => self.verify_self_signed(end_entity, server_name, now),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.usual.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.usual.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.usual.supported_verify_schemes()
    }
}

impl Verifier {
    fn verify_self_signed(
        &self,
        certificate: &CertificateDer<'_>,
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let wrong = |error| Err(TlsError::InvalidCertificate(error));
        if !self.extra.iter().any(|known| known.as_ref() == certificate.as_ref()) {
            return wrong(CertificateError::Other(OtherError(Arc::new(SelfSigned))));
        }
        match validity(certificate) {
            None => return wrong(CertificateError::BadEncoding),
            Some((begin, _)) if now.as_secs() < begin => return wrong(CertificateError::NotValidYet),
            Some((_, end)) if now.as_secs() > end => return wrong(CertificateError::Expired),
            Some(_) => {}
        }
        verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
        Ok(ServerCertVerified::assertion())
    }
}

/// What `insecure` asks for: every certificate is believed, though the handshake's signatures must still hold.
#[derive(Debug)]
struct BelieveAll(Arc<CryptoProvider>);

impl ServerCertVerifier for BelieveAll {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[derive(Debug)]
struct SelfSigned;

impl fmt::Display for SelfSigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("self-signed")
    }
}

impl std::error::Error for SelfSigned {}

/// What a failed handshake says of the host.
fn explain(host: &str, error: std::io::Error) -> Failure {
    let host = shortened(host);
    match error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>()) {
        Some(tls) => explain_tls(&host, tls).source(error),
        None => Failure::new(ErrorKind::Tls, format!("tls handshake with {host} broke off: {error}"))
            .retryable(true)
            .source(error),
    }
}

fn explain_tls(host: &str, error: &TlsError) -> Failure {
    let failure = |fact: String| Failure::new(ErrorKind::Tls, fact);
    let trust = "--cacert (add_root_pem) trusts a further root; --insecure trusts everybody";
    match error {
        TlsError::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            failure(format!("the certificate of {host} has expired")).hint("is this machine's clock right?")
        }
        TlsError::InvalidCertificate(
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
        ) => failure(format!("the certificate of {host} is not valid yet"))
            .hint("is this machine's clock right?"),
        TlsError::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => failure(format!("wrong host: the certificate is not for {host}")),
        // A root of the same name but with another key is as unknown as one of another name.
        TlsError::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => {
            failure(format!("the certificate of {host} is from an unknown issuer")).hint(trust)
        }
        TlsError::InvalidCertificate(CertificateError::Other(OtherError(why))) if why.is::<SelfSigned>() => {
            failure(format!("the certificate of {host} is self-signed")).hint(trust)
        }
        TlsError::InvalidCertificate(CertificateError::Revoked) => {
            failure(format!("the certificate of {host} is revoked"))
        }
        TlsError::InvalidCertificate(other) => {
            failure(format!("the certificate of {host} does not hold: {other}"))
        }
        TlsError::InvalidMessage(_) => {
            failure(format!("{host} does not speak tls here")).hint("is it http:// on this port?")
        }
        // RFC 7301, section 3.2.
        TlsError::AlertReceived(AlertDescription::NoApplicationProtocol) => {
            failure(format!("{host} speaks no protocol that we speak (alpn)"))
                .hint("is another service on this port?")
        }
        other => failure(format!("tls handshake with {host} failed: {other}")),
    }
}

/// Whether issuer and subject of a certificate are the same (RFC 5280, section 4.1).
fn is_self_signed(certificate: &[u8]) -> bool {
    facts(certificate).is_some_and(|facts| facts.issuer == facts.subject)
}

/// From when until when a certificate is valid, in seconds since 1970 (RFC 5280, section 4.1.2.5).
fn validity(certificate: &[u8]) -> Option<(u64, u64)> {
    let (begin_tag, begin, rest) = der(facts(certificate)?.validity)?;
    let (end_tag, end, _) = der(rest)?;
    Some((moment(begin_tag, begin)?, moment(end_tag, end)?))
}

/// UTCTime, whose years are those from 1950 to 2049, or GeneralizedTime, both in UTC to the second.
fn moment(tag: u8, text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let whole = match (tag, text.get(..1)?) {
        (0x17, "0" | "1" | "2" | "3" | "4") => format!("20{text}"),
        (0x17, _) => format!("19{text}"),
        (0x18, _) => text.to_owned(),
        _ => return None,
    };
    let part = |range: std::ops::Range<usize>| whole.get(range)?.parse::<i64>().ok();
    let (year, month, day) = (part(0..4)?, part(4..6)?, part(6..8)?);
    let seconds = part(8..10)? * 3600 + part(10..12)? * 60 + part(12..14)?;
    // What was before 1970 is long over, and long begun.
    Some(u64::try_from(days(year, month, day) * 86_400 + seconds).unwrap_or_default())
}

/// Days since 1970 in the Gregorian calendar, with years that begin in March.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    year * 365 + year.div_euclid(4) - year.div_euclid(100)
        + year.div_euclid(400)
        + (153 * month + 2) / 5
        + day
        - 719_469
}

/// What we look at in a certificate, as DER.
struct Facts<'a> {
    issuer: &'a [u8],
    validity: &'a [u8],
    subject: &'a [u8],
}

fn facts(certificate: &[u8]) -> Option<Facts<'_>> {
    let (_, certificate, _) = der(certificate)?;
    let (_, mut rest, _) = der(certificate)?;
    // The version is explicit unless it is 1.
    if rest.first() == Some(&0xa0) {
        rest = der(rest)?.2;
    }
    let (_, _, rest) = der(rest)?; // serial number
    let (_, _, rest) = der(rest)?; // signature algorithm
    let (_, issuer, rest) = der(rest)?;
    let (_, validity, rest) = der(rest)?;
    let (_, subject, _) = der(rest)?;
    Some(Facts { issuer, validity, subject })
}

/// The tag and content of the first DER element, and what follows it.
fn der(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        short @ 0..=0x7f => (usize::from(short), rest),
        long @ 0x81..=0x84 => {
            let (length, rest) = rest.split_at_checked(usize::from(long & 0x7f))?;
            (length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dates_of_certificates_are_read_in_both_forms() {
        assert_eq!(moment(0x17, b"700101000000Z"), Some(0));
        assert_eq!(moment(0x17, b"491231235959Z"), Some(2_524_607_999));
        assert_eq!(moment(0x17, b"500101000000Z"), Some(0), "1950, and not 2050");
        assert_eq!(moment(0x18, b"20000229120000Z"), Some(951_825_600));
        assert_eq!(moment(0x18, b"20991231235959Z"), Some(4_102_444_799));
        for wrong in [&b"700101000000"[..], b"Z", b"", b"70010100Z", b"\xff"] {
            assert_eq!(moment(0x17, wrong), None);
        }
        assert_eq!(moment(0x04, b"700101000000Z"), None);
    }
}
