//! The budget for what bodies hold at once: it makes them wait, and loses none.

use gather_fetch::{ErrorKind, Limits, Request};
use gather_site::{Mock, Reply, Rude, Step};

use crate::support::{encode, local, run};

fn limits(memory: u64) -> Limits {
    let mut limits = Limits::default();
    limits.memory = memory;
    limits
}

/// Bytes that do not repeat, so that their encoded form is long, too.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(bytes).collect()
}

#[test]
fn bodies_for_which_there_is_no_room_come_one_after_the_other_and_all_come() {
    for coding in ["", "gzip", "deflate", "br", "zstd"] {
        for size in [20 << 10, 400 << 10] {
            let body = noise(size);
            let sent = if coding.is_empty() { body.clone() } else { encode(coding, &body) };
            let server = Mock::start(move |_| match coding {
                "" => Reply::bytes(sent.clone()),
                _ => Reply::bytes(sent.clone()).header("content-encoding", coding),
            })
            .unwrap();
            let client = local().limits(limits(0)).build().unwrap();
            let all = run(gather_core::gather((0..16).map(|_| client.get(server.url())))).unwrap();
            assert!(all.iter().all(|response| response.bytes()[..] == body), "{coding} {size}");
        }
    }
}

#[test]
fn a_response_that_holds_its_room_makes_large_bodies_wait_and_small_ones_not() {
    let large = noise(400 << 10);
    let server = Mock::start(move |request| match request.path() {
        "/small" => Reply::bytes(noise(20 << 10)),
        _ => Reply::bytes(large.clone()),
    })
    .unwrap();
    let client = local().limits(limits(0)).retries(0).build().unwrap();
    let ask = |path: &str| client.execute(Request::get(server.join(path)).unwrap().hold_room(true));
    run(async {
        let held = ask("/").await.unwrap();
        let (room, body) = (held.room(), held.into_bytes());
        assert!(room.is_some() && body.len() == 400 << 10);
        let limit = std::time::Duration::from_millis(200);
        assert!(gather_core::timeout(limit, ask("/")).await.is_err(), "it waits for its turn");
        drop(room);
        assert_eq!(ask("/").await.unwrap().length(), 400 << 10);
        let (one, two) = (ask("/small").await.unwrap(), ask("/small").await.unwrap());
        assert!(one.room().is_none() && two.room().is_none());
    });
}

#[test]
fn no_more_bodies_are_held_at_once_than_the_budget_has_room_for_and_the_one_beyond_it() {
    let large = noise(400 << 10);
    let server = Mock::start(move |_| Reply::bytes(large.clone())).unwrap();
    let client = local().limits(limits(1 << 20)).build().unwrap();
    run(async {
        let (sender, come) = gather_core::channel::unbounded();
        let asked: Vec<_> = (0..8)
            .map(|_| {
                let (client, url, sender) = (client.clone(), server.url().to_owned(), sender.clone());
                gather_core::spawn(async move {
                    let request = Request::get(url).unwrap().hold_room(true);
                    let response = client.execute(request).await.unwrap();
                    sender.send(response.room().unwrap()).await.unwrap();
                })
            })
            .collect();
        let (mut held, mut all) = (std::collections::VecDeque::new(), 0);
        while all < asked.len() {
            match gather_core::timeout(std::time::Duration::from_millis(200), come.recv()).await {
                Ok(room) => {
                    held.push_back(room.unwrap());
                    all += 1;
                }
                Err(_) => drop(held.pop_front()),
            }
            assert!(held.len() <= 3, "two have room, and one has the turn");
        }
    });
}

#[test]
fn a_body_that_stalls_while_it_has_the_turn_holds_the_others_no_longer_than_its_limits() {
    let server = Rude::start(|connection| match connection {
        1 => vec![Step::Read, Step::send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"), Step::Hold],
        _ => {
            vec![Step::Read, Step::send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabcdefghi"), Step::Close]
        }
    })
    .unwrap();
    let idle = std::time::Duration::from_millis(200);
    let client = local().limits(limits(0)).idle_timeout(idle).retries(0).build().unwrap();
    run(async {
        let stalled = gather_core::spawn(client.get(server.url()));
        while server.requests().is_empty() {
            gather_core::sleep(std::time::Duration::from_millis(1)).await;
        }
        assert_eq!(client.get(server.url()).await.unwrap().text(), "abcdefghi");
        assert_eq!(stalled.await.unwrap().unwrap_err().kind(), ErrorKind::Timeout);
    });
}

#[test]
fn a_body_that_is_not_kept_is_decoded_counted_and_held_to_the_limits() {
    let body = noise(300 << 10);
    for coding in ["gzip", "br"] {
        let sent = encode(coding, &body);
        let wire = sent.len() as u64;
        let server =
            Mock::start(move |_| Reply::bytes(sent.clone()).header("content-encoding", coding)).unwrap();
        let request = Request::get(server.url()).unwrap().keep_body(false);
        let response = run(local().build().unwrap().execute(request.clone())).unwrap();
        assert_eq!((response.length(), response.wire_bytes()), (body.len() as u64, wire));
        assert!(response.bytes().is_empty());
        let error = run(local().max_body(299 << 10).build().unwrap().execute(request)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
    }
}
