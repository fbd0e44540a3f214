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
    let mut left = MOST;
    loop {
        let head = head(&mut proxy_side, proxy, &mut left).await?;
        // RFC 9110, section 15.2: an interim response, and the final one follows.
        if !matches!(status(first_line(&head)), Some(100 | 102..=199)) {
            return judge(proxy, first_line(&head)).map(|()| proxy_side);
        }
    }
}

/// The head of one response, and not a byte more.
async fn head(proxy_side: &mut Socket, proxy: &Proxy, left: &mut usize) -> Result<Vec<u8>, Failure> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && !head.ends_with(b"\n\n") {
        match proxy_side.read(&mut byte).await {
            Ok(0) => return Err(failed(proxy, "closed the connection").retryable(true)),
            Ok(_) if *left == 0 => return Err(failed(proxy, "says too much before the tunnel begins")),
            Ok(_) => head.extend_from_slice(&byte),
            Err(error) => return Err(broken(proxy, error)),
        }
        *left -= 1;
    }
    Ok(head)
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

fn first_line(head: &[u8]) -> &[u8] {
    head.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii_end()
}

/// The three digits of a status line (RFC 9112, section 4).
fn status(line: &[u8]) -> Option<u16> {
    let rest = line.strip_prefix(b"HTTP/1.")?;
    let digits = rest.get(2..5).filter(|digits| digits.iter().all(u8::is_ascii_digit))?;
    let ends = rest.get(1) == Some(&b' ') && rest.get(5).is_none_or(|next| *next == b' ');
    std::str::from_utf8(digits).ok().filter(|_| ends)?.parse().ok()
}

fn judge(proxy: &Proxy, line: &[u8]) -> Result<(), Failure> {
    match status(line) {
        Some(200..=299) => Ok(()),
        Some(407) => {
            let failure = failed(proxy, "wants to know who asks: status 407");
            Err(failure.hint("-x http://user:password@host:port (proxy) says who"))
        }
        Some(status) => {
            Err(failed(proxy, &format!("refuses the tunnel: status {status}")).retryable(status >= 500))
        }
        None => Err(failed(
            proxy,
            &format!("does not speak http: {:?}", shortened(&String::from_utf8_lossy(line))),
        )),
    }
}

fn failed(proxy: &Proxy, what: &str) -> Failure {
    Failure::new(ErrorKind::Connect, format!("the proxy {proxy:?} {what}")).retryable(false)
}

fn broken(proxy: &Proxy, error: std::io::Error) -> Failure {
    let failure = failed(proxy, &format!("broke off: {}", error.to_string().to_lowercase()));
    failure.retryable(true).source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_has_three_digits_and_nothing_beside_them() {
        assert_eq!(status(b"HTTP/1.1 200 OK"), Some(200));
        assert_eq!(status(b"HTTP/1.0 407"), Some(407));
        for wrong in [
            &b"HTTP/1.1 2000 OK"[..],
            b"HTTP/1.1 20 OK",
            b"HTTP/1.1 +20 OK",
            b"HTTP/1.1200 OK",
            b"HTTP/2 200",
            b"",
        ] {
            assert_eq!(status(wrong), None);
        }
    }
}
