//! What etcdutl prints, in the formats of `--write-out`.

use crate::console::call::Call;
use crate::console::failure::{Exit, Failure, Outcome};
use crate::console::flags::Flag;
use crate::console::print;
use crate::console::table::{Row, boxed};

pub(super) const WRITE_OUT: Flag =
    Flag::text("write-out", "output format: fields, json, protobuf, simple or table").short('w').or("simple");

/// One answer: what it is called and worth in each format.
pub(super) struct Sheet {
    /// Headers of the table.
    pub(super) header: &'static [&'static str],
    /// The cells of the table, and the items of the simple line.
    pub(super) row: Row,
    /// Names and values of the fields.
    pub(super) fields: Vec<(&'static str, String)>,
    /// One JSON object.
    pub(super) json: String,
}

/// The formats that can show a sheet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Simple,
    Fields,
    Json,
    Table,
    /// Known, but there are no messages for these answers.
    Protobuf,
}

impl Format {
    pub(super) fn of(call: &Call) -> Outcome<Self> {
        match call.values.text(&WRITE_OUT).as_str() {
            "simple" => Ok(Format::Simple),
            "fields" => Ok(Format::Fields),
            "json" => Ok(Format::Json),
            "table" => Ok(Format::Table),
            "protobuf" => Ok(Format::Protobuf),
            _ => Err(Failure::new(Exit::BadFeature, "unsupported output format")),
        }
    }

    pub(super) fn print(self, sheet: &Sheet) -> Outcome {
        match self {
            Format::Simple => print(&format!("{}\n", sheet.row.join(", "))),
            Format::Fields => {
                let lines = sheet.fields.iter().map(|(name, value)| format!("\"{name}\" : {value}\n"));
                print(&lines.collect::<String>())
            }
            Format::Json => print(&format!("{}\n", sheet.json)),
            Format::Table => print(&boxed(sheet.header, std::slice::from_ref(&sheet.row))),
            Format::Protobuf => {
                Err(Failure::new(Exit::BadFeature, "protobuf not supported as output format"))
            }
        }
    }
}
