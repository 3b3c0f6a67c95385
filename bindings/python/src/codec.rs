//! Message objects from wire bytes and back.
//!
//! The message classes of `etcdkit.etcdrpc` are Python classes with slots, generated from the wire
//! contract. What crosses the boundary are the bytes of the contract; building the objects from
//! Python would cost more than the call itself, so it is done here, driven by each class's field
//! table. Only what is on the wire is set; the class supplies the defaults.

use std::sync::OnceLock;

use bytes::{Buf, BufMut};
use prost::encoding::{WireType, decode_key, decode_varint, encode_key, encode_varint};
use pyo3::exceptions::{PyAttributeError, PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyDict, PyList, PyString, PyType};

/// Messages nest at most this deep, as in protobuf's own parsers: deeper input is hostile.
const DEPTH_MAX: usize = 100;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Int32,
    Int64,
    Uint32,
    Uint64,
    Bool,
    String,
    Bytes,
    Message,
}

impl Kind {
    fn from_name(name: &str) -> PyResult<Self> {
        Ok(match name {
            "int32" | "enum" => Kind::Int32,
            "int64" => Kind::Int64,
            "uint32" => Kind::Uint32,
            "uint64" => Kind::Uint64,
            "bool" => Kind::Bool,
            "string" => Kind::String,
            "bytes" => Kind::Bytes,
            "message" => Kind::Message,
            other => return Err(PyValueError::new_err(format!("unknown wire kind {other:?}"))),
        })
    }

    fn is_packable(self) -> bool {
        !matches!(self, Kind::String | Kind::Bytes | Kind::Message)
    }
}

struct Field {
    number: u32,
    name: Py<PyString>,
    kind: Kind,
    repeated: bool,
    /// A member of a oneof is written even when it has its default.
    in_oneof: bool,
    child: Option<Py<Codec>>,
}

struct Table {
    fields: Vec<Field>,
    /// Position in `fields` by field number.
    by_number: Vec<Option<usize>>,
    object_new: Py<PyAny>,
}

/// Reads and writes the messages of one class.
#[pyclass(frozen, module = "etcdkit._etcdkit")]
pub(crate) struct Codec {
    class: Py<PyType>,
    table: OnceLock<Table>,
}

type FieldRow = (u32, Py<PyString>, String, bool, bool, Option<Py<Codec>>);

#[pymethods]
impl Codec {
    #[new]
    fn new(class: Py<PyType>) -> Self {
        Codec { class, table: OnceLock::new() }
    }

    /// Sets the field table, once: (number, name, kind, repeated, in oneof, codec of the message).
    fn link(&self, py: Python<'_>, rows: Vec<FieldRow>) -> PyResult<()> {
        let mut by_number = Vec::new();
        let mut fields = Vec::with_capacity(rows.len());
        for (position, (number, name, kind, repeated, in_oneof, child)) in rows.into_iter().enumerate() {
            let slot = number as usize;
            if by_number.len() <= slot {
                by_number.resize(slot + 1, None);
            }
            by_number[slot] = Some(position);
            let kind = Kind::from_name(&kind)?;
            fields.push(Field { number, name, kind, repeated, in_oneof, child });
        }
        let object_new = py.import("builtins")?.getattr("object")?.getattr("__new__")?.unbind();
        let table = Table { fields, by_number, object_new };
        self.table.set(table).map_err(|_| PyValueError::new_err("this message class is linked already"))
    }

    /// A new message from wire bytes.
    #[pyo3(name = "decode")]
    fn decode_py<'py>(&self, py: Python<'py>, data: &[u8]) -> PyResult<Bound<'py, PyAny>> {
        self.decode(py, data)
    }

    /// Reads wire bytes on top of an existing message.
    fn decode_into(&self, message: &Bound<'_, PyAny>, data: &[u8]) -> PyResult<()> {
        self.fill(message, data, DEPTH_MAX)
    }

    /// The wire bytes of a message.
    #[pyo3(name = "encode")]
    fn encode_py<'py>(&self, message: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(message.py(), &self.encode(message)?))
    }

    /// The wire bytes of a message with these fields, without making it. Names that are no fields are passed over.
    fn encode_fields<'py>(&self, fields: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyBytes>> {
        let (py, mut out) = (fields.py(), Vec::new());
        for field in &self.table()?.fields {
            if let Some(value) = fields.get_item(&field.name)? {
                field.write(&value, &mut out, DEPTH_MAX).map_err(|error| self.explain(py, field, error))?;
            }
        }
        Ok(PyBytes::new(py, &out))
    }
}

impl Codec {
    pub(crate) fn decode<'py>(&self, py: Python<'py>, data: &[u8]) -> PyResult<Bound<'py, PyAny>> {
        self.decode_nested(py, data, DEPTH_MAX)
    }

    pub(crate) fn encode(&self, message: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
        let mut out = Vec::new();
        self.write(message, &mut out, DEPTH_MAX)?;
        Ok(out)
    }

    fn table(&self) -> PyResult<&Table> {
        self.table.get().ok_or_else(|| PyValueError::new_err("this message class is not linked"))
    }

    fn decode_nested<'py>(&self, py: Python<'py>, data: &[u8], depth: usize) -> PyResult<Bound<'py, PyAny>> {
        let message = self.table()?.object_new.bind(py).call1((&self.class,))?;
        self.fill(&message, data, depth)?;
        Ok(message)
    }

    fn fill(&self, message: &Bound<'_, PyAny>, mut data: &[u8], depth: usize) -> PyResult<()> {
        if depth == 0 {
            return Err(PyValueError::new_err("a message is nested too deeply"));
        }
        let py = message.py();
        let table = self.table()?;
        let mut lists: Vec<Option<Bound<'_, PyList>>> = Vec::new();
        while data.has_remaining() {
            let (number, wire_type) = decode_key(&mut data).map_err(malformed)?;
            let Some(position) = table.by_number.get(number as usize).copied().flatten() else {
                skip(wire_type, &mut data)?;
                continue;
            };
            let field = &table.fields[position];
            if !field.repeated {
                let value = field.read(py, wire_type, &mut data, depth)?;
                message.setattr(&field.name, value)?;
                continue;
            }
            if lists.is_empty() {
                lists.resize_with(table.fields.len(), || None);
            }
            let list = match &mut lists[position] {
                Some(list) => list,
                slot => slot.insert(own_list(message, &field.name)?),
            };
            if wire_type == WireType::LengthDelimited && field.kind.is_packable() {
                let mut packed = take(&mut data)?;
                while packed.has_remaining() {
                    list.append(field.read(py, WireType::Varint, &mut packed, depth)?)?;
                }
            } else {
                list.append(field.read(py, wire_type, &mut data, depth)?)?;
            }
        }
        Ok(())
    }

    fn write(&self, message: &Bound<'_, PyAny>, out: &mut Vec<u8>, depth: usize) -> PyResult<()> {
        if depth == 0 {
            return Err(PyValueError::new_err("a message is nested too deeply"));
        }
        let py = message.py();
        let class = self.class.bind(py);
        if !message.is_instance(class)? {
            let (want, got) = (class.name()?, message.get_type().name()?.to_string());
            return Err(PyTypeError::new_err(format!("expected {want}, not {got}")));
        }
        let read_slot = py.get_type::<PyAny>().getattr(intern!(py, "__getattribute__"))?;
        for field in &self.table()?.fields {
            let value = match read_slot.call1((message, &field.name)) {
                Ok(value) => value,
                Err(error) if error.is_instance_of::<PyAttributeError>(py) => {
                    field.write_lazy(&read_slot, message, out, depth)?;
                    continue;
                }
                Err(error) => return Err(error),
            };
            field.write(&value, out, depth).map_err(|error| self.explain(py, field, error))?;
        }
        Ok(())
    }

    /// Says which field of which message had the wrong value.
    fn explain(&self, py: Python<'_>, field: &Field, error: PyErr) -> PyErr {
        let class = self.class.bind(py).name().map_or_else(|_| "message".to_owned(), |name| name.to_string());
        PyTypeError::new_err(format!("{class}.{}: {}", field.name.bind(py), error.value(py)))
    }
}

impl Field {
    fn read<'py>(
        &self,
        py: Python<'py>,
        wire_type: WireType,
        data: &mut &[u8],
        depth: usize,
    ) -> PyResult<Bound<'py, PyAny>> {
        let expected = if self.kind.is_packable() { WireType::Varint } else { WireType::LengthDelimited };
        if wire_type != expected {
            return Err(PyValueError::new_err(format!("field {} has the wrong wire type", self.number)));
        }
        Ok(match self.kind {
            Kind::Int32 => (varint(data)? as i32).into_pyobject(py)?.into_any(),
            Kind::Int64 => (varint(data)? as i64).into_pyobject(py)?.into_any(),
            Kind::Uint32 => (varint(data)? as u32).into_pyobject(py)?.into_any(),
            Kind::Uint64 => varint(data)?.into_pyobject(py)?.into_any(),
            Kind::Bool => (varint(data)? != 0).into_pyobject(py)?.to_owned().into_any(),
            Kind::String => PyString::from_bytes(py, take(data)?)?.into_any(),
            Kind::Bytes => PyBytes::new(py, take(data)?).into_any(),
            Kind::Message => self.child()?.get().decode_nested(py, take(data)?, depth - 1)?,
        })
    }

    fn child(&self) -> PyResult<&Py<Codec>> {
        self.child.as_ref().ok_or_else(|| PyValueError::new_err("a message field without its class"))
    }

    fn write(&self, value: &Bound<'_, PyAny>, out: &mut Vec<u8>, depth: usize) -> PyResult<()> {
        if !self.repeated {
            return self.write_one(value, out, depth, self.in_oneof);
        }
        if !self.kind.is_packable() {
            for item in value.try_iter()? {
                self.write_one(&item?, out, depth, true)?;
            }
            return Ok(());
        }
        let mut packed = Vec::new();
        for item in value.try_iter()? {
            encode_varint(self.number_of(&item?)?, &mut packed);
        }
        if !packed.is_empty() {
            self.write_delimited(&packed, out);
        }
        Ok(())
    }

    fn write_one(
        &self,
        value: &Bound<'_, PyAny>,
        out: &mut Vec<u8>,
        depth: usize,
        always: bool,
    ) -> PyResult<()> {
        match self.kind {
            Kind::Message => {
                let mut nested = Vec::new();
                self.child()?.get().write(value, &mut nested, depth - 1)?;
                self.write_delimited(&nested, out);
            }
            Kind::String => {
                let text: String = value.extract()?;
                if always || !text.is_empty() {
                    self.write_delimited(text.as_bytes(), out);
                }
            }
            Kind::Bytes => {
                let data = bytes_of(value)?;
                if always || !data.is_empty() {
                    self.write_delimited(&data, out);
                }
            }
            _ => {
                let number = self.number_of(value)?;
                if always || number != 0 {
                    encode_key(self.number, WireType::Varint, out);
                    encode_varint(number, out);
                }
            }
        }
        Ok(())
    }

    /// A message that was only looked at is kept aside; written to, it counts as set.
    fn write_lazy(
        &self,
        read_slot: &Bound<'_, PyAny>,
        message: &Bound<'_, PyAny>,
        out: &mut Vec<u8>,
        depth: usize,
    ) -> PyResult<()> {
        if self.kind != Kind::Message || self.repeated {
            return Ok(());
        }
        let Ok(children) = read_slot.call1((message, intern!(message.py(), "_lazy"))) else {
            return Ok(());
        };
        let Some(child) = children.cast::<PyDict>()?.get_item(&self.name)? else {
            return Ok(());
        };
        let mut nested = Vec::new();
        self.child()?.get().write(&child, &mut nested, depth - 1)?;
        if !nested.is_empty() {
            self.write_delimited(&nested, out);
        }
        Ok(())
    }

    fn number_of(&self, value: &Bound<'_, PyAny>) -> PyResult<u64> {
        Ok(match self.kind {
            // Negative 32-bit numbers are sign-extended on the wire.
            Kind::Int32 => i64::from(value.extract::<i32>()?) as u64,
            Kind::Int64 => value.extract::<i64>()? as u64,
            Kind::Uint32 => u64::from(value.extract::<u32>()?),
            Kind::Bool => u64::from(value.is_truthy()?),
            _ => value.extract::<u64>()?,
        })
    }

    fn write_delimited(&self, data: &[u8], out: &mut Vec<u8>) {
        encode_key(self.number, WireType::LengthDelimited, out);
        encode_varint(data.len() as u64, out);
        out.put_slice(data);
    }
}

fn bytes_of(value: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    if let Ok(data) = value.cast::<PyBytes>() {
        return Ok(data.as_bytes().to_vec());
    }
    if let Ok(data) = value.cast::<PyByteArray>() {
        return Ok(data.to_vec());
    }
    Err(PyTypeError::new_err(format!("expected bytes, not {}", value.get_type().name()?)))
}

fn own_list<'py>(message: &Bound<'py, PyAny>, name: &Py<PyString>) -> PyResult<Bound<'py, PyList>> {
    // The class's default for a repeated field is a new list, kept in the slot.
    Ok(message.getattr(name)?.cast_into::<PyList>()?)
}

fn varint(data: &mut &[u8]) -> PyResult<u64> {
    decode_varint(data).map_err(malformed)
}

fn take<'a>(data: &mut &'a [u8]) -> PyResult<&'a [u8]> {
    let length = varint(data)?;
    if length > data.len() as u64 {
        return Err(PyValueError::new_err("a message ends in the middle of a field"));
    }
    let (taken, rest) = data.split_at(length as usize);
    *data = rest;
    Ok(taken)
}

/// Passes over a field that this version of the contract does not know.
fn skip(wire_type: WireType, data: &mut &[u8]) -> PyResult<()> {
    let length = match wire_type {
        WireType::Varint => return varint(data).map(drop),
        WireType::LengthDelimited => return take(data).map(drop),
        WireType::ThirtyTwoBit => 4,
        WireType::SixtyFourBit => 8,
        _ => return Err(PyValueError::new_err("groups are not part of the etcd API")),
    };
    if data.len() < length {
        return Err(PyValueError::new_err("a message ends in the middle of a field"));
    }
    data.advance(length);
    Ok(())
}

fn malformed(error: prost::DecodeError) -> PyErr {
    PyValueError::new_err(error.to_string())
}
