//! pprof's `profile.proto`, as far as a profile of time needs it.

use std::collections::HashMap;
use std::ffi::c_void;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub(super) struct Profile {
    #[prost(message, repeated, tag = "1")]
    pub(super) sample_type: Vec<ValueType>,
    #[prost(message, repeated, tag = "2")]
    pub(super) sample: Vec<Sample>,
    #[prost(message, repeated, tag = "3")]
    mapping: Vec<Mapping>,
    #[prost(message, repeated, tag = "4")]
    location: Vec<Location>,
    #[prost(message, repeated, tag = "5")]
    function: Vec<Function>,
    #[prost(string, repeated, tag = "6")]
    pub(super) string_table: Vec<String>,
    #[prost(int64, tag = "9")]
    time_nanos: i64,
    #[prost(int64, tag = "10")]
    duration_nanos: i64,
    #[prost(message, optional, tag = "11")]
    period_type: Option<ValueType>,
    #[prost(int64, tag = "12")]
    period: i64,
}

/// What is counted, and in what, both as numbers of the string table.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ValueType {
    #[prost(int64, tag = "1")]
    kind: i64,
    #[prost(int64, tag = "2")]
    unit: i64,
}

/// The place that runs comes first, its callers after it.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Sample {
    #[prost(uint64, repeated, tag = "1")]
    location_id: Vec<u64>,
    #[prost(int64, repeated, tag = "2")]
    pub(super) value: Vec<i64>,
    #[prost(message, repeated, tag = "3")]
    label: Vec<Label>,
}

#[derive(Clone, PartialEq, Message)]
struct Label {
    #[prost(int64, tag = "1")]
    key: i64,
    #[prost(int64, tag = "2")]
    text: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Mapping {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(uint64, tag = "2")]
    memory_start: u64,
    #[prost(uint64, tag = "3")]
    memory_limit: u64,
    #[prost(uint64, tag = "4")]
    file_offset: u64,
    #[prost(int64, tag = "5")]
    filename: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Location {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(uint64, tag = "2")]
    mapping_id: u64,
    #[prost(uint64, tag = "3")]
    address: u64,
    #[prost(message, repeated, tag = "4")]
    line: Vec<Line>,
}

#[derive(Clone, PartialEq, Message)]
struct Line {
    #[prost(uint64, tag = "1")]
    function_id: u64,
    #[prost(int64, tag = "2")]
    line: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Function {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(int64, tag = "2")]
    name: i64,
    #[prost(int64, tag = "4")]
    filename: i64,
}

/// Puts a profile together.
pub(super) struct Builder {
    profile: Profile,
    strings: HashMap<String, i64>,
    functions: HashMap<String, u64>,
    locations: HashMap<u64, u64>,
    /// Nanoseconds that a sample stands for.
    period: i64,
}

impl Builder {
    pub(super) fn new(frequency: i32, begun: SystemTime, duration: Duration) -> Self {
        let period = 1_000_000_000 / i64::from(frequency);
        let mut builder = Builder {
            profile: Profile::default(),
            strings: HashMap::new(),
            functions: HashMap::new(),
            locations: HashMap::new(),
            period,
        };
        // The first of the table is the empty one.
        builder.text("");
        let count = ValueType { kind: builder.text("samples"), unit: builder.text("count") };
        let time = ValueType { kind: builder.text("cpu"), unit: builder.text("nanoseconds") };
        let since = begun.duration_since(UNIX_EPOCH).unwrap_or_default();
        builder.profile.sample_type = vec![count, time.clone()];
        builder.profile.period_type = Some(time);
        builder.profile.period = period;
        builder.profile.time_nanos = nanoseconds(since);
        builder.profile.duration_nanos = nanoseconds(duration);
        for (start, limit, offset, file) in executable_files() {
            let (id, filename) = (builder.profile.mapping.len() as u64 + 1, builder.text(&file));
            let mapping =
                Mapping { id, memory_start: start, memory_limit: limit, file_offset: offset, filename };
            builder.profile.mapping.push(mapping);
        }
        builder
    }

    /// A stack that was seen so often.
    pub(super) fn add(&mut self, addresses: impl Iterator<Item = u64>, thread: &str, count: i64) {
        // The outermost frame of some threads has no address.
        let addresses: Vec<u64> = addresses.take_while(|address| *address != 0).collect();
        let interrupted = self.without_handler(&addresses);
        // All but the first are where calls return to, which may be the next line already.
        let calls = interrupted.iter().enumerate().map(|(depth, at)| at - u64::from(depth > 0));
        let location_id = calls.map(|address| self.location(address)).collect();
        let label = vec![Label { key: self.text("thread"), text: self.text(thread) }];
        self.profile.sample.push(Sample { location_id, value: vec![count, count * self.period], label });
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.profile.encode_to_vec()
    }

    /// The handler of the signal is on top of the stack. It was called by the C library, and nothing that was interrupted
    /// there is sampled: what lies below the first frame of another file is what was interrupted.
    fn without_handler<'a>(&self, addresses: &'a [u64]) -> &'a [u64] {
        let file = |address: u64| self.mapping(address).map(|mapping| mapping.filename);
        let Some(handler) = addresses.first().map(|address| file(*address)) else { return addresses };
        let below = addresses.iter().position(|address| file(*address) != handler);
        below.map_or(addresses, |below| &addresses[below + 1..])
    }

    fn mapping(&self, address: u64) -> Option<&Mapping> {
        let covers = |mapping: &&Mapping| (mapping.memory_start..mapping.memory_limit).contains(&address);
        self.profile.mapping.iter().find(covers)
    }

    fn location(&mut self, address: u64) -> u64 {
        if let Some(id) = self.locations.get(&address) {
            return *id;
        }
        let mut line = Vec::new();
        backtrace::resolve(address as *mut c_void, |symbol| {
            let Some(name) = symbol.name() else { return };
            let file = symbol.filename().map(|path| path.display().to_string()).unwrap_or_default();
            let function_id = self.function(&format!("{name:#}"), &file);
            line.push(Line { function_id, line: symbol.lineno().map_or(0, i64::from) });
        });
        let id = self.locations.len() as u64 + 1;
        let mapping_id = self.mapping(address).map_or(0, |mapping| mapping.id);
        self.locations.insert(address, id);
        self.profile.location.push(Location { id, mapping_id, address, line });
        id
    }

    fn function(&mut self, name: &str, file: &str) -> u64 {
        if let Some(id) = self.functions.get(name) {
            return *id;
        }
        let id = self.functions.len() as u64 + 1;
        self.functions.insert(name.to_owned(), id);
        let function = Function { id, name: self.text(name), filename: self.text(file) };
        self.profile.function.push(function);
        id
    }

    fn text(&mut self, text: &str) -> i64 {
        if let Some(number) = self.strings.get(text) {
            return *number;
        }
        let number = self.profile.string_table.len() as i64;
        self.strings.insert(text.to_owned(), number);
        self.profile.string_table.push(text.to_owned());
        number
    }
}

fn nanoseconds(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

/// Start, end, place in the file, and the file of everything that can run. Nothing where there is no `/proc`.
fn executable_files() -> Vec<(u64, u64, u64, String)> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    maps.lines().filter_map(executable_file).collect()
}

fn executable_file(line: &str) -> Option<(u64, u64, u64, String)> {
    let mut words = line.split_whitespace();
    let (start, limit) = words.next()?.split_once('-')?;
    let is_executable = words.next()?.contains('x');
    let offset = words.next()?;
    let file = words.nth(2)?;
    let hex = |text| u64::from_str_radix(text, 16).ok();
    is_executable.then_some((hex(start)?, hex(limit)?, hex(offset)?, file.to_owned()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn what_runs_is_read_from_the_map_of_the_process() {
        let line = "0054b000-012d3000 r-xp 0034a000 fe:00 1234                 /usr/bin/etcdkit";
        let (start, limit, offset) = (0x54_b000, 0x12d_3000, 0x34_a000);
        assert_eq!(executable_file(line), Some((start, limit, offset, "/usr/bin/etcdkit".to_owned())));
        assert_eq!(executable_file(&line.replace("r-xp", "rw-p")), None);
        assert_eq!(executable_file("7ffd0000-7ffd1000 rw-p 00000000 00:00 0"), None);
    }

    #[test]
    fn a_stack_has_the_names_of_its_functions() {
        let own = a_stack_has_the_names_of_its_functions as *const () as u64 + 1;
        let mut builder = Builder::new(100, UNIX_EPOCH, Duration::from_secs(1));
        builder.add([own, own + 1, 0].into_iter(), "main", 3);
        let profile = Profile::decode(builder.finish().as_slice()).unwrap();
        assert_eq!(profile.sample[0].value, [3, 30_000_000]);
        let has = |part: &str| profile.string_table.iter().any(|text| text.contains(part));
        assert!(has("a_stack_has_the_names_of_its_functions") && has("main") && has("nanoseconds"));
    }
}
