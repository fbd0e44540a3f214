//! A tunnel through a proxy: CONNECT (RFC 9110, section 9.3.6).

use futures::io::{AsyncReadExt, AsyncWriteExt};

use super::socket::Socket;
use crate::error::{ErrorKind, Failure, shortened};
use crate::proxy::Proxy;

/// The most that a proxy may say before the tunnel begins.
const MOST: usize = 16 << 10;

/// Asks the proxy at the other end for a tunnel to a host and port. What is read is its answer to the last byte, and
/// nothing of what comes through the tunnel.
pub(super) async fn dig(
    mut proxy_side: Socket,
    proxy: &Proxy,
    host: &str,
    port: u16,
) -> Result<Socket, Failure> {
    proxy_side.write_all(&request(proxy, host, port)).await.map_err(|error| broken(proxy, error))?;
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && !head.ends_with(b"\n\n") {
        match proxy_side.read(&mut byte).await {
            Ok(0) => return Err(failed(proxy, "closed the connection").retryable(true)),
            Ok(_) if head.len() >= MOST => {
                return Err(failed(proxy, "says too much before the tunnel begins"));
            }
            Ok(_) => head.extend_from_slice(&byte),
            Err(error) => return Err(broken(proxy, error)),
        }
    }
    judge(proxy, &head).map(|()| proxy_side)
}

fn request(proxy: &Proxy, host: &str, port: u16) -> Vec<u8> {
    let mut request = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n").into_bytes();
    if let Some(authorization) = &proxy.authorization {
        request.extend_from_slice(b"Proxy-Authorization: ");
        request.extend_from_slice(authorization.as_bytes());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    request
}

fn judge(proxy: &Proxy, head: &[u8]) -> Result<(), Failure> {
    let line = String::from_utf8_lossy(head.split(|byte| *byte == b'\n').next().unwrap_or_default());
    let status = line.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)?.parse::<u16>().ok());
    match status {
        Some(200..=299) => Ok(()),
        Some(407) => {
            let failure = failed(proxy, "wants to know who asks: status 407");
            Err(failure.hint("-x http://user:password@host:port (proxy) says who"))
        }
        Some(status) => {
            Err(failed(proxy, &format!("refuses the tunnel: status {status}")).retryable(status >= 500))
        }
        None => Err(failed(proxy, &format!("does not speak http: {:?}", shortened(line.trim_end())))),
    }
}

fn failed(proxy: &Proxy, what: &str) -> Failure {
    Failure::new(ErrorKind::Connect, format!("the proxy {proxy:?} {what}")).retryable(false)
}

fn broken(proxy: &Proxy, error: std::io::Error) -> Failure {
    let failure = failed(proxy, &format!("broke off: {}", error.to_string().to_lowercase()));
    failure.retryable(true).source(error)
}
