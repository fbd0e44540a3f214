//! The same story under every executor that people run.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::num::NonZeroUsize;
use std::process::Command;
use std::time::Duration;

use futures::{StreamExt, stream};
use gather_core::{
    Decision, Reason, Retry, every, gather, map_concurrent, settle, sleep, spawn, timeout, to_thread,
};

use crate::support::{EXECUTOR, Flag, eventually};

const MOMENT: Duration = Duration::from_millis(5);

async fn everything() {
    assert_eq!(
        spawn(async {
            sleep(MOMENT).await;
            1
        })
        .await
        .unwrap(),
        1
    );
    assert_eq!(
        gather([1, 2].map(async |n| {
            sleep(MOMENT).await;
            Ok::<_, ()>(n)
        }))
        .await,
        Ok(vec![1, 2])
    );
    assert_eq!(settle([spawn(async { 1 }), spawn(async { 2 })]).await.len(), 2);
    assert!(timeout(MOMENT, std::future::pending::<()>()).await.is_err());
    assert_eq!(to_thread(|| 7).await.unwrap(), 7);
    assert!(spawn(async { panic!("a value") }).await.unwrap_err().is_panic());

    let limit = NonZeroUsize::new(4).unwrap();
    let squares =
        map_concurrent(stream::iter(0..50_u64), limit, async |n| n * n).ordered().map(Result::unwrap);
    assert_eq!(squares.collect::<Vec<_>>().await[49], 2401);

    let mut ticks = every(MOMENT);
    assert_eq!([ticks.tick().await.number, ticks.tick().await.number], [0, 1]);

    let retry = Retry::new().base(MOMENT);
    let retried =
        retry.run(async |attempt| if attempt < 3 { Err("busy") } else { Ok(attempt) }, |_| Decision::Again);
    assert_eq!(retried.await.unwrap(), 3);

    let waits = Flag::default();
    let task = spawn(waits.clone().when_cancelled());
    eventually(|| waits.is_up()).await;
    assert_eq!(task.cancel(Reason::new("enough")).await.unwrap().why(), "enough");
}

#[test]
fn it_works_below_our_root() {
    gather_core::run(everything()).unwrap();
}

#[test]
fn it_works_inside_async_std() {
    async_std::task::block_on(everything());
}

#[test]
fn it_works_inside_smol() {
    smol::block_on(everything());
}

#[test]
fn it_works_inside_tokio() {
    tokio::runtime::Builder::new_multi_thread().build().unwrap().block_on(everything());
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(everything());
}

#[test]
fn it_works_inside_the_executor_of_futures() {
    futures::executor::block_on(everything());
}

#[test]
fn it_works_in_tasks_of_other_executors() {
    let tokio = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    tokio.block_on(async { tokio::spawn(everything()).await.unwrap() });
    async_std::task::block_on(async_std::task::spawn(everything()));
}

/// Those whose tests run on whatever executor there is. The others own their clock, or are about the root scope.
const SUITES: [&str; 12] = [
    "cancel::",
    "completed::",
    "deadline::",
    "every::",
    "gather::",
    "group::on_",
    "limiter::",
    "map::",
    "scope::",
    "shield::",
    "task::",
    "thread::",
];

#[test]
fn every_suite_passes_under_every_executor() {
    if std::env::var_os(EXECUTOR).is_some() {
        return;
    }
    for executor in ["async-std", "smol", "tokio", "futures"] {
        let suites =
            Command::new(std::env::current_exe().unwrap()).args(SUITES).env(EXECUTOR, executor).output();
        let output = suites.unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "under {executor}:\n{said}");
        assert!(said.contains("test task::"), "no test was run under {executor}:\n{said}");
    }
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a timer of tokio's shows that its context is there")]
fn what_is_gathered_keeps_the_callers_runtime() {
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_time().build().unwrap();
    tokio.block_on(async {
        let naps = gather([1, 2].map(async |ms| {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            Ok::<_, ()>(ms)
        }));
        assert_eq!(naps.await, Ok(vec![1, 2]));
    });
}

#[test]
fn requests_of_a_tokio_client_are_gathered_under_tokio() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", server.local_addr().unwrap());
    let serving = std::thread::spawn(move || (0..2).for_each(|_| answer(server.accept().unwrap().0)));
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let bodies = tokio.block_on(async {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        gather([(); 2].map(async |()| client.get(&url).send().await?.text().await)).await
    });
    assert_eq!(bodies.unwrap(), ["hello", "hello"]);
    serving.join().unwrap();
}

fn answer(mut connection: TcpStream) {
    let mut request = BufReader::new(connection.try_clone().unwrap()).lines();
    while !request.next().unwrap().unwrap().is_empty() {}
    write!(connection, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello").unwrap();
}
