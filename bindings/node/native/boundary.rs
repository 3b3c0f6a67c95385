//! Where results pass from the runtime's threads to one event loop.
//!
//! A wake-up of an event loop costs far more than a result, so results gather in a queue and the loop is woken once
//! for all that are there when it comes to look. An environment (the main thread, or a worker) ends at any time, also
//! with calls in flight: its results are then dropped, and its calls cancelled.

use std::collections::VecDeque;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::Arc;

use bytes::Bytes;
use etcdkit_bridge::{BridgeError, CALLS_AT_ONCE_MAX, CallId, Scope};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use napi::bindgen_prelude::{BigInt, Function, JsValue, Unknown};
use napi::{Env, sys};
use napi_derive::napi;
use parking_lot::Mutex;

use crate::decode::decode;
use crate::js::{Js, Value, type_error};
use crate::schema::{Message, schema};

/// Results handed over in one turn of the event loop; others wait for the next turn, so that timers and I/O of the
/// program get theirs. The queue itself is bounded by the calls in flight.
const TURN_MAX: usize = 1024;
/// Tags from here on are those of calls that may be cancelled: they start at once, and their number is told.
const CANCELLABLE: u32 = 1 << 31;
/// Entries of the array that JavaScript gets, for each result: tag, error or null, value.
const STRIDE: usize = 3;

/// What a call answers: plain data, of which the event loop's thread makes the JavaScript value.
#[derive(Debug)]
pub(crate) enum Answer {
    Nothing,
    Boolean(bool),
    Text(String),
    Data(Bytes),
    /// A 64-bit number, which becomes a decimal text.
    Long(i64),
    Message(&'static Message, Bytes),
    Messages(&'static Message, Vec<Bytes>),
    List(Vec<Answer>),
}

/// How a call ends.
pub(crate) type Outcome = Result<Answer, BridgeError>;

/// A call that waits to be started with others.
struct Submission {
    tag: u32,
    begin: Box<dyn FnOnce() -> Result<CallId, BridgeError> + Send>,
}

/// The queue of one environment.
struct Queue {
    ready: VecDeque<(u32, Outcome)>,
    /// Calls of this turn of the event loop. Bounded by what one turn starts; each holds its request only.
    submitted: Vec<Submission>,
    /// Whether the event loop has been woken and has not come yet.
    woken: bool,
    /// Calls started and not handed over; the event loop stays alive while there are any.
    in_flight: usize,
    /// Null once the environment is going down.
    wake: WakeUp,
}

/// The engine's way to wake an event loop from another thread.
struct WakeUp(sys::napi_threadsafe_function);

// SAFETY: the engine made it to be called from any thread. It is set to null, under the lock around it, before the
// engine frees it.
unsafe impl Send for WakeUp {}

impl Queue {
    fn push(&mut self, tag: u32, outcome: Outcome) {
        if self.wake.0.is_null() {
            return;
        }
        self.ready.push_back((tag, outcome));
        self.wake();
    }

    fn wake(&mut self) {
        if self.woken || self.wake.0.is_null() {
            return;
        }
        // SAFETY: not null, so the environment is alive; it cannot end while the lock around this queue is held.
        let status = unsafe {
            sys::napi_call_threadsafe_function(
                self.wake.0,
                ptr::null_mut(),
                sys::ThreadsafeFunctionCallMode::nonblocking,
            )
        };
        self.woken = status == sys::Status::napi_ok;
    }
}

/// The boundary of one environment, as the objects of that environment share it.
#[derive(Clone)]
pub(crate) struct Gate {
    queue: Arc<Mutex<Queue>>,
    scope: Scope,
}

impl Gate {
    /// What ends with the environment.
    pub(crate) fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Starts a call whose outcome is handed over under `tag`. Also a call that is refused is answered that way.
    ///
    /// A call that cannot be cancelled waits for [`flush`](Self::flush), because waking the runtime's threads costs
    /// more than the call: all that one turn of the event loop starts wake them once.
    pub(crate) fn start(
        &self,
        env: &Env,
        tag: u32,
        scope: &Scope,
        work: impl Future<Output = Outcome> + Send + 'static,
    ) -> BigInt {
        self.begin(env);
        // Boxed, because the machinery around a call is large and would be there once for each kind of call.
        self.submit(tag, scope.clone(), work.boxed())
    }

    fn submit(&self, tag: u32, scope: Scope, work: BoxFuture<'static, Outcome>) -> BigInt {
        let queue = self.queue.clone();
        let begin = move || {
            let completion = move |outcome: Outcome| queue.lock().push(tag, outcome);
            etcdkit_bridge::start(&scope, work, completion)
        };
        if tag < CANCELLABLE {
            self.queue.lock().submitted.push(Submission { tag, begin: Box::new(begin) });
            return BigInt::from(CallId::default());
        }
        match begin() {
            Ok(id) => BigInt::from(id),
            Err(refused) => {
                self.queue.lock().push(tag, Err(refused));
                BigInt::from(CallId::default())
            }
        }
    }

    /// Starts the calls that were submitted: few of them here, many on a thread of the runtime, which is woken once.
    fn flush(&self) {
        let submitted = std::mem::take(&mut self.queue.lock().submitted);
        let queue = self.queue.clone();
        let is_few = submitted.len() <= CALLS_AT_ONCE_MAX;
        let start_all = move || {
            for Submission { tag, begin } in submitted {
                if let Err(refused) = begin() {
                    queue.lock().push(tag, Err(refused));
                }
            }
        };
        match etcdkit_bridge::enter() {
            Ok(_entered) if !is_few => drop(tokio::spawn(async move { start_all() })),
            // Where there is no runtime, each is refused with the reason.
            _ => start_all(),
        }
    }

    /// Keeps the event loop alive for the first call in flight.
    fn begin(&self, env: &Env) {
        let mut queue = self.queue.lock();
        queue.in_flight += 1;
        if queue.in_flight == 1 && !queue.wake.0.is_null() {
            // SAFETY: on the thread of the environment, which is alive.
            unsafe { sys::napi_ref_threadsafe_function(env.raw(), queue.wake.0) };
        }
    }

    /// Takes the results of one turn, and lets the event loop end when no call is left.
    fn take(&self, env: sys::napi_env) -> Vec<(u32, Outcome)> {
        let mut queue = self.queue.lock();
        queue.woken = false;
        let count = queue.ready.len().min(TURN_MAX);
        let taken: Vec<_> = queue.ready.drain(..count).collect();
        queue.in_flight = queue.in_flight.saturating_sub(taken.len());
        if !queue.ready.is_empty() {
            queue.wake();
        }
        if queue.in_flight == 0 && !taken.is_empty() && !queue.wake.0.is_null() {
            // SAFETY: on the thread of the environment, which is alive.
            unsafe { sys::napi_unref_threadsafe_function(env, queue.wake.0) };
        }
        taken
    }

    /// The environment ends: nothing is handed over any more.
    fn shut(&self) {
        let abandoned = {
            let mut queue = self.queue.lock();
            queue.wake.0 = ptr::null_mut();
            (std::mem::take(&mut queue.ready), std::mem::take(&mut queue.submitted))
        };
        drop(abandoned);
        self.scope.close();
    }
}

/// The boundary of the calling environment. One for each, made when the package is loaded.
#[napi]
pub struct Boundary {
    gate: Gate,
}

#[napi]
impl Boundary {
    /// `deliver` gets an array of (tag, error or null, value) for every batch of results.
    #[napi(constructor, catch_unwind)]
    pub fn new(env: Env, deliver: Function<'_, Unknown<'_>, ()>) -> napi::Result<Self> {
        let wake = WakeUp(ptr::null_mut());
        let queue = Queue { ready: VecDeque::new(), submitted: Vec::new(), woken: false, in_flight: 0, wake };
        let gate = Gate { queue: Arc::new(Mutex::new(queue)), scope: Scope::new() };
        gate.queue.lock().wake = wake_up(&env, &deliver, &gate)?;
        // Hooks run in the reverse order of their making, so this one runs before the engine's own for the function.
        let closing = gate.clone();
        env.add_env_cleanup_hook(closing, |gate| gate.shut())?;
        Ok(Boundary { gate })
    }

    /// Answers with what it was given: to test and to measure the boundary without a server.
    #[napi(catch_unwind)]
    pub fn echo(&self, env: Env, tag: u32, payload: Unknown<'_>) -> napi::Result<BigInt> {
        // SAFETY: on the thread of the environment that calls.
        let js = unsafe { Js::new(env.raw()) };
        let payload = js.with_bytes(payload.raw(), Bytes::copy_from_slice)?;
        let payload = payload.ok_or_else(|| type_error("echo takes a Buffer, a Uint8Array or a string"))?;
        Ok(self.gate.start(&env, tag, self.gate.scope(), async move {
            Ok(Answer::Data(etcdkit_bridge::echo(payload).await?))
        }))
    }

    /// Starts the calls of this turn of the event loop.
    #[napi(catch_unwind)]
    pub fn flush(&self) {
        self.gate.flush();
    }

    /// Cancels a call that was given a number; it is answered all the same. Unknown numbers are ignored.
    #[napi(catch_unwind)]
    pub fn cancel(&self, call: BigInt) {
        let (_, id, _) = call.get_u64();
        etcdkit_bridge::cancel(id);
    }
}

impl Boundary {
    pub(crate) fn gate(&self) -> Gate {
        self.gate.clone()
    }
}

/// Makes the function that wakes the event loop; it does not keep the loop alive by itself.
fn wake_up(env: &Env, deliver: &Function<'_, Unknown<'_>, ()>, gate: &Gate) -> napi::Result<WakeUp> {
    let name = env.create_string("etcdkit")?;
    let context = Box::into_raw(Box::new(gate.clone()));
    let mut made = ptr::null_mut();
    // SAFETY: on the thread of the environment; `context` lives until `forget_gate`, the engine's last call with it.
    let status = unsafe {
        sys::napi_create_threadsafe_function(
            env.raw(),
            deliver.raw(),
            ptr::null_mut(),
            name.raw(),
            0,
            1,
            context.cast(),
            Some(forget_gate),
            context.cast(),
            Some(hand_over),
            &mut made,
        )
    };
    if status != sys::Status::napi_ok {
        // SAFETY: the engine did not take it.
        drop(unsafe { Box::from_raw(context) });
        return Err(napi::Error::from_status(napi::Status::from(status)));
    }
    // SAFETY: just made, on this thread.
    unsafe { sys::napi_unref_threadsafe_function(env.raw(), made) };
    Ok(WakeUp(made))
}

/// The engine has let go of the function.
unsafe extern "C" fn forget_gate(_: sys::napi_env, gate: *mut c_void, _: *mut c_void) {
    // SAFETY: made by `wake_up`, and this is the engine's last use of it.
    let gate = unsafe { Box::from_raw(gate.cast::<Gate>()) };
    let _ = catch_unwind(AssertUnwindSafe(|| gate.shut()));
}

/// Runs on the event loop's thread after a wake-up.
unsafe extern "C" fn hand_over(env: sys::napi_env, deliver: Value, gate: *mut c_void, _: *mut c_void) {
    // Without an environment the engine only empties its queue, in which nothing of ours is.
    if env.is_null() || deliver.is_null() {
        return;
    }
    // SAFETY: alive until `forget_gate`.
    let gate = unsafe { &*gate.cast::<Gate>() };
    // SAFETY: the engine calls on the thread of the environment.
    let js = unsafe { Js::new(env) };
    // A panic must not cross into the engine. What it may leave behind is one batch of calls without an answer.
    let _ = catch_unwind(AssertUnwindSafe(|| {
        let taken = gate.take(env);
        if taken.is_empty() {
            return;
        }
        if let (Ok(batch), Ok(this)) = (batch(js, taken), js.undefined()) {
            let mut result = ptr::null_mut();
            // SAFETY: all of them are values of this environment. An exception stays pending: the engine reports it
            // as uncaught when this function returns.
            unsafe { sys::napi_call_function(env, this, deliver, 1, &batch, &mut result) };
        }
    }));
}

fn batch(js: Js, taken: Vec<(u32, Outcome)>) -> napi::Result<Value> {
    let array = js.array(taken.len() * STRIDE)?;
    let mut index = 0;
    for (tag, outcome) in taken {
        let made = outcome.map(|answer| value(js, answer));
        let (error, value) = match made {
            Ok(Ok(value)) => (js.null()?, value),
            Ok(Err(error)) => (failure(js, &BridgeError::internal(error.reason.clone()))?, js.undefined()?),
            Err(error) => (failure(js, &error)?, js.undefined()?),
        };
        for entry in [js.uint32(tag)?, error, value] {
            js.set_at(array, index, entry)?;
            index += 1;
        }
    }
    Ok(array)
}

fn value(js: Js, answer: Answer) -> napi::Result<Value> {
    match answer {
        Answer::Nothing => js.undefined(),
        Answer::Boolean(value) => js.boolean(value),
        Answer::Text(text) => js.text(&text),
        Answer::Data(data) => js.buffer(&data),
        Answer::Long(number) => js.ascii(number.to_string().as_bytes()),
        Answer::Message(message, data) => decode(js, schema()?, message, &data),
        Answer::Messages(message, parts) => {
            list(js, parts.into_iter().map(|data| decode(js, schema()?, message, &data)))
        }
        Answer::List(answers) => list(js, answers.into_iter().map(|answer| value(js, answer))),
    }
}

fn list(js: Js, values: impl ExactSizeIterator<Item = napi::Result<Value>>) -> napi::Result<Value> {
    let array = js.array(values.len())?;
    for (index, value) in (0_u32..).zip(values) {
        js.set_at(array, index, value?)?;
    }
    Ok(array)
}

/// The facts of an error; TypeScript makes its class of them.
fn failure(js: Js, error: &BridgeError) -> napi::Result<Value> {
    let object = js.object()?;
    js.set(object, c"kind", js.int32(error.kind as i32)?)?;
    js.set(object, c"code", js.int32(error.code)?)?;
    js.set(object, c"message", js.text(&error.message)?)?;
    js.set(object, c"outcomeUnknown", js.boolean(error.outcome_unknown)?)?;
    let reason = match error.etcd {
        Some(etcd) => js.text(etcd.entry().name)?,
        None => js.null()?,
    };
    js.set(object, c"reason", reason)?;
    Ok(object)
}
