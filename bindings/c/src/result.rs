//! What a call came to, as C sees it.

use std::ptr::null;

use etcdkit_bridge::BridgeError;
use etcdkit_dispatch::{Answer, Outcome};

/// `etcdkit_result.flags`: the write may have been executed.
const OUTCOME_UNKNOWN: u32 = 1;

/// `etcdkit_result`.
#[repr(C)]
pub struct CResult {
    tag: u64,
    handle: u64,
    kind: i32,
    code: i32,
    flags: u32,
    data: *const u8,
    len: usize,
    message: *const u8,
    message_len: usize,
}

// The header's promise to languages that write the layout down by hand.
#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<CResult>() == 64 && std::mem::offset_of!(CResult, data) == 32);

/// `etcdkit_completion`.
pub type Completion = extern "C" fn(*const CResult);

impl CResult {
    /// A view of the outcome, good for as long as the outcome is.
    pub(crate) fn of(tag: u64, outcome: &Outcome) -> Self {
        let none = Self {
            tag,
            handle: 0,
            kind: 0,
            code: 0,
            flags: 0,
            data: null(),
            len: 0,
            message: null(),
            message_len: 0,
        };
        match outcome {
            Ok(answer) if answer.data.is_empty() => Self { handle: answer.handle, ..none },
            Ok(Answer { handle, data }) => {
                Self { handle: *handle, data: data.as_ptr(), len: data.len(), ..none }
            }
            Err(error) => Self {
                kind: error.kind as i32,
                code: error.code,
                flags: if error.outcome_unknown { OUTCOME_UNKNOWN } else { 0 },
                message: error.message.as_ptr(),
                message_len: error.message.len(),
                ..none
            },
        }
    }
}

/// The caller's function, called exactly once whatever becomes of the call.
pub(crate) struct Callback {
    done: Completion,
    tag: u64,
    called: bool,
}

impl Callback {
    pub(crate) fn new(done: Completion, tag: u64) -> Self {
        Self { done, tag, called: false }
    }

    fn call(&mut self, outcome: &Outcome) {
        self.called = true;
        (self.done)(&CResult::of(self.tag, outcome));
    }
}

impl etcdkit_bridge::Completion<Answer> for Callback {
    fn complete(mut self, outcome: Outcome) {
        self.call(&outcome);
    }
}

impl Drop for Callback {
    fn drop(&mut self) {
        if !self.called {
            self.call(&Err(BridgeError::internal("the call was abandoned")));
        }
    }
}
