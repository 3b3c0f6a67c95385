//! The C boundary: `include/etcdkit.h` says what each function promises.
//!
//! Nothing is decided here. Numbers and bytes come in, are checked as far as a pointer can be, and go to
//! `etcdkit-dispatch`; no panic, pointer or lifetime of Rust's goes out.

#![allow(unsafe_code)]

mod fence;
pub mod result;

use std::ffi::{CStr, c_char};
use std::time::Duration;

use bytes::Bytes;
use etcdkit_bridge::{BridgeError, Kind, statistics};
use etcdkit_dispatch::{Queue, close, start};

use crate::fence::fenced;
use crate::result::{CResult, Callback, Completion};

/// Number of this boundary; another one fits no header of this one.
const ABI_VERSION: u32 = 1;

/// Largest request: protobuf allows no larger message. A length beyond is a mistake of the caller.
const REQUEST_BYTES_MAX: usize = i32::MAX as usize;

/// What `etcdkit_queue_next` answers when the queue is closed.
const QUEUE_CLOSED: i32 = -1;

static VERSION: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
    Ok(version) => version,
    Err(_) => c"",
};

/// What is alive; see the header.
#[repr(C)]
pub struct CStats {
    handles: u64,
    calls: u64,
    threads: u64,
}

/// See the header.
#[unsafe(no_mangle)]
pub extern "C" fn etcdkit_abi_version() -> u32 {
    fenced(0, || ABI_VERSION)
}

/// See the header.
#[unsafe(no_mangle)]
pub extern "C" fn etcdkit_version() -> *const c_char {
    fenced(c"".as_ptr(), || VERSION.as_ptr())
}

/// See the header.
///
/// # Safety
/// `request` points to `len` bytes or is null, and `done` is a function that may be called from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcdkit_start(
    target: u64,
    method: u32,
    request: *const u8,
    len: usize,
    timeout_ms: i64,
    done: Option<Completion>,
    tag: u64,
) -> u64 {
    let Some(done) = done else { return 0 };
    let callback = Callback::new(done, tag);
    fenced(0, || {
        // SAFETY: the caller vouches for `request` and `len`.
        match unsafe { copied(request, len) } {
            Ok(request) => start(target, method, request, timeout_ms, callback).unwrap_or(0),
            Err(error) => {
                etcdkit_bridge::Completion::complete(callback, Err(error));
                0
            }
        }
    })
}

/// See the header.
#[unsafe(no_mangle)]
pub extern "C" fn etcdkit_cancel(call: u64) {
    fenced((), || etcdkit_bridge::cancel(call));
}

/// See the header.
#[unsafe(no_mangle)]
pub extern "C" fn etcdkit_close(handle: u64) {
    fenced((), || close(handle));
}

/// See the header.
#[unsafe(no_mangle)]
pub extern "C" fn etcdkit_queue_open() -> u64 {
    fenced(0, || Queue::open().unwrap_or(0))
}

/// See the header.
#[unsafe(no_mangle)]
pub extern "C" fn etcdkit_queue_open_driving() -> u64 {
    fenced(0, || Queue::open_driving().unwrap_or(0))
}

/// See the header.
///
/// # Safety
/// `request` points to `len` bytes or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcdkit_queue_start(
    queue: u64,
    target: u64,
    method: u32,
    request: *const u8,
    len: usize,
    timeout_ms: i64,
    tag: u64,
) -> u64 {
    fenced(0, || {
        let Ok(queue) = Queue::get(queue) else { return 0 };
        // SAFETY: the caller vouches for `request` and `len`.
        match unsafe { copied(request, len) } {
            Ok(request) => queue.start(target, method, request, timeout_ms, tag).unwrap_or(0),
            Err(error) => queue.refuse(error, tag).unwrap_or(0),
        }
    })
}

/// See the header.
///
/// # Safety
/// `results` points to room for `max` results.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcdkit_queue_next(
    queue: u64,
    results: *mut CResult,
    max: i32,
    timeout_ms: i64,
) -> i32 {
    fenced(QUEUE_CLOSED, || {
        let Ok(open) = Queue::get(queue) else { return QUEUE_CLOSED };
        let Some(max) = usize::try_from(max).ok().filter(|max| *max > 0 && !results.is_null()) else {
            return 0;
        };
        let timeout = u64::try_from(timeout_ms).ok().map(Duration::from_millis);
        let mut place = results;
        let shown = open.lend(max, timeout, |finished| {
            // SAFETY: the caller vouches for room for `max` results, and no more are shown.
            unsafe {
                place.write(CResult::of(finished.tag, &finished.outcome));
                place = place.add(1);
            }
        });
        match shown {
            Some(count) => i32::try_from(count).unwrap_or(i32::MAX),
            None => {
                // The reader has seen the end: nothing is lent any more.
                close(queue);
                QUEUE_CLOSED
            }
        }
    })
}

/// See the header.
#[unsafe(no_mangle)]
pub extern "C" fn etcdkit_queue_close(queue: u64) {
    fenced((), || {
        if Queue::get(queue).is_ok() {
            close(queue);
        }
    });
}

/// See the header.
///
/// # Safety
/// `out` points to room for the statistics, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcdkit_stats(out: *mut CStats) {
    fenced((), || {
        let now = statistics();
        let stats =
            CStats { handles: now.objects as u64, calls: now.calls as u64, threads: now.threads as u64 };
        if !out.is_null() {
            // SAFETY: the caller vouches for the room.
            unsafe { out.write(stats) };
        }
    });
}

/// The request, which is the caller's again when the call returns.
///
/// # Safety
/// `request` points to `len` bytes or is null.
unsafe fn copied(request: *const u8, len: usize) -> Result<Bytes, BridgeError> {
    if len == 0 {
        return Ok(Bytes::new());
    }
    if request.is_null() {
        return Err(refused(format!("the request is a null pointer, but its length is {len}")));
    }
    if len > REQUEST_BYTES_MAX {
        return Err(refused(format!("a request of {len} bytes is longer than {REQUEST_BYTES_MAX}")));
    }
    // SAFETY: not null, and the caller vouches for the length, which is less than isize::MAX.
    Ok(Bytes::copy_from_slice(unsafe { std::slice::from_raw_parts(request, len) }))
}

fn refused(message: String) -> BridgeError {
    let kind = Kind::InvalidArgument;
    BridgeError { kind, code: kind as i32, message, outcome_unknown: false, etcd: None }
}
