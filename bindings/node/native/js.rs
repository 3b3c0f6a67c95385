//! JavaScript values at the level of Node-API, for the conversions that every call makes: one function of the engine
//! for each value, without the checks and references that general-purpose wrappers add.

use std::ffi::CStr;
use std::ptr;

use napi::bindgen_prelude::{Error, Result, Status};
use napi::{ValueType, sys};

/// A JavaScript value, of use until the function of the engine that gave it returns.
pub(crate) type Value = sys::napi_value;

/// Longest text that is read without an allocation on the heap; names of enumerations and decimal numbers fit.
const SHORT_TEXT: usize = 64;

/// The engine, while it runs a function of ours on its own thread.
#[derive(Clone, Copy)]
pub(crate) struct Js {
    env: sys::napi_env,
}

/// Calls a function of the engine that makes a value.
macro_rules! make {
    ($function:ident, $env:expr $(, $argument:expr)*) => {{
        let mut value = ptr::null_mut();
        // SAFETY: `Js` exists only on the thread of its environment while that calls us; the arguments are borrowed
        // for the call, and `value` is written before it returns.
        let status = unsafe { sys::$function($env $(, $argument)*, &mut value) };
        checked(status, value)
    }};
}

/// Calls a function of the engine that tells something about a value.
macro_rules! ask {
    ($function:ident, $env:expr, $value:expr, $initial:expr) => {{
        let mut told = $initial;
        // SAFETY: as above.
        let status = unsafe { sys::$function($env, $value, &mut told) };
        checked(status, told)
    }};
}

fn checked<T>(status: sys::napi_status, value: T) -> Result<T> {
    if status == sys::Status::napi_ok {
        return Ok(value);
    }
    Err(Error::new(Status::from(status), format!("the JavaScript engine refused: {}", Status::from(status))))
}

fn length(length: usize) -> Result<isize> {
    isize::try_from(length).map_err(|_| type_error("the value is too large"))
}

/// An error that JavaScript sees as a TypeError.
pub(crate) fn type_error(message: impl Into<String>) -> Error {
    Error::new(Status::InvalidArg, message.into())
}

impl Js {
    /// SAFETY: `env` is the environment that runs on this thread, now.
    pub(crate) unsafe fn new(env: sys::napi_env) -> Self {
        Self { env }
    }

    pub(crate) fn null(self) -> Result<Value> {
        make!(napi_get_null, self.env)
    }

    pub(crate) fn undefined(self) -> Result<Value> {
        make!(napi_get_undefined, self.env)
    }

    pub(crate) fn boolean(self, value: bool) -> Result<Value> {
        make!(napi_get_boolean, self.env, value)
    }

    pub(crate) fn uint32(self, value: u32) -> Result<Value> {
        make!(napi_create_uint32, self.env, value)
    }

    pub(crate) fn int32(self, value: i32) -> Result<Value> {
        make!(napi_create_int32, self.env, value)
    }

    pub(crate) fn text(self, value: &str) -> Result<Value> {
        make!(napi_create_string_utf8, self.env, value.as_ptr().cast(), length(value.len())?)
    }

    /// A text of ASCII characters, which the engine need not decode.
    pub(crate) fn ascii(self, value: &[u8]) -> Result<Value> {
        make!(napi_create_string_latin1, self.env, value.as_ptr().cast(), length(value.len())?)
    }

    /// A Buffer with a copy of the bytes.
    pub(crate) fn buffer(self, data: &[u8]) -> Result<Value> {
        let copy: *mut *mut std::ffi::c_void = ptr::null_mut();
        make!(napi_create_buffer_copy, self.env, data.len(), data.as_ptr().cast(), copy)
    }

    pub(crate) fn object(self) -> Result<Value> {
        make!(napi_create_object, self.env)
    }

    pub(crate) fn array(self, length: usize) -> Result<Value> {
        make!(napi_create_array_with_length, self.env, length)
    }

    pub(crate) fn set(self, object: Value, name: &CStr, value: Value) -> Result<()> {
        // SAFETY: see `make`.
        checked(unsafe { sys::napi_set_named_property(self.env, object, name.as_ptr(), value) }, ())
    }

    pub(crate) fn set_at(self, array: Value, index: u32, value: Value) -> Result<()> {
        // SAFETY: see `make`.
        checked(unsafe { sys::napi_set_element(self.env, array, index, value) }, ())
    }

    pub(crate) fn get(self, object: Value, name: &CStr) -> Result<Value> {
        make!(napi_get_named_property, self.env, object, name.as_ptr())
    }

    pub(crate) fn get_at(self, array: Value, index: u32) -> Result<Value> {
        make!(napi_get_element, self.env, array, index)
    }

    pub(crate) fn type_of(self, value: Value) -> Result<ValueType> {
        Ok(ValueType::from(ask!(napi_typeof, self.env, value, 0)?))
    }

    pub(crate) fn is_array(self, value: Value) -> Result<bool> {
        ask!(napi_is_array, self.env, value, false)
    }

    pub(crate) fn array_length(self, value: Value) -> Result<u32> {
        ask!(napi_get_array_length, self.env, value, 0)
    }

    pub(crate) fn bool_of(self, value: Value) -> Result<bool> {
        ask!(napi_get_value_bool, self.env, value, false)
    }

    pub(crate) fn double_of(self, value: Value) -> Result<f64> {
        ask!(napi_get_value_double, self.env, value, 0.0)
    }

    /// A BigInt as a signed 64-bit number.
    pub(crate) fn bigint_of(self, value: Value) -> Result<i64> {
        let (mut number, mut lossless) = (0, false);
        // SAFETY: see `make`.
        let status = unsafe { sys::napi_get_value_bigint_int64(self.env, value, &mut number, &mut lossless) };
        checked(status, ())?;
        if lossless {
            return Ok(number);
        }
        // Member and cluster ids use all 64 bits without a sign.
        let (mut number, mut lossless) = (0, false);
        // SAFETY: see `make`.
        let status =
            unsafe { sys::napi_get_value_bigint_uint64(self.env, value, &mut number, &mut lossless) };
        checked(status, ())?;
        match lossless {
            true => Ok(number.cast_signed()),
            false => Err(type_error("the number does not fit into 64 bits")),
        }
    }

    /// The text of a string.
    pub(crate) fn text_of(self, value: Value) -> Result<String> {
        let mut short = [0_u8; SHORT_TEXT];
        let mut written = 0;
        // SAFETY: see `make`; the engine writes at most SHORT_TEXT bytes, one of them a final zero.
        let status = unsafe {
            sys::napi_get_value_string_utf8(
                self.env,
                value,
                short.as_mut_ptr().cast(),
                SHORT_TEXT,
                &mut written,
            )
        };
        checked(status, ())?;
        // A character has up to four bytes, so less room than that may mean that one did not fit.
        let bytes =
            if written + 4 < SHORT_TEXT { short[..written].to_vec() } else { self.long_text_of(value)? };
        String::from_utf8(bytes).map_err(|_| type_error("the text is not valid Unicode"))
    }

    fn long_text_of(self, value: Value) -> Result<Vec<u8>> {
        let mut needed = 0;
        // SAFETY: see `make`; without room the engine only tells the length.
        let status =
            unsafe { sys::napi_get_value_string_utf8(self.env, value, ptr::null_mut(), 0, &mut needed) };
        checked(status, ())?;
        let mut bytes = vec![0_u8; needed + 1];
        let mut written = 0;
        // SAFETY: see `make`; the engine writes at most `bytes.len()` bytes, one of them a final zero.
        let status = unsafe {
            sys::napi_get_value_string_utf8(
                self.env,
                value,
                bytes.as_mut_ptr().cast(),
                bytes.len(),
                &mut written,
            )
        };
        checked(status, ())?;
        bytes.truncate(written);
        Ok(bytes)
    }

    /// Runs something with the bytes of a Buffer, another Uint8Array, or a text. `None` when the value is none of them.
    pub(crate) fn with_bytes<T>(self, value: Value, read: impl FnOnce(&[u8]) -> T) -> Result<Option<T>> {
        match self.type_of(value)? {
            ValueType::String => Ok(Some(read(self.text_of(value)?.as_bytes()))),
            ValueType::Object if ask!(napi_is_typedarray, self.env, value, false)? => {
                let (mut kind, mut length, mut data) = (0, 0, ptr::null_mut());
                let (mut buffer, mut offset) = (ptr::null_mut(), 0);
                // SAFETY: see `make`; `value` is a typed array.
                let status = unsafe {
                    sys::napi_get_typedarray_info(
                        self.env,
                        value,
                        &mut kind,
                        &mut length,
                        &mut data,
                        &mut buffer,
                        &mut offset,
                    )
                };
                checked(status, ())?;
                let is_bytes = kind == sys::TypedarrayType::uint8_array
                    || kind == sys::TypedarrayType::uint8_clamped_array;
                if !is_bytes {
                    return Ok(None);
                }
                if length == 0 || data.is_null() {
                    return Ok(Some(read(&[])));
                }
                // SAFETY: the engine told where the bytes of the array are; no JavaScript runs while they are read.
                Ok(Some(read(unsafe { std::slice::from_raw_parts(data.cast::<u8>(), length) })))
            }
            _ => Ok(None),
        }
    }
}
