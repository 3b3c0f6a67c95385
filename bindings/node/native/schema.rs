//! The wire contract as tables, read once from its descriptors: they drive the conversion between JavaScript objects
//! and encoded messages, so that no message type is written down a second time.

use std::collections::HashMap;
use std::ffi::CString;
use std::fmt::Write as _;
use std::sync::OnceLock;

use prost::Message as _;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorSet};

/// Packages whose services a client calls. The health service is for tools.
const PACKAGES: &[&str] = &["mvccpb", "authpb", "etcdserverpb", "v3lockpb", "v3electionpb"];

/// How a field is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Int32,
    Int64,
    Uint32,
    Uint64,
    Bool,
    String,
    Bytes,
    Enum(usize),
    Message(usize),
}

/// One field of a message.
#[derive(Debug)]
pub(crate) struct Field {
    /// As the contract spells it, which is also the name of the JavaScript property.
    pub(crate) name: CString,
    pub(crate) number: u32,
    pub(crate) kind: Kind,
    pub(crate) repeated: bool,
    /// Position of its oneof in the message.
    pub(crate) oneof: Option<usize>,
}

/// One message type.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) name: String,
    pub(crate) fields: Vec<Field>,
    /// Names of the oneofs; a property of that name tells which member is set.
    pub(crate) oneofs: Vec<CString>,
    /// Position in `fields` by field number.
    by_number: Vec<Option<usize>>,
}

impl Message {
    /// The position of the field with this number.
    pub(crate) fn position(&self, number: u32) -> Option<usize> {
        self.by_number.get(number as usize).copied().flatten()
    }
}

/// One enumeration; names in the spelling of JavaScript programs: `NOT_EQUAL` is `NotEqual`.
#[derive(Debug)]
pub(crate) struct Enum {
    pub(crate) name: String,
    pub(crate) values: Vec<(i32, String)>,
}

impl Enum {
    pub(crate) fn name_of(&self, number: i32) -> Option<&str> {
        self.values.iter().find(|(value, _)| *value == number).map(|(_, name)| name.as_str())
    }

    pub(crate) fn number_of(&self, name: &str) -> Option<i32> {
        self.values.iter().find(|(_, known)| known.eq_ignore_ascii_case(name)).map(|(value, _)| *value)
    }
}

/// A unary method.
#[derive(Debug)]
pub(crate) struct Method {
    pub(crate) path: String,
    pub(crate) input: usize,
    pub(crate) output: usize,
}

/// The whole contract.
#[derive(Debug, Default)]
pub(crate) struct Schema {
    pub(crate) messages: Vec<Message>,
    pub(crate) enums: Vec<Enum>,
    pub(crate) methods: Vec<Method>,
    /// Path, request, response, streamed by the client, streamed by the server.
    streams: Vec<(String, usize, usize)>,
}

/// The contract; read at first use.
pub(crate) fn schema() -> napi::Result<&'static Schema> {
    static SCHEMA: OnceLock<Result<Schema, String>> = OnceLock::new();
    let read = SCHEMA.get_or_init(|| Schema::read(etcdkit::proto::DESCRIPTORS));
    read.as_ref()
        .map_err(|error| napi::Error::from_reason(format!("the wire contract is unreadable: {error}")))
}

/// A message type by its full name, such as `etcdserverpb.WatchResponse`.
pub(crate) fn message(name: &str) -> napi::Result<&'static Message> {
    let found = schema()?.messages.iter().find(|message| message.name == name);
    found.ok_or_else(|| napi::Error::from_reason(format!("the wire contract has no {name}")))
}

/// Positions by full name while the tables are being built.
#[derive(Default)]
struct Names {
    messages: HashMap<String, usize>,
    enums: HashMap<String, usize>,
}

impl Schema {
    fn read(descriptors: &[u8]) -> Result<Self, String> {
        let set = FileDescriptorSet::decode(descriptors).map_err(|error| error.to_string())?;
        let files: Vec<_> = set.file.iter().filter(|file| PACKAGES.contains(&file.package())).collect();
        let mut schema = Schema::default();
        let mut names = Names::default();
        let mut found: Vec<(usize, &DescriptorProto)> = Vec::new();
        for file in &files {
            for declared in &file.enum_type {
                schema.add_enum(file.package(), declared, &mut names);
            }
            for declared in &file.message_type {
                schema.add_message(file.package(), declared, &mut names, &mut found);
            }
        }
        for (position, declared) in found {
            schema.fill(position, declared, &names)?;
        }
        for file in &files {
            for service in &file.service {
                for method in &service.method {
                    let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                    let input = lookup(&names.messages, method.input_type())?;
                    let output = lookup(&names.messages, method.output_type())?;
                    match method.client_streaming() || method.server_streaming() {
                        true => schema.streams.push((path, input, output)),
                        false => schema.methods.push(Method { path, input, output }),
                    }
                }
            }
        }
        Ok(schema)
    }

    fn add_enum(&mut self, scope: &str, declared: &EnumDescriptorProto, names: &mut Names) {
        let name = format!("{scope}.{}", declared.name());
        names.enums.insert(format!(".{name}"), self.enums.len());
        let values = declared.value.iter().map(|value| (value.number(), pascal_case(value.name()))).collect();
        self.enums.push(Enum { name, values });
    }

    fn add_message<'a>(
        &mut self,
        scope: &str,
        declared: &'a DescriptorProto,
        names: &mut Names,
        found: &mut Vec<(usize, &'a DescriptorProto)>,
    ) {
        let name = format!("{scope}.{}", declared.name());
        let position = self.messages.len();
        names.messages.insert(format!(".{name}"), position);
        found.push((position, declared));
        let empty =
            Message { name: name.clone(), fields: Vec::new(), oneofs: Vec::new(), by_number: Vec::new() };
        self.messages.push(empty);
        for inner in &declared.enum_type {
            self.add_enum(&name, inner, names);
        }
        for inner in &declared.nested_type {
            self.add_message(&name, inner, names, found);
        }
    }

    fn fill(&mut self, position: usize, declared: &DescriptorProto, names: &Names) -> Result<(), String> {
        let oneofs: Result<_, _> = declared.oneof_decl.iter().map(|oneof| c_name(oneof.name())).collect();
        let fields: Result<Vec<_>, _> =
            declared.field.iter().map(|declared| field(declared, names)).collect();
        let message = &mut self.messages[position];
        message.oneofs = oneofs?;
        message.fields = fields?;
        for (index, field) in message.fields.iter().enumerate() {
            let slot = field.number as usize;
            if message.by_number.len() <= slot {
                message.by_number.resize(slot + 1, None);
            }
            message.by_number[slot] = Some(index);
        }
        Ok(())
    }

    /// Messages, enumerations and methods in the order of the contract.
    pub(crate) fn to_json(&self) -> String {
        let messages = self.messages.iter().map(|message| self.message_json(message));
        let enums = self.enums.iter().map(|declared| {
            let values = declared.values.iter().map(|(number, name)| format!("[{number},{name:?}]"));
            format!("{{\"name\":{:?},\"values\":[{}]}}", declared.name, joined(values))
        });
        let unary = self
            .methods
            .iter()
            .map(|method| self.method_json(&method.path, method.input, method.output, false));
        let streams =
            self.streams.iter().map(|(path, input, output)| self.method_json(path, *input, *output, true));
        let (messages, enums, methods) = (joined(messages), joined(enums), joined(unary.chain(streams)));
        format!("{{\"messages\":[{messages}],\"enums\":[{enums}],\"methods\":[{methods}]}}")
    }

    fn method_json(&self, path: &str, input: usize, output: usize, stream: bool) -> String {
        let (input, output) = (&self.messages[input].name, &self.messages[output].name);
        format!("{{\"path\":{path:?},\"input\":{input:?},\"output\":{output:?},\"stream\":{stream}}}")
    }

    fn message_json(&self, message: &Message) -> String {
        let fields = message.fields.iter().map(|field| {
            let (kind, of) = match field.kind {
                Kind::Int32 | Kind::Uint32 => ("number", ""),
                Kind::Int64 | Kind::Uint64 => ("long", ""),
                Kind::Bool => ("boolean", ""),
                Kind::String => ("string", ""),
                Kind::Bytes => ("bytes", ""),
                Kind::Enum(position) => ("enum", self.enums[position].name.as_str()),
                Kind::Message(position) => ("message", self.messages[position].name.as_str()),
            };
            let oneof =
                field.oneof.map_or("", |position| message.oneofs[position].to_str().unwrap_or_default());
            format!(
                "{{\"name\":{:?},\"kind\":{kind:?},\"of\":{of:?},\"repeated\":{},\"oneof\":{oneof:?}}}",
                field.name.to_str().unwrap_or_default(),
                field.repeated
            )
        });
        format!("{{\"name\":{:?},\"fields\":[{}]}}", message.name, joined(fields))
    }
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    let mut text = String::new();
    for (index, part) in parts.enumerate() {
        let comma = if index == 0 { "" } else { "," };
        // Writing to a string cannot fail.
        let _ = write!(text, "{comma}{part}");
    }
    text
}

fn field(declared: &FieldDescriptorProto, names: &Names) -> Result<Field, String> {
    let kind = match declared.r#type() {
        Type::Int32 => Kind::Int32,
        Type::Int64 => Kind::Int64,
        Type::Uint32 => Kind::Uint32,
        Type::Uint64 => Kind::Uint64,
        Type::Bool => Kind::Bool,
        Type::String => Kind::String,
        Type::Bytes => Kind::Bytes,
        Type::Enum => Kind::Enum(lookup(&names.enums, declared.type_name())?),
        Type::Message => Kind::Message(lookup(&names.messages, declared.type_name())?),
        other => return Err(format!("{} has the unexpected type {other:?}", declared.name())),
    };
    let number =
        u32::try_from(declared.number()).map_err(|_| format!("{} has no number", declared.name()))?;
    let oneof = declared.oneof_index.and_then(|index| usize::try_from(index).ok());
    let repeated = declared.label() == Label::Repeated;
    Ok(Field { name: c_name(declared.name())?, number, kind, repeated, oneof })
}

fn lookup(positions: &HashMap<String, usize>, name: &str) -> Result<usize, String> {
    positions.get(name).copied().ok_or_else(|| format!("{name} is not declared"))
}

fn c_name(name: &str) -> Result<CString, String> {
    CString::new(name).map_err(|error| error.to_string())
}

fn pascal_case(name: &str) -> String {
    let capitalised = name.split('_').map(|word| {
        let (head, tail) = word.split_at(word.len().min(1));
        head.to_uppercase() + &tail.to_lowercase()
    });
    capitalised.collect()
}
