//! Queues and barriers on a real etcd.

use etcdkit::Client;
use etcdkit::concurrency::Session;
use etcdkit::recipes::{Barrier, DoubleBarrier, PriorityQueue, Queue};
use futures::future::join_all;

use super::etcd::Etcd;

async fn connect(etcd: &Etcd) -> Client {
    Client::connect([&etcd.endpoint], None).await.unwrap()
}

#[tokio::test]
async fn a_queue_gives_each_value_to_one_taker_in_order() {
    let Some(etcd) = Etcd::start(&[]) else { return };
    let client = connect(&etcd).await;
    let queue = Queue::new(&client, "jobs");
    let waiting = tokio::spawn({
        let queue = queue.clone();
        async move { queue.dequeue().await }
    });
    queue.enqueue("0").await.unwrap();
    assert_eq!(waiting.await.unwrap().unwrap(), b"0");
    for number in 1..=9 {
        queue.enqueue([number]).await.unwrap();
    }
    assert_eq!(queue.dequeue().await.unwrap(), [1]);
    let mut rest: Vec<_> =
        join_all((2..=9).map(|_| queue.dequeue())).await.into_iter().map(Result::unwrap).collect();
    rest.sort();
    assert_eq!(rest, (2..=9).map(|number| vec![number]).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_priority_queue_lets_the_urgent_pass() {
    let Some(etcd) = Etcd::start(&[]) else { return };
    let queue = PriorityQueue::new(&connect(&etcd).await, "jobs");
    for (value, priority) in [("later 1", 9), ("soon", 2), ("later 2", 9), ("now", 0)] {
        queue.enqueue(value, priority).await.unwrap();
    }
    let crowd = join_all((0..8).map(|_| queue.enqueue("last", 10))).await;
    assert!(crowd.into_iter().all(|enqueued| enqueued.is_ok()), "nobody's number is taken twice");
    for expected in ["now", "soon", "later 1", "later 2", "last", "last"] {
        assert_eq!(queue.dequeue().await.unwrap(), expected.as_bytes());
    }
}

#[tokio::test]
async fn a_barrier_holds_until_it_is_lifted() {
    let Some(etcd) = Etcd::start(&[]) else { return };
    let barrier = Barrier::new(&connect(&etcd).await, "gate");
    barrier.wait().await.unwrap();
    barrier.hold().await.unwrap();
    assert_eq!(barrier.hold().await.unwrap_err().code(), etcdkit::Code::AlreadyExists);
    let waiting = tokio::spawn({
        let barrier = barrier.clone();
        async move { barrier.wait().await }
    });
    barrier.release().await.unwrap();
    waiting.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_double_barrier_is_entered_and_left_together() {
    let Some(etcd) = Etcd::start(&[]) else { return };
    let client = connect(&etcd).await;
    let session = Session::new(&client, None).await.unwrap();
    let parties = (0..3).map(|_| {
        let mut barrier = DoubleBarrier::new(&session, "meeting", 3);
        tokio::spawn(async move {
            barrier.enter().await.unwrap();
            barrier.leave().await.unwrap();
        })
    });
    for party in join_all(parties).await {
        party.unwrap();
    }
    let left = client.get("meeting", Some(etcdkit::GetOptions::new().with_prefix())).await.unwrap();
    assert_eq!(left.count(), 0);
}
