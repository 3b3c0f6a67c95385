//! The boundary to Java: the native methods of `io.etcdkit.internal.Native`, whose documentation says what each does.
//!
//! Java comes in with numbers and a byte array, and a Java thread waits in `next` for results. Nothing here calls a
//! method of Java or attaches a thread, so no thread of the runtime can meet a virtual machine that is ending. Panics
//! become exceptions: `with_env` sees to it.

// Exported names are an unsafe attribute; there is no other unsafe code.
#![allow(unsafe_code)]

use std::time::Duration;

use bytes::Bytes;
use etcdkit_bridge::{BridgeError, statistics};
use etcdkit_dispatch::{Finished, Queue};
use jni::errors::ThrowRuntimeExAndDefault;
use jni::objects::{JByteArray, JClass, JLongArray, JObjectArray, JString};
use jni::sys::{jint, jlong};
use jni::{Env, EnvUnowned};

/// Number of this boundary, as in `Native.java`.
const ABI_VERSION: jint = 1;

/// Numbers that make a result, as in `Native.java`.
const RESULT_WORDS: usize = 5;

/// The write may have been executed although the call failed.
const OUTCOME_UNKNOWN: jlong = 1;

/// What `next` answers when the queue is closed.
const QUEUE_CLOSED: jint = -1;

/// gRPC's number of the error that there was no memory left for the answer.
const RESOURCE_EXHAUSTED: jlong = 8;

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Java(#[from] jni::errors::Error),
    #[error(transparent)]
    Core(#[from] BridgeError),
}

/// Runs the body of a native method; an error or a panic in it becomes an exception.
fn native<'local, T: Default>(
    mut env: EnvUnowned<'local>,
    body: impl FnOnce(&mut Env<'local>) -> Result<T, Failure>,
) -> T {
    env.with_env(body).resolve::<ThrowRuntimeExAndDefault>()
}

#[unsafe(no_mangle)]
extern "system" fn Java_io_etcdkit_internal_Native_abiVersion<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
) -> jint {
    native(env, |_| Ok(ABI_VERSION))
}

#[unsafe(no_mangle)]
extern "system" fn Java_io_etcdkit_internal_Native_version<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
) -> JString<'local> {
    native(env, |env| Ok(JString::from_str(env, env!("CARGO_PKG_VERSION"))?))
}

#[unsafe(no_mangle)]
extern "system" fn Java_io_etcdkit_internal_Native_queueOpen<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
) -> jlong {
    native(env, |_| Ok(to_java(Queue::open_driving()?)))
}

#[unsafe(no_mangle)]
extern "system" fn Java_io_etcdkit_internal_Native_start<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    queue: jlong,
    target: jlong,
    method: jint,
    request: JByteArray<'local>,
    timeout_ms: jlong,
    tag: jlong,
) -> jlong {
    native(env, |env| {
        let request = Bytes::from(env.convert_byte_array(&request)?);
        let queue = Queue::get(to_rust(queue))?;
        let call = queue.start(to_rust(target), method.cast_unsigned(), request, timeout_ms, to_rust(tag));
        Ok(to_java(call.unwrap_or(0)))
    })
}

#[unsafe(no_mangle)]
extern "system" fn Java_io_etcdkit_internal_Native_next<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    queue: jlong,
    words: JLongArray<'local>,
    payloads: JObjectArray<'local, JByteArray<'local>>,
    timeout_ms: jlong,
) -> jint {
    native(env, |env| {
        let Ok(queue) = Queue::get(to_rust(queue)) else { return Ok(QUEUE_CLOSED) };
        let timeout = u64::try_from(timeout_ms).ok().map(Duration::from_millis);
        let room = payloads.len(env)?;
        let Some(batch) = queue.next(room, timeout) else { return Ok(QUEUE_CLOSED) };
        let mut numbers = Vec::with_capacity(batch.len() * RESULT_WORDS);
        for (index, finished) in batch.iter().enumerate() {
            numbers.extend(hand_over(env, &payloads, index, finished));
        }
        words.set_region(env, 0, &numbers)?;
        Ok(jint::try_from(batch.len()).unwrap_or(jint::MAX))
    })
}

/// Puts a payload into its place and returns the numbers that go with it. A payload that Java has no memory for is an
/// error of its call, not of its neighbours.
fn hand_over<'local>(
    env: &mut Env<'local>,
    payloads: &JObjectArray<'local, JByteArray<'local>>,
    index: usize,
    finished: &Finished,
) -> [jlong; RESULT_WORDS] {
    let tag = to_java(finished.tag);
    let (numbers, payload) = match &finished.outcome {
        Ok(answer) => ([tag, to_java(answer.handle), 0, 0, 0], answer.data.as_ref()),
        Err(error) => (failure(tag, error), error.message.as_bytes()),
    };
    if put(env, payloads, index, payload).is_ok() {
        return numbers;
    }
    env.exception_clear();
    if let Ok(answer) = &finished.outcome {
        etcdkit_dispatch::close(answer.handle);
    }
    [tag, 0, RESOURCE_EXHAUSTED, RESOURCE_EXHAUSTED, 0]
}

fn failure(tag: jlong, error: &BridgeError) -> [jlong; RESULT_WORDS] {
    let flags = if error.outcome_unknown { OUTCOME_UNKNOWN } else { 0 };
    [tag, 0, jlong::from(error.kind as i32), jlong::from(error.code), flags]
}

fn put<'local>(
    env: &mut Env<'local>,
    payloads: &JObjectArray<'local, JByteArray<'local>>,
    index: usize,
    payload: &[u8],
) -> Result<(), jni::errors::Error> {
    let array = env.byte_array_from_slice(payload)?;
    let placed = payloads.set_element(env, index, &array);
    // The thread stays in Java's loop for ever: references must not gather.
    env.delete_local_ref(array);
    placed
}

#[unsafe(no_mangle)]
extern "system" fn Java_io_etcdkit_internal_Native_queueClose<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    queue: jlong,
) {
    native(env, |_| {
        etcdkit_dispatch::close(to_rust(queue));
        Ok(())
    });
}

#[unsafe(no_mangle)]
extern "system" fn Java_io_etcdkit_internal_Native_cancel<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    call: jlong,
) {
    native(env, |_| {
        etcdkit_bridge::cancel(to_rust(call));
        Ok(())
    });
}

#[unsafe(no_mangle)]
extern "system" fn Java_io_etcdkit_internal_Native_close<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
) {
    native(env, |_| {
        etcdkit_dispatch::close(to_rust(handle));
        Ok(())
    });
}

#[unsafe(no_mangle)]
extern "system" fn Java_io_etcdkit_internal_Native_stats<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    out: JLongArray<'local>,
) {
    native(env, |env| {
        let now = statistics();
        let numbers = [now.objects, now.calls, now.threads].map(|count| to_java(count as u64));
        Ok(out.set_region(env, 0, &numbers)?)
    });
}

/// Java has no unsigned numbers; the bits are the same.
fn to_java(number: u64) -> jlong {
    number.cast_signed()
}

fn to_rust(number: jlong) -> u64 {
    number.cast_unsigned()
}
