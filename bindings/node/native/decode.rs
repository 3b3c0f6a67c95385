//! Encoded messages to JavaScript objects, in the values that programs of this shape know: 64-bit numbers as decimal
//! texts, enumerations by name, bytes as Buffers, every field present, an absent message as null, and for a oneof the
//! member that is set beside a property that names it.

use napi::bindgen_prelude::{Error, Result};
use prost::encoding::{WireType, decode_key, decode_varint};

use crate::js::{Js, Value};
use crate::schema::{Field, Kind, Message, Schema};

/// Messages nest at most this deep, as in protobuf's own parsers: deeper input is hostile.
const DEPTH_MAX: usize = 100;
/// Digits of a 64-bit number with its sign.
const DIGITS_MAX: usize = 20;
/// Fields of the largest message of the contract, and room to grow.
const FIELDS_MAX: usize = 32;

/// Makes the object of an encoded message.
pub(crate) fn decode(js: Js, schema: &Schema, message: &Message, data: &[u8]) -> Result<Value> {
    Decoder { js, schema }.message(message, data, 0)
}

struct Decoder<'a> {
    js: Js,
    schema: &'a Schema,
}

/// What was found of one field.
#[derive(Clone, Copy)]
struct Found {
    /// The value, or the array of a repeated field; null while nothing was found.
    value: Value,
    count: u32,
}

impl Decoder<'_> {
    fn message(&self, message: &Message, mut data: &[u8], depth: usize) -> Result<Value> {
        if depth > DEPTH_MAX {
            return Err(broken(message));
        }
        let nothing = Found { value: std::ptr::null_mut(), count: 0 };
        let mut found = [nothing; FIELDS_MAX];
        if message.fields.len() > FIELDS_MAX {
            return Err(Error::from_reason(format!("{} has more than {FIELDS_MAX} fields", message.name)));
        }
        while !data.is_empty() {
            let (number, wire) = decode_key(&mut data).map_err(|_| broken(message))?;
            let Some(position) = message.position(number) else {
                skip(wire, &mut data).ok_or_else(|| broken(message))?;
                continue;
            };
            let field = &message.fields[position];
            self.read(message, field, wire, &mut data, &mut found[position], depth)?;
        }
        let object = self.js.object()?;
        for (field, found) in message.fields.iter().zip(found) {
            let value = match (found.value.is_null(), field.oneof) {
                (false, Some(oneof)) => {
                    let name = self.js.ascii(field.name.as_bytes())?;
                    self.js.set(object, &message.oneofs[oneof], name)?;
                    found.value
                }
                (true, Some(_)) => continue,
                (false, None) => found.value,
                (true, None) => self.default(field)?,
            };
            self.js.set(object, &field.name, value)?;
        }
        Ok(object)
    }

    fn read(
        &self,
        message: &Message,
        field: &Field,
        wire: WireType,
        data: &mut &[u8],
        found: &mut Found,
        depth: usize,
    ) -> Result<()> {
        if wire == WireType::LengthDelimited {
            let part = delimited(data).ok_or_else(|| broken(message))?;
            return match field.kind {
                Kind::String => {
                    let text = std::str::from_utf8(part).map_err(|_| broken(message))?;
                    self.keep(field, found, self.js.text(text)?)
                }
                Kind::Bytes => self.keep(field, found, self.js.buffer(part)?),
                Kind::Message(position) => {
                    let inner = self.message(&self.schema.messages[position], part, depth + 1)?;
                    self.keep(field, found, inner)
                }
                // Numbers of a repeated field, packed.
                _ => {
                    let mut packed = part;
                    while !packed.is_empty() {
                        let number = decode_varint(&mut packed).map_err(|_| broken(message))?;
                        self.keep(field, found, self.number(field.kind, number)?)?;
                    }
                    Ok(())
                }
            };
        }
        if wire != WireType::Varint {
            return Err(broken(message));
        }
        let number = decode_varint(data).map_err(|_| broken(message))?;
        self.keep(field, found, self.number(field.kind, number)?)
    }

    fn keep(&self, field: &Field, found: &mut Found, value: Value) -> Result<()> {
        if !field.repeated {
            found.value = value;
            return Ok(());
        }
        if found.value.is_null() {
            found.value = self.js.array(0)?;
        }
        self.js.set_at(found.value, found.count, value)?;
        found.count += 1;
        Ok(())
    }

    fn number(&self, kind: Kind, number: u64) -> Result<Value> {
        match kind {
            Kind::Int64 => self.decimal(number.cast_signed().unsigned_abs(), number.cast_signed() < 0),
            Kind::Uint64 => self.decimal(number, false),
            Kind::Bool => self.js.boolean(number != 0),
            // The wire carries 32-bit numbers in 64 bits; the low half is the number.
            #[allow(clippy::cast_possible_truncation)]
            Kind::Uint32 => self.js.uint32(number as u32),
            #[allow(clippy::cast_possible_truncation)]
            Kind::Enum(position) => match self.schema.enums[position].name_of(number as i32) {
                Some(name) => self.js.ascii(name.as_bytes()),
                // A value of a newer server.
                None => self.js.int32(number as i32),
            },
            #[allow(clippy::cast_possible_truncation)]
            _ => self.js.int32(number as i32),
        }
    }

    fn decimal(&self, mut number: u64, negative: bool) -> Result<Value> {
        let mut digits = [0_u8; DIGITS_MAX];
        let mut start = DIGITS_MAX;
        loop {
            start -= 1;
            // One decimal digit.
            #[allow(clippy::cast_possible_truncation)]
            let digit = (number % 10) as u8;
            digits[start] = b'0' + digit;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        if negative {
            start -= 1;
            digits[start] = b'-';
        }
        self.js.ascii(&digits[start..])
    }

    fn default(&self, field: &Field) -> Result<Value> {
        if field.repeated {
            return self.js.array(0);
        }
        match field.kind {
            Kind::Int64 | Kind::Uint64 => self.js.ascii(b"0"),
            Kind::Int32 | Kind::Uint32 => self.js.uint32(0),
            Kind::Bool => self.js.boolean(false),
            Kind::String => self.js.ascii(b""),
            Kind::Bytes => self.js.buffer(&[]),
            Kind::Enum(_) => self.number(field.kind, 0),
            Kind::Message(_) => self.js.null(),
        }
    }
}

fn broken(message: &Message) -> Error {
    Error::from_reason(format!("the server's answer is not a {}", message.name))
}

fn delimited<'a>(data: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(decode_varint(data).ok()?).ok()?;
    if length > data.len() {
        return None;
    }
    let (part, rest) = data.split_at(length);
    *data = rest;
    Some(part)
}

/// Passes over a field of a newer server.
fn skip(wire: WireType, data: &mut &[u8]) -> Option<()> {
    let fixed = match wire {
        WireType::Varint => return decode_varint(data).ok().map(drop),
        WireType::LengthDelimited => return delimited(data).map(drop),
        WireType::ThirtyTwoBit => 4,
        WireType::SixtyFourBit => 8,
        WireType::StartGroup | WireType::EndGroup => return None,
    };
    *data = data.get(fixed..)?;
    Some(())
}
