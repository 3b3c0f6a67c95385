//! What protobuf's mapping refuses and the library that reads messages lets pass: a field that an object has twice, for
//! whoever sent one meant something by both, and numbers in quotes that are spelled as no number is, such as `"08"`.

use std::collections::HashSet;
use std::fmt;

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// What a JSON value stands for, by which it is looked at.
#[derive(Clone)]
pub(super) enum Strict {
    Message(MessageDescriptor),
    Integer(FieldDescriptor),
    /// Anything that may be spelled in more than one way, and what the contract does not know.
    Other,
}

impl Strict {
    /// Of a field of a message, by either of its names.
    fn of_field(&self, name: &str) -> Strict {
        let Strict::Message(message) = self else { return Strict::Other };
        let field = message.get_field_by_json_name(name).or_else(|| message.get_field_by_name(name));
        match field.map(|field| (field.kind(), field)) {
            Some((Kind::Message(inner), _)) => Strict::Message(inner),
            Some((kind, field)) if is_integer(&kind) => Strict::Integer(field),
            _ => Strict::Other,
        }
    }
}

fn is_integer(kind: &Kind) -> bool {
    matches!(
        kind,
        Kind::Int32
            | Kind::Int64
            | Kind::Uint32
            | Kind::Uint64
            | Kind::Sint32
            | Kind::Sint64
            | Kind::Fixed32
            | Kind::Fixed64
            | Kind::Sfixed32
            | Kind::Sfixed64
    )
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<(), D::Error> {
        value.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E: Error>(self, _value: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _value: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _value: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _value: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        match self {
            Strict::Integer(field) if !is_number(value) => Err(E::custom(format!(
                "invalid value for {:?} field {}: {value:?}",
                field.kind(),
                field.json_name()
            ))),
            _ => Ok(()),
        }
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(self.clone())?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        let mut seen = HashSet::new();
        while let Some(name) = fields.next_key::<String>()? {
            let value = self.of_field(&name);
            if !seen.insert(in_camel_case(&name)) {
                return Err(A::Error::custom(format!("duplicate field {name:?}")));
            }
            fields.next_value_seed(value)?;
        }
        Ok(())
    }
}

/// Whether a text is spelled as a number of JSON: without spaces, a plus or zeros before it.
fn is_number(text: &str) -> bool {
    text.trim() == text && serde_json::from_str::<serde_json::Number>(text).is_ok()
}

/// A field may be spelled as in the contract or in camel case, and is the same field.
fn in_camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let mut joined = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        joined.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        joined.push_str(letters.as_str());
    }
    joined
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// Whether a text is let pass as a message of the contract.
    fn passes(message: &str, text: &str) -> bool {
        let pool = prost_reflect::DescriptorPool::decode(etcdkit_proto::DESCRIPTORS).unwrap();
        let message = pool.get_message_by_name(&format!("etcdserverpb.{message}")).unwrap();
        let mut values = serde_json::Deserializer::from_str(text);
        Strict::Message(message).deserialize(&mut values).is_ok()
    }

    #[test]
    fn a_field_is_named_once_in_whatever_spelling() {
        for (text, is_good) in [
            (r#"{"a":1,"b":[{"a":1},{"a":2}],"c":null}"#, true),
            (r#"{"prev_kv":true,"key":"a"}"#, true),
            (r#"{"a":1,"a":2}"#, false),
            (r#"{"prev_kv":true,"prevKv":true}"#, false),
            (r#"{"a":[{"b":1.5,"b":-2}]}"#, false),
        ] {
            assert_eq!(passes("PutRequest", text), is_good, "{text}");
        }
    }

    #[test]
    fn a_number_in_quotes_is_spelled_as_one() {
        for (message, text, is_good) in [
            ("PutRequest", r#"{"lease":"8"}"#, true),
            ("PutRequest", r#"{"lease":"-8"}"#, true),
            ("PutRequest", r#"{"lease":"0"}"#, true),
            ("PutRequest", r#"{"lease":"08"}"#, false),
            ("PutRequest", r#"{"lease":"+8"}"#, false),
            ("PutRequest", r#"{"lease":" 8"}"#, false),
            ("PutRequest", r#"{"value":"08"}"#, true),
            ("PutRequest", r#"{"nobody":"08"}"#, true),
            ("LeaseGrantRequest", r#"{"TTL":"010"}"#, false),
            ("TxnRequest", r#"{"compare":[{"createRevision":"1"}]}"#, true),
            ("TxnRequest", r#"{"compare":[{"createRevision":"01"}]}"#, false),
            ("TxnRequest", r#"{"compare":[{"create_revision":"01"}]}"#, false),
            ("TxnRequest", r#"{"success":[{"requestRange":{"limit":"007"}}]}"#, false),
        ] {
            assert_eq!(passes(message, text), is_good, "{text}");
        }
    }
}
