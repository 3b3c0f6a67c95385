//! Calls: started from any thread, completed exactly once.
//!
//! "Exactly once" holds on every path: result, error, panic in the call, panic while the call is dropped, cancel, close
//! of the object the call belongs to, end of the runtime. The completion runs on a thread of the runtime, so all it
//! may do is hand the result over; user code runs elsewhere.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use futures::FutureExt;
use tokio_util::sync::CancellationToken;

use crate::begun::begin;
use crate::error::BridgeError;
use crate::handle::{HANDLES_MAX, Handles};
use crate::runtime::{ForkGuard, process, process_if_used};

/// Calls in flight at once.
pub const CALLS_MAX: usize = HANDLES_MAX;

/// Calls in flight with which another one begins on the thread of its caller. Among more of them requests leave together,
/// which costs less.
pub const CALLS_AT_ONCE_MAX: usize = 4;

/// A call in flight, by number; see [`Handles`].
pub type CallId = u64;

/// Receives the result of a call.
pub trait Completion<T>: Send + 'static {
    /// Takes the result and returns soon. Must not run user code: it is called on a thread of the runtime.
    fn complete(self, result: Result<T, BridgeError>);
}

impl<T, F: FnOnce(Result<T, BridgeError>) + Send + 'static> Completion<T> for F {
    fn complete(self, result: Result<T, BridgeError>) {
        self(result);
    }
}

/// What calls belong to: a client, a watch. Closing it ends its calls. Clones are the same scope.
#[derive(Clone, Debug)]
pub struct Scope {
    closed: CancellationToken,
    process: ForkGuard,
}

impl Scope {
    /// A scope of this process.
    pub fn new() -> Self {
        Self { closed: CancellationToken::new(), process: ForkGuard::new() }
    }

    /// A scope that also ends when this one does.
    #[must_use]
    pub fn child(&self) -> Self {
        Self { closed: self.closed.child_token(), process: self.process }
    }

    /// Ends the scope. Calls in flight complete with [`Kind::Closed`](crate::Kind::Closed). Closing again does nothing.
    pub fn close(&self) {
        if self.process.check().is_ok() {
            self.closed.cancel();
        }
    }

    /// Runs something until the scope is closed, and then fails with [`Kind::Closed`](crate::Kind::Closed).
    pub async fn run<T>(&self, work: impl Future<Output = Result<T, BridgeError>>) -> Result<T, BridgeError> {
        tokio::select! {
            biased;
            () = self.closed.cancelled() => Err(BridgeError::closed()),
            result = work => result,
        }
    }

    /// Whether the scope is still of use.
    pub fn check(&self) -> Result<(), BridgeError> {
        self.process.check()?;
        if self.closed.is_cancelled() { Err(BridgeError::closed()) } else { Ok(()) }
    }
}

impl Default for Scope {
    fn default() -> Self {
        Self::new()
    }
}

/// Starts a call. When this returns an error, the call was not accepted and `completion` is not used.
pub fn start<T, F, C>(scope: &Scope, call: F, completion: C) -> Result<CallId, BridgeError>
where
    T: Send + 'static,
    F: Future<Output = Result<T, BridgeError>> + Send + 'static,
    C: Completion<T>,
{
    launch(scope, call, completion).map_err(|(error, _unused)| error)
}

/// Starts a call and completes it in any case: one that is not accepted before this returns, with `None`.
pub fn start_or_complete<T, F, C>(scope: &Scope, call: F, completion: C) -> Option<CallId>
where
    T: Send + 'static,
    F: Future<Output = Result<T, BridgeError>> + Send + 'static,
    C: Completion<T>,
{
    match launch(scope, call, completion) {
        Ok(id) => Some(id),
        Err((error, completion)) => {
            completion.complete(Err(error));
            None
        }
    }
}

fn launch<T, F, C>(scope: &Scope, call: F, completion: C) -> Result<CallId, (BridgeError, C)>
where
    T: Send + 'static,
    F: Future<Output = Result<T, BridgeError>> + Send + 'static,
    C: Completion<T>,
{
    let cancel = CancellationToken::new();
    let accepted = || {
        scope.check()?;
        let process = process()?;
        Ok((process, process.calls.insert(Arc::new(cancel.clone()))?))
    };
    let (process, id) = match accepted() {
        Ok(accepted) => accepted,
        Err(error) => return Err((error, completion)),
    };
    let closed = scope.closed.clone();
    let once =
        Once { id, calls: &process.calls, completion: Some(completion), result: std::marker::PhantomData };
    let task = async move {
        let once = once;
        let call = AssertUnwindSafe(call).catch_unwind();
        let result = tokio::select! {
            biased;
            () = closed.cancelled() => Err(BridgeError::closed()),
            () = cancel.cancelled() => Err(BridgeError::cancelled()),
            result = call => result.unwrap_or_else(|panic| Err(panicked(&*panic))),
        };
        // A result that is there at once is told by a thread of the runtime too.
        if etcdkit_link::is_at_once() {
            tokio::task::yield_now().await;
        }
        once.complete(result);
    };
    // Boxed, because the machinery around a call is large and would be there once more for each kind of call.
    let task = task.boxed();
    if process.calls.len() <= CALLS_AT_ONCE_MAX {
        begin(&process.runtime, task);
    } else {
        process.runtime.spawn(task);
    }
    Ok(id)
}

/// Cancels a call of this process: its request is withdrawn from the server, and it completes with
/// [`Kind::Cancelled`](crate::Kind::Cancelled) unless it has completed already. Unknown ids are ignored.
pub fn cancel(id: CallId) {
    if let Some(process) = process_if_used()
        && let Ok(token) = process.calls.get(id)
    {
        token.cancel();
    }
}

/// Starts a call for a thread that waits for it.
pub fn start_pending<T, F>(scope: &Scope, call: F) -> Result<Pending<T>, BridgeError>
where
    T: Send + 'static,
    F: Future<Output = Result<T, BridgeError>> + Send + 'static,
{
    // One result, and room for it: the runtime's thread never waits for the reader.
    let (sender, result) = sync_channel(1);
    let hand_over = move |outcome| hand_over(&sender, outcome);
    let id = start(scope, call, hand_over)?;
    Ok(Pending { id, result, process: ForkGuard::new() })
}

fn hand_over<T>(sender: &SyncSender<Result<T, BridgeError>>, outcome: Result<T, BridgeError>) {
    // The waiting thread may have been interrupted and gone.
    let _ = sender.try_send(outcome);
}

/// A call that a thread waits for, in slices, so that it can look after signals in between. Dropping it cancels.
#[derive(Debug)]
pub struct Pending<T> {
    id: CallId,
    result: Receiver<Result<T, BridgeError>>,
    process: ForkGuard,
}

impl<T> Pending<T> {
    /// The call.
    pub fn id(&self) -> CallId {
        self.id
    }

    /// Waits for at most `slice`. `None` when the call goes on.
    pub fn wait(&self, slice: Duration) -> Option<Result<T, BridgeError>> {
        match self.result.recv_timeout(slice) {
            Ok(result) => Some(result),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => {
                Some(Err(BridgeError::internal("the result was taken already")))
            }
        }
    }
}

impl<T> Drop for Pending<T> {
    fn drop(&mut self) {
        // In a child the number could be that of another call.
        if self.process.check().is_ok() {
            cancel(self.id);
        }
    }
}

/// Sees to it that the completion is used exactly once, also when the task is torn down around it.
struct Once<T, C: Completion<T>> {
    id: CallId,
    calls: &'static Handles<CancellationToken>,
    completion: Option<C>,
    result: std::marker::PhantomData<fn(T)>,
}

impl<T, C: Completion<T>> Once<T, C> {
    fn complete(mut self, result: Result<T, BridgeError>) {
        self.finish(result);
    }

    fn finish(&mut self, result: Result<T, BridgeError>) {
        let Some(completion) = self.completion.take() else { return };
        self.calls.remove(self.id);
        // A binding that panics here has lost its own call; it must not take the runtime's thread along.
        let _ = std::panic::catch_unwind(AssertUnwindSafe(|| completion.complete(result)));
    }
}

impl<T, C: Completion<T>> Drop for Once<T, C> {
    fn drop(&mut self) {
        self.finish(Err(BridgeError::internal("the call was abandoned")));
    }
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> BridgeError {
    let text =
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    BridgeError::internal(format!("panic in a call: {}", text.unwrap_or("no message")))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use bytes::Bytes;

    use super::*;
    use crate::Kind;
    use crate::echo::echo;

    const LONG: Duration = Duration::from_secs(10);

    fn outcome<T: Send + 'static>(
        scope: &Scope,
        call: impl Future<Output = Result<T, BridgeError>> + Send + 'static,
    ) -> Result<T, BridgeError> {
        start_pending(scope, call)?.wait(LONG).unwrap()
    }

    async fn for_ever() -> Result<(), BridgeError> {
        std::future::pending().await
    }

    #[test]
    fn an_echo_comes_back() {
        assert_eq!(outcome(&Scope::new(), echo(Bytes::from_static(b"hi"))).unwrap(), "hi");
    }

    #[test]
    fn a_panic_in_a_call_is_its_result_and_others_go_on() {
        let scope = Scope::new();
        let error = outcome::<()>(&scope, async { panic!("boom {}", 7) }).unwrap_err();
        assert_eq!(error.kind, Kind::Internal);
        assert!(error.message.contains("boom 7"), "{}", error.message);
        assert!(outcome(&scope, echo(Bytes::new())).is_ok());
    }

    #[test]
    fn a_call_begins_on_the_thread_of_its_caller_and_completes_on_another() {
        let (here, pending) = (std::thread::current().id(), Arc::new(AtomicUsize::new(0)));
        let begun = pending.clone();
        let call = async move {
            assert_eq!(std::thread::current().id(), here);
            begun.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            Ok(std::thread::current().id())
        };
        let (tell, told) = std::sync::mpsc::channel();
        let completion = move |result| tell.send((result, std::thread::current().id())).unwrap();
        start(&Scope::new(), call, completion).unwrap();
        assert_eq!(pending.load(Ordering::Relaxed), 1);
        let (ended, completed) = told.recv_timeout(LONG).unwrap();
        assert_ne!(ended.unwrap(), here);
        assert_ne!(completed, here);
        // One that has its result at once is no exception.
        let (tell, told) = std::sync::mpsc::channel();
        let completion = move |_: Result<Bytes, BridgeError>| tell.send(std::thread::current().id()).unwrap();
        start(&Scope::new(), echo(Bytes::new()), completion).unwrap();
        assert_ne!(told.recv_timeout(LONG).unwrap(), here);
    }

    #[test]
    fn a_result_that_is_there_at_once_is_not_lost_to_a_close() {
        let scope = Scope::new();
        let closing = scope.clone();
        let call = async move {
            closing.close();
            Ok(7)
        };
        assert_eq!(outcome(&scope, call).unwrap(), 7);
    }

    #[test]
    fn a_panic_while_a_cancelled_call_is_dropped_still_completes_it() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("in drop");
            }
        }
        let pending = start_pending(&Scope::new(), async {
            let _bomb = Bomb;
            for_ever().await
        })
        .unwrap();
        cancel(pending.id());
        assert!(pending.wait(LONG).unwrap().is_err());
    }

    #[test]
    fn cancelling_and_closing_have_kinds_of_their_own() {
        let scope = Scope::new();
        let cancelled = start_pending(&scope, for_ever()).unwrap();
        let closed = start_pending(&scope.child(), for_ever()).unwrap();
        cancel(cancelled.id());
        assert_eq!(cancelled.wait(LONG).unwrap().unwrap_err().kind, Kind::Cancelled);
        assert!(closed.wait(Duration::from_millis(1)).is_none());
        scope.close();
        scope.close();
        assert_eq!(closed.wait(LONG).unwrap().unwrap_err().kind, Kind::Closed);
        assert_eq!(start_pending(&scope, for_ever()).unwrap_err().kind, Kind::Closed);
    }

    #[test]
    fn calls_that_race_with_their_cancel_and_close_complete_exactly_once() {
        const CALLS: usize = 2000;
        let completed = Arc::new(AtomicUsize::new(0));
        let (tell, told) = std::sync::mpsc::channel();
        let mut scope = Scope::new();
        for call in 0..CALLS {
            let (completed, tell) = (completed.clone(), tell.clone());
            let completion = move |_: Result<Bytes, BridgeError>| {
                completed.fetch_add(1, Ordering::Relaxed);
                tell.send(()).unwrap();
            };
            let id = start(&scope, echo(Bytes::new()), completion).unwrap();
            match call % 3 {
                0 => cancel(id),
                1 => {
                    scope.close();
                    scope = Scope::new();
                }
                _ => {}
            }
        }
        for _ in 0..CALLS {
            told.recv_timeout(LONG).unwrap();
        }
        drop(tell);
        // Every completion, and with it its sender, is gone: nothing can be told any more.
        assert!(told.recv_timeout(LONG).is_err());
        assert_eq!(completed.load(Ordering::Relaxed), CALLS);
    }

    #[test]
    fn a_completion_that_panics_harms_nobody_else() {
        let scope = Scope::new();
        start(&scope, echo(Bytes::new()), |_: Result<Bytes, BridgeError>| panic!("binding")).unwrap();
        assert!(outcome(&scope, echo(Bytes::new())).is_ok());
    }
}
