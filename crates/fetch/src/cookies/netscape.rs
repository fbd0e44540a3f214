//! The file of cookies that Netscape made up and curl, wget and browser extensions still write: a line for each, of
//! seven fields between tabs.

use url::Host;

use super::loading::Loading;
use super::rules::{is_address, is_public_suffix};
use super::set_cookie::{MAX_ATTRIBUTE, is_control, may_be_kept};
use super::store::{Cookie, Reach, Store};
use crate::error::Failure;

const HEAD: &[u8] = b"# Netscape HTTP Cookie File\n";
const HTTP_ONLY: &[u8] = b"#HttpOnly_";
const FIELDS: &str =
    "domain, TRUE or FALSE for its subdomains, path, TRUE or FALSE for https only, expiry, name, value";

/// In the order of their creation, which reading it back keeps.
pub(super) fn write<'a>(cookies: impl Iterator<Item = &'a Cookie>) -> Vec<u8> {
    cookies.fold(HEAD.to_vec(), |mut text, cookie| {
        text.extend(line(cookie));
        text
    })
}

fn line(cookie: &Cookie) -> Vec<u8> {
    let flag = |flag: bool| if flag { "TRUE" } else { "FALSE" };
    let below = cookie.reach == Reach::Subdomains;
    let expires = cookie.expires.unwrap_or(0).to_string();
    let domain = format!("{}{}", if below { "." } else { "" }, cookie.domain);
    let fields: [&[u8]; 7] = [
        domain.as_bytes(),
        flag(below).as_bytes(),
        &cookie.path,
        flag(cookie.secure).as_bytes(),
        expires.as_bytes(),
        &cookie.name,
        &cookie.value,
    ];
    let mark = if cookie.http_only { HTTP_ONLY } else { b"" };
    [mark, &fields.join(b"\t".as_slice()), b"\n"].concat()
}

/// Reads a file. What has expired is left out; the last of several cookies that are the same counts. A file with more
/// than a jar holds is refused: to leave some out would lose them when the jar is written again.
pub(super) fn read(text: &[u8], now: i64) -> Result<Store, Failure> {
    let mut file = Loading::default();
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
    for (number, line) in (1..).zip(text.split(|byte| *byte == b'\n')) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let cookie = cookie(line).map_err(|wrong| {
            let fact = format!("line {number} is no cookie: {wrong}");
            Failure::invalid(fact).hint(format!("a line has, between tabs: {FIELDS}"))
        })?;
        if let Some(cookie) = cookie {
            file.take(number, cookie);
        }
    }
    file.into_store(now).map_err(|(line, fact)| {
        let hint = "leave out the lines that are not needed; lines of cookies that have expired do not count";
        Failure::invalid(format!("line {line} is a cookie too many: {fact}")).hint(hint)
    })
}

/// The cookie of a line; `None` for a comment and an empty line.
fn cookie(line: &[u8]) -> Result<Option<Cookie>, &'static str> {
    let (line, http_only) = match line.strip_prefix(HTTP_ONLY) {
        Some(line) => (line, true),
        None => (line, false),
    };
    if !http_only && (line.trim_ascii().is_empty() || line.starts_with(b"#")) {
        return Ok(None);
    }
    let fields: Vec<&[u8]> = line.split(|byte| *byte == b'\t').collect();
    let (domain, below, path, secure, expires, name, value): (_, _, _, _, _, _, &[u8]) =
        match fields.as_slice() {
            [domain, below, path, secure, expires, name] => (domain, below, path, secure, expires, name, b""),
            [domain, below, path, secure, expires, name, value] => {
                (domain, below, path, secure, expires, name, value)
            }
            _ => return Err("it does not have seven fields"),
        };
    let (domain, reach) = domain_and_reach(domain, flag(below)?)?;
    let cookie = Cookie {
        name: name.to_vec(),
        value: value.to_vec(),
        domain,
        reach,
        path: path_of(path)?,
        secure: flag(secure)?,
        http_only,
        expires: expiry(expires)?,
        used: 0,
    };
    match may_be_kept(&cookie.name, &cookie.value) && cookie.keeps_its_promise() {
        true => Ok(Some(cookie)),
        false => Err("its name and value do not hold"),
    }
}

fn flag(text: &[u8]) -> Result<bool, &'static str> {
    match text.to_ascii_uppercase().as_slice() {
        b"TRUE" => Ok(true),
        b"FALSE" => Ok(false),
        _ => Err("a flag is neither TRUE nor FALSE"),
    }
}

fn domain_and_reach(text: &[u8], below: bool) -> Result<(String, Reach), &'static str> {
    let text = std::str::from_utf8(text.strip_prefix(b".").unwrap_or(text));
    let host = text.ok().and_then(|text| Host::parse(text).ok()).ok_or("its domain is none")?;
    let domain = host.to_string();
    match below && !is_address(&domain) {
        true if is_public_suffix(&domain) => Err("its domain is a public suffix, such as com or co.uk"),
        true => Ok((domain, Reach::Subdomains)),
        false => Ok((domain, Reach::HostOnly)),
    }
}

fn path_of(text: &[u8]) -> Result<Vec<u8>, &'static str> {
    let holds = text.starts_with(b"/") && !text.iter().any(|byte| is_control(*byte));
    match holds && text.len() <= MAX_ATTRIBUTE {
        true => Ok(text.to_vec()),
        false => Err("its path does not begin with a slash, or is too long"),
    }
}

/// 0 is a cookie of the session, which the file keeps nevertheless, as curl's does.
fn expiry(text: &[u8]) -> Result<Option<i64>, &'static str> {
    let seconds = std::str::from_utf8(text).ok().and_then(|text| text.parse::<i64>().ok());
    let seconds = seconds.ok_or("its expiry is not in seconds since 1970")?;
    Ok((seconds != 0).then_some(seconds))
}
