//! A call that begins on the thread of its caller.
//!
//! Its request leaves from there without waiting for a thread of the runtime, and none is woken for it: it becomes a task
//! of the runtime when something wakes it, which is its answer as a rule.

use std::mem;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use futures::future::BoxFuture;
use parking_lot::Mutex;
use tokio::runtime::Runtime;

/// Polls a task here for the first time. From then on it is the runtime's.
pub(crate) fn begin(runtime: &'static Runtime, mut task: BoxFuture<'static, ()>) {
    let begun = Arc::new(Begun { runtime, stage: Mutex::new(Stage::Beginning) });
    let waker = Waker::from(Arc::clone(&begun));
    let polled = {
        let _entered = runtime.enter();
        etcdkit_link::at_once(|| task.as_mut().poll(&mut Context::from_waker(&waker)))
    };
    if polled.is_pending() {
        begun.keep(task);
    }
}

/// Holds a task until it is woken for the first time. It is never dropped in here: whoever wakes it may hold a lock that
/// it needs for its end.
struct Begun {
    runtime: &'static Runtime,
    stage: Mutex<Stage>,
}

enum Stage {
    /// It is polled for the first time.
    Beginning,
    Waiting(BoxFuture<'static, ()>),
    /// It is the runtime's, or will be when its first poll is over.
    Woken,
}

impl Begun {
    fn keep(&self, task: BoxFuture<'static, ()>) {
        let mut stage = self.stage.lock();
        match *stage {
            Stage::Beginning => *stage = Stage::Waiting(task),
            Stage::Waiting(_) | Stage::Woken => {
                drop(stage);
                self.runtime.spawn(task);
            }
        }
    }
}

impl Wake for Begun {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let before = mem::replace(&mut *self.stage.lock(), Stage::Woken);
        if let Stage::Waiting(task) = before {
            self.runtime.spawn(task);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use futures::FutureExt;
    use tokio::sync::Notify;

    use super::*;
    use crate::runtime::process;

    const LONG: Duration = Duration::from_secs(10);

    /// A runtime of its own, so that nothing else is counted.
    fn runtime() -> &'static Runtime {
        Box::leak(Box::new(tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap()))
    }

    #[test]
    fn it_is_a_task_only_once_it_is_woken() {
        let (runtime, notify) = (runtime(), Arc::new(Notify::new()));
        let (tell, told) = mpsc::channel();
        let notified = Arc::clone(&notify);
        let task = async move {
            notified.notified().await;
            tell.send(thread::current().id()).unwrap();
        };
        begin(runtime, task.boxed());
        assert_eq!(runtime.metrics().num_alive_tasks(), 0);
        notify.notify_one();
        assert_ne!(told.recv_timeout(LONG).unwrap(), thread::current().id());
    }

    #[test]
    fn what_wakes_it_during_its_first_poll_is_not_lost() {
        let (tell, told) = mpsc::channel();
        let task = async move {
            tokio::task::yield_now().await;
            tell.send(()).unwrap();
        };
        begin(runtime(), task.boxed());
        told.recv_timeout(LONG).unwrap();
    }

    #[test]
    fn wakers_that_come_late_or_twice_do_nothing() {
        const ROUNDS: usize = 1000;
        let runtime = &process().unwrap().runtime;
        let (tell, told) = mpsc::channel();
        for _ in 0..ROUNDS {
            let (first, second) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
            let (tell, one, other) = (tell.clone(), Arc::clone(&first), Arc::clone(&second));
            let task = async move {
                tokio::join!(one.notified(), other.notified());
                tell.send(()).unwrap();
            };
            begin(runtime, task.boxed());
            let waking = thread::spawn(move || first.notify_one());
            second.notify_one();
            waking.join().unwrap();
        }
        (0..ROUNDS).for_each(|_| told.recv_timeout(LONG).unwrap());
        drop(tell);
        assert!(told.recv_timeout(LONG).is_err(), "each ran once");
    }
}
