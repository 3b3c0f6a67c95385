//! Objects that name a field twice. Protobuf's mapping refuses them, for whoever sent one meant something by both; the
//! library that reads messages takes the last.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// A JSON value in which no object has a field twice.
pub(super) struct Once;

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        value.deserialize_any(Walk)
    }
}

struct Walk;

impl<'de> Visitor<'de> for Walk {
    type Value = Once;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E: Error>(self, _value: bool) -> Result<Once, E> {
        Ok(Once)
    }

    fn visit_i64<E: Error>(self, _value: i64) -> Result<Once, E> {
        Ok(Once)
    }

    fn visit_u64<E: Error>(self, _value: u64) -> Result<Once, E> {
        Ok(Once)
    }

    fn visit_f64<E: Error>(self, _value: f64) -> Result<Once, E> {
        Ok(Once)
    }

    fn visit_str<E: Error>(self, _value: &str) -> Result<Once, E> {
        Ok(Once)
    }

    fn visit_unit<E: Error>(self) -> Result<Once, E> {
        Ok(Once)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Once, A::Error> {
        while items.next_element::<Once>()?.is_some() {}
        Ok(Once)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Once, A::Error> {
        let mut seen = HashSet::new();
        while let Some(name) = fields.next_key::<String>()? {
            if !seen.insert(in_camel_case(&name)) {
                return Err(A::Error::custom(format!("duplicate field {name:?}")));
            }
            fields.next_value::<Once>()?;
        }
        Ok(Once)
    }
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
    use super::*;

    #[test]
    fn a_field_is_named_once_in_whatever_spelling() {
        for (text, is_good) in [
            (r#"{"a":1,"b":[{"a":1},{"a":2}],"c":null}"#, true),
            (r#"{"prev_kv":true,"key":"a"}"#, true),
            (r#"{"a":1,"a":2}"#, false),
            (r#"{"prev_kv":true,"prevKv":true}"#, false),
            (r#"{"a":[{"b":1.5,"b":-2}]}"#, false),
        ] {
            assert_eq!(serde_json::from_str::<Once>(text).is_ok(), is_good, "{text}");
        }
    }
}
