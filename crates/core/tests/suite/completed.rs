use std::future::pending;
use std::time::Duration;

use futures::StreamExt;
use gather_core::{as_completed, sleep, test as simulate};

use crate::support::{Crowd, Flag, eventually, test, yield_times};

#[test]
fn outcomes_come_as_they_are_done_with_the_number_of_each() {
    for seed in 0..200 {
        simulate(seed, async {
            let naps = [3, 1, 2].map(async |seconds| sleep(Duration::from_secs(seconds)).await);
            let order: Vec<_> = as_completed(naps).map(|(number, _)| number).collect().await;
            assert_eq!(order, [1, 2, 0]);
        });
    }
}

#[test]
fn all_run_although_nobody_takes_their_outcomes() {
    test(async {
        let crowd = Crowd::default();
        let tasks = as_completed((0..100).map(|_| {
            let crowd = crowd.clone();
            async move { drop(crowd.enter()) }
        }));
        eventually(|| crowd.ever() == 100).await;
        assert_eq!(tasks.len(), 100);
        assert_eq!(tasks.count().await, 100);
    });
}

#[test]
fn a_panic_is_the_outcome_of_its_future_alone() {
    test(async {
        let outcomes: Vec<_> =
            as_completed((0..3).map(async |n| if n == 1 { panic!("boom") } else { n })).collect().await;
        assert_eq!(outcomes.len(), 3);
        for (number, outcome) in outcomes {
            assert_eq!(outcome.is_err(), number == 1);
        }
    });
}

#[test]
fn dropping_the_stream_cancels_what_still_runs() {
    test(async {
        let (quick, gone) = (Flag::default(), Flag::default());
        let guard = gone.on_drop();
        let futures: [futures::future::BoxFuture<'static, ()>; 2] = [
            Box::pin(async move {
                let _guard = guard;
                pending().await
            }),
            Box::pin(async move { quick.raise() }),
        ];
        let mut tasks = as_completed(futures);
        assert_eq!(tasks.next().await.unwrap().0, 1);
        drop(tasks);
        eventually(|| gone.is_up()).await;
    });
}

#[test]
fn of_nothing_there_is_nothing() {
    test(async {
        assert!(as_completed(Vec::<std::future::Ready<()>>::new()).next().await.is_none());
        yield_times(1).await;
    });
}
