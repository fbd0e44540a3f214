//! Certificates, good and bad.

use gather_fetch::{Client, ErrorKind};
use gather_site::{Mock, Reply, Rude, ServerTls, Step, TestCa};

use crate::support::{get, local};

fn serve(tls: ServerTls) -> Mock {
    Mock::builder().tls(tls).start(|_| Reply::text("safe")).unwrap()
}

#[test]
fn a_certificate_of_a_trusted_root_is_believed() {
    let ca = TestCa::new().unwrap();
    let server = serve(ca.good().unwrap());
    let response = get(&local().add_root_pem(ca.ca_pem().as_bytes()), server.url()).unwrap();
    assert_eq!(response.text(), "safe");
}

#[test]
fn each_bad_certificate_says_what_is_wrong_and_is_not_tried_again() {
    let ca = TestCa::new().unwrap();
    let stranger = TestCa::new().unwrap();
    let table = [
        (ca.expired().unwrap(), "has expired"),
        (ca.not_yet_valid().unwrap(), "not valid yet"),
        (ca.wrong_host().unwrap(), "wrong host"),
        (ca.self_signed().unwrap(), "self-signed"),
        (stranger.good().unwrap(), "unknown issuer"),
    ];
    for (tls, says) in table {
        let server = serve(tls);
        let trusting = local().add_root_pem(ca.ca_pem().as_bytes());
        let error = get(&trusting, server.url()).unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Tls, 1), "{error}");
        assert!(error.to_string().contains(says), "{says}: {error}");
        assert_eq!(server.calls(), 0);
        let insecure = local().insecure(true).build().unwrap();
        assert!(insecure.is_insecure());
        assert_eq!(crate::support::run(insecure.get(server.url())).unwrap().text(), "safe", "{says}");
    }
}

#[test]
fn a_server_that_does_not_speak_tls_is_told_so() {
    let server = Rude::start(|_| vec![Step::send("HTTP/1.1 400 Bad Request\r\n\r\n"), Step::Hold]).unwrap();
    let error = get(&local(), &server.url().replace("http:", "https:")).unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Tls, 1), "{error}");
    assert!(error.hint().unwrap().contains("http://"), "{error}");
}

#[test]
fn a_server_that_shares_no_protocol_is_told_so_and_not_asked_again() {
    // A fatal alert, no_application_protocol (RFC 8446, section 6).
    let alert = [0x15, 3, 3, 0, 2, 2, 120];
    let server = Rude::start(move |_| vec![Step::send(alert), Step::Hold]).unwrap();
    let error = get(&local(), &server.url().replace("http:", "https:")).unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Tls, 1), "{error}");
    assert!(error.fact().contains("alpn"), "{error}");
}

#[test]
fn a_server_that_hangs_up_amid_the_handshake_is_asked_again() {
    let server = Rude::start(|_| vec![Step::Close]).unwrap();
    let error = get(&local(), &server.url().replace("http:", "https:")).unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Tls, 3), "{error}");
}

#[test]
fn a_body_to_the_end_of_the_connection_needs_the_proper_end() {
    let ca = TestCa::new().unwrap();
    for (end, ok) in [(Step::Close, true), (Step::Cut, false)] {
        let server = Rude::builder()
            .tls(ca.good().unwrap())
            .start(move |_| vec![Step::Read, Step::send("HTTP/1.1 200 OK\r\n\r\nabc"), end.clone()])
            .unwrap();
        let result = get(&local().retries(0).add_root_pem(ca.ca_pem().as_bytes()), server.url());
        assert_eq!(result.is_ok(), ok, "{result:?}");
    }
}

#[test]
fn a_redirect_from_https_to_http_is_followed_only_when_allowed() {
    let ca = TestCa::new().unwrap();
    let plain = Mock::start(|_| Reply::text("plain")).unwrap();
    let location = plain.join("/");
    let server =
        Mock::builder().tls(ca.good().unwrap()).start(move |_| Reply::redirect(302, &location)).unwrap();
    let trusting = local().add_root_pem(ca.ca_pem().as_bytes());
    let error = get(&trusting, server.url()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Redirect);
    assert_eq!(plain.calls(), 0);
    assert_eq!(get(&trusting.allow_downgrade(true), server.url()).unwrap().text(), "plain");
}

#[test]
fn pem_that_holds_no_certificate_is_an_error_when_building() {
    for pem in ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAA\n"] {
        let error = Client::builder().add_root_pem(pem.as_bytes()).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{pem:?}");
    }
}

#[test]
fn a_servers_own_certificate_can_be_trusted_and_is_still_judged() {
    let ca = TestCa::new().unwrap();
    let table = [
        (ca.self_signed_ca(&["localhost", "127.0.0.1"], (2000, 2999)), "safe"),
        (ca.self_signed_ca(&["wrong.example"], (2000, 2999)), "wrong host"),
        (ca.self_signed_ca(&["127.0.0.1"], (2000, 2001)), "has expired"),
        (ca.self_signed_ca(&["127.0.0.1"], (2998, 2999)), "not valid yet"),
    ];
    for (made, says) in table {
        let (tls, pem) = made.unwrap();
        let server = serve(tls);
        let unknown = get(&local(), server.url()).unwrap_err();
        assert_eq!(unknown.kind(), ErrorKind::Tls, "{unknown}");
        assert!(says != "safe" || unknown.to_string().contains("self-signed"), "{unknown}");
        match get(&local().add_root_pem(pem.as_bytes()), server.url()) {
            Ok(response) => assert_eq!(response.text(), says),
            Err(error) => assert!(error.to_string().contains(says), "{says}: {error}"),
        }
    }
}
