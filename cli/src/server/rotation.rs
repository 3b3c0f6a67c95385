//! Log files that begin anew when they are full, as `--enable-log-rotation` asks for.
//!
//! A full file is renamed by the time (`etcd-2026-01-02T03-04-05.678.log`), which is also how old ones are found to be
//! removed.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use time::{Duration, OffsetDateTime};

/// Size of a file when none is given, in megabytes.
const MEGABYTES_DEFAULT: u64 = 100;
const MEGABYTE: u64 = 1024 * 1024;

/// `--log-rotation-config-json`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Rotation {
    /// Megabytes of a file; 0 is 100.
    maxsize: u64,
    /// Days that a full file is kept; 0 is for ever.
    maxage: u32,
    /// Full files that are kept; 0 is all.
    maxbackups: usize,
    localtime: bool,
    compress: bool,
}

impl Rotation {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let rotation: Rotation = serde_json::from_str(text).map_err(|error| match error.is_data() {
            true => format!("invalid log rotation config: {error}"),
            false => format!("improperly formatted log rotation config: {error}"),
        })?;
        match (rotation.compress, rotation.localtime) {
            (true, _) => {
                Err("log rotation: \"compress\" is not supported; compress the full files from outside"
                    .into())
            }
            (_, true) => {
                Err("log rotation: \"localtime\" is not supported; full files are named by UTC".into())
            }
            _ => Ok(rotation),
        }
    }

    fn bytes_max(&self) -> u64 {
        let megabytes = if self.maxsize == 0 { MEGABYTES_DEFAULT } else { self.maxsize };
        megabytes.saturating_mul(MEGABYTE)
    }
}

/// A file that never holds more than its bound.
#[derive(Debug)]
pub(super) struct RotatingFile {
    path: PathBuf,
    rotation: Rotation,
    file: File,
    bytes: u64,
}

impl RotatingFile {
    /// Goes on with the file, or begins it.
    pub(super) fn open(path: &Path, rotation: Rotation) -> io::Result<Self> {
        let file = append(path)?;
        let bytes = file.metadata()?.len();
        Ok(RotatingFile { path: path.to_owned(), rotation, file, bytes })
    }

    fn rotate(&mut self, now: OffsetDateTime) -> io::Result<()> {
        std::fs::rename(&self.path, backup(&self.path, now))?;
        self.file = append(&self.path)?;
        self.bytes = 0;
        self.remove_old(now)
    }

    /// The names of full files, the newest first.
    fn backups(&self) -> io::Result<Vec<PathBuf>> {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let (stem, extension) = parts(&self.path);
        let mut found = Vec::new();
        for entry in std::fs::read_dir(folder.unwrap_or(Path::new(".")))? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let middle =
                name.strip_prefix(&format!("{stem}-")).and_then(|rest| rest.strip_suffix(&extension));
            if middle.is_some_and(|middle| middle.len() == STAMP_BYTES && middle.contains('T')) {
                found.push(path);
            }
        }
        found.sort_unstable_by(|left, right| right.cmp(left));
        Ok(found)
    }

    fn remove_old(&self, now: OffsetDateTime) -> io::Result<()> {
        let kept = if self.rotation.maxbackups == 0 { usize::MAX } else { self.rotation.maxbackups };
        let oldest = (self.rotation.maxage > 0)
            .then(|| backup(&self.path, now - Duration::days(i64::from(self.rotation.maxage))));
        for (place, path) in self.backups()?.into_iter().enumerate() {
            let is_old = oldest.as_ref().is_some_and(|oldest| path.file_name() < oldest.file_name());
            if place >= kept || is_old {
                std::fs::remove_file(path)?;
            }
        }
        Ok(())
    }
}

impl Write for RotatingFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let bytes = line.len() as u64;
        if self.bytes > 0 && self.bytes + bytes > self.rotation.bytes_max() {
            self.rotate(OffsetDateTime::now_utc())?;
        }
        self.file.write_all(line)?;
        self.bytes += bytes;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// Bytes of the time in a name.
const STAMP_BYTES: usize = "2026-01-02T03-04-05.678".len();

/// The name of a file without its extension, and that with its dot.
fn parts(path: &Path) -> (String, String) {
    let text = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
    let extension = path.extension().map(|extension| format!(".{}", extension.to_string_lossy()));
    (text(path.file_stem()), extension.unwrap_or_default())
}

fn backup(path: &Path, at: OffsetDateTime) -> PathBuf {
    let (stem, extension) = parts(path);
    path.with_file_name(format!(
        "{stem}-{:04}-{:02}-{:02}T{:02}-{:02}-{:02}.{:03}{extension}",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second(),
        at.millisecond(),
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_full_file_is_renamed_and_the_oldest_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("etcd.log");
        std::fs::write(folder.path().join("etcd-notes.log"), "mine").unwrap();
        let rotation = Rotation::parse(r#"{"maxsize": 1, "maxbackups": 2}"#).unwrap();
        let mut file = RotatingFile::open(&path, rotation).unwrap();
        let start = OffsetDateTime::from_unix_timestamp(1_000_000_000).unwrap();
        for hour in 0..4 {
            file.write_all(b"line\n").unwrap();
            file.rotate(start + Duration::hours(hour)).unwrap();
        }
        let expected = [
            "etcd-2001-09-09T03-46-40.000.log",
            "etcd-2001-09-09T04-46-40.000.log",
            "etcd-notes.log",
            "etcd.log",
        ];
        assert_eq!(names(folder.path()), expected);
    }

    #[test]
    fn a_file_stays_within_its_bound() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let rotation = Rotation::parse(r#"{"maxsize": 1}"#).unwrap();
        let mut file = RotatingFile::open(&path, rotation.clone()).unwrap();
        let line = vec![b'x'; 400 * 1024];
        for _ in 0..2 {
            file.write_all(&line).unwrap();
        }
        drop(file);
        let mut file = RotatingFile::open(&path, rotation).unwrap();
        file.write_all(&line).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().len(), line.len() as u64);
        assert_eq!(names(folder.path()).len(), 2);
    }

    #[test]
    fn old_files_go_by_their_age() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("etcd.log");
        let rotation = Rotation::parse(r#"{"maxage": 2}"#).unwrap();
        let mut file = RotatingFile::open(&path, rotation).unwrap();
        let start = OffsetDateTime::from_unix_timestamp(1_000_000_000).unwrap();
        for day in [0, 1, 5] {
            file.rotate(start + Duration::days(day)).unwrap();
        }
        assert_eq!(names(folder.path()), ["etcd-2001-09-14T01-46-40.000.log", "etcd.log"]);
    }

    #[test]
    fn a_configuration_that_cannot_be_followed_is_refused() {
        for text in ["{", r#"{"maxsize": "x"}"#, r#"{"compress": true}"#, r#"{"localtime": true}"#] {
            assert!(Rotation::parse(text).is_err(), "{text}");
        }
    }
}
