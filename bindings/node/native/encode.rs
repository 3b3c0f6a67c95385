//! JavaScript objects to encoded messages.
//!
//! A property that is missing, undefined or null is left out. 64-bit numbers may be given as number, decimal text or
//! BigInt, bytes as Buffer, Uint8Array or text, enumerations by name or number.

use std::ffi::CStr;

use napi::ValueType;
use napi::bindgen_prelude::Result;
use prost::encoding::{WireType, encode_key, encode_varint};

use crate::js::{Js, Value, type_error};
use crate::schema::{Field, Kind, Message, Schema};

/// Messages nest at most this deep, as in protobuf's own writers: an object that contains itself ends here.
const DEPTH_MAX: usize = 100;
/// Largest number up to which a JavaScript number is exact.
const EXACT_MAX: f64 = 9_007_199_254_740_991.0;

/// Writes an object as a message of the given type.
pub(crate) fn encode(js: Js, schema: &Schema, message: &Message, object: Value) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(64);
    Encoder { js, schema }.message(message, object, &mut out, 0)?;
    Ok(out)
}

struct Encoder<'a> {
    js: Js,
    schema: &'a Schema,
}

impl Encoder<'_> {
    fn message(&self, message: &Message, object: Value, out: &mut Vec<u8>, depth: usize) -> Result<()> {
        if depth > DEPTH_MAX {
            return Err(type_error(format!("{} is nested more than {DEPTH_MAX} levels deep", message.name)));
        }
        match self.js.type_of(object)? {
            ValueType::Undefined | ValueType::Null => return Ok(()),
            ValueType::Object => {}
            other => return Err(type_error(format!("{} is an object, not {other}", message.name))),
        }
        for field in &message.fields {
            let value = self.js.get(object, &field.name)?;
            let kind = self.js.type_of(value)?;
            if matches!(kind, ValueType::Undefined | ValueType::Null) {
                continue;
            }
            if !field.repeated {
                self.field(field, value, kind, out, depth)?;
                continue;
            }
            if !self.js.is_array(value)? {
                return Err(wrong(field, "an array"));
            }
            for index in 0..self.js.array_length(value)? {
                let item = self.js.get_at(value, index)?;
                self.field(field, item, self.js.type_of(item)?, out, depth)?;
            }
        }
        Ok(())
    }

    fn field(
        &self,
        field: &Field,
        value: Value,
        kind: ValueType,
        out: &mut Vec<u8>,
        depth: usize,
    ) -> Result<()> {
        // The default is left out, except where its presence means something.
        let always = field.repeated || field.oneof.is_some();
        match field.kind {
            Kind::Int32 | Kind::Uint32 | Kind::Int64 | Kind::Uint64 => {
                let number = self.integer(field, value, kind)?;
                write_varint(field, number.cast_unsigned(), always, out);
            }
            Kind::Bool => {
                if kind != ValueType::Boolean {
                    return Err(wrong(field, "true or false"));
                }
                write_varint(field, u64::from(self.js.bool_of(value)?), always, out);
            }
            Kind::Enum(position) => {
                let number = self.enumeration(field, position, value, kind)?;
                write_varint(field, i64::from(number).cast_unsigned(), always, out);
            }
            Kind::String => {
                if kind != ValueType::String {
                    return Err(wrong(field, "a string"));
                }
                write_bytes(field, self.js.text_of(value)?.as_bytes(), always, out);
            }
            Kind::Bytes => {
                let written = self.js.with_bytes(value, |data| write_bytes(field, data, always, out))?;
                written.ok_or_else(|| wrong(field, "a Buffer, a Uint8Array or a string"))?;
            }
            Kind::Message(position) => {
                let mut inner = Vec::new();
                self.message(&self.schema.messages[position], value, &mut inner, depth + 1)?;
                write_bytes(field, &inner, true, out);
            }
        }
        Ok(())
    }

    fn integer(&self, field: &Field, value: Value, kind: ValueType) -> Result<i64> {
        match kind {
            ValueType::Number => {
                let number = self.js.double_of(value)?;
                if number.fract() != 0.0 || number.abs() > EXACT_MAX {
                    return Err(wrong(
                        field,
                        "an integer; beyond 2^53 give it as a decimal string or a BigInt",
                    ));
                }
                // Checked just above.
                #[allow(clippy::cast_possible_truncation)]
                Ok(number as i64)
            }
            ValueType::String => {
                let text = self.js.text_of(value)?;
                let signed = text.parse::<i64>().ok();
                let parsed = signed.or_else(|| text.parse::<u64>().ok().map(u64::cast_signed));
                parsed.ok_or_else(|| wrong(field, "an integer in decimal digits"))
            }
            ValueType::BigInt => self.js.bigint_of(value),
            _ => Err(wrong(field, "a number, a decimal string or a BigInt")),
        }
    }

    fn enumeration(&self, field: &Field, position: usize, value: Value, kind: ValueType) -> Result<i32> {
        let declared = &self.schema.enums[position];
        if kind == ValueType::String {
            let name = self.js.text_of(value)?;
            return declared.number_of(&name).ok_or_else(|| {
                let names: Vec<_> = declared.values.iter().map(|(_, name)| name.as_str()).collect();
                wrong(field, &format!("one of {}, not {name:?}", names.join(", ")))
            });
        }
        let number = self.integer(field, value, kind)?;
        i32::try_from(number).map_err(|_| wrong(field, "a number of its enumeration"))
    }
}

fn wrong(field: &Field, expected: &str) -> napi::Error {
    type_error(format!("{} must be {expected}", shown(&field.name)))
}

fn shown(name: &CStr) -> &str {
    name.to_str().unwrap_or_default()
}

fn write_varint(field: &Field, number: u64, always: bool, out: &mut Vec<u8>) {
    if number != 0 || always {
        encode_key(field.number, WireType::Varint, out);
        encode_varint(number, out);
    }
}

fn write_bytes(field: &Field, data: &[u8], always: bool, out: &mut Vec<u8>) {
    if !data.is_empty() || always {
        encode_key(field.number, WireType::LengthDelimited, out);
        encode_varint(data.len() as u64, out);
        out.extend_from_slice(data);
    }
}
