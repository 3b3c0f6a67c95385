//! `snapshot`: saves the store of an endpoint to a file.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use super::globals::COMMAND_TIMEOUT;
use super::session::{Call, Session, describe};
use crate::console::failure::{Exit, Failure, Outcome};
use crate::console::progress::Progress;
use crate::console::tree::{Command, Group};
use crate::console::{duration, humanize, log, print, tell};
use crate::util;

pub(super) const COMMAND: Command = Command {
    name: "snapshot",
    summary: "Saves the store of an endpoint to a file",
    group: Group::Maintenance,
    commands: &[SAVE, STATUS, RESTORE],
    ..Command::BLANK
};

const SAVE: Command = Command {
    name: "save",
    arguments: "<file>",
    summary: "Saves the store of an endpoint to a file",
    details: "Saves the store of one endpoint to a file, which appears under its name when it is complete. There is no\n\
              time limit unless --command-timeout is given.",
    examples: &[
        "$0 snapshot save /backup/etcd.db",
        "$0 --endpoints=10.0.0.1:2379 snapshot save /backup/etcd-$(date +%Y%m%d).db",
        "$0 --user=root snapshot save /backup/etcd.db",
    ],
    run: Some(|call| Box::pin(save(call))),
    ..Command::BLANK
};

const STATUS: Command = Command {
    hidden: true,
    run: Some(|call| {
        tell("Deprecated: Use `etcdutl snapshot status` instead.");
        Box::pin(async move { util::snapshot::status(&call) })
    }),
    ..util::snapshot::STATUS
};

const RESTORE: Command = Command {
    hidden: true,
    run: Some(|call| {
        tell("Deprecated: Use `etcdutl snapshot restore` instead.");
        Box::pin(async move { util::snapshot::restore(&call) })
    }),
    ..util::snapshot::RESTORE
};

/// Length of the digest that closes a snapshot.
const DIGEST_BYTES: usize = 32;

/// The data before the digest is a multiple of this.
const BLOCK_BYTES: u64 = 512;

async fn save(call: Call) -> Outcome {
    let path = call.only_word("snapshot save expects one argument <filename>")?;
    let session = call.open()?;
    let saving = save_to(&session, Path::new(&path));
    // The default is for small requests; a snapshot takes as long as it takes.
    let version = match session.values.is_set(&COMMAND_TIMEOUT) {
        false => saving.await?,
        true => within(session.values.duration(&COMMAND_TIMEOUT), saving).await?,
    };
    print(&format!("Snapshot saved at {path}\n"))?;
    if version.is_empty() { Ok(()) } else { print(&format!("Server version {version}\n")) }
}

async fn within<T>(limit: Duration, work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    let ended = tokio::time::timeout(limit, work).await;
    ended.unwrap_or_else(|_| Err(failed("context deadline exceeded")))
}

fn failed(why: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Interrupted, why)
}

/// A file under a name of its own until it is complete.
struct Part {
    path: PathBuf,
    file: File,
}

impl Part {
    fn create(target: &Path) -> Outcome<Self> {
        let mut name = target.as_os_str().to_owned();
        name.push(".part");
        let path = PathBuf::from(name);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        // It holds every secret of the cluster.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path).map_err(|error| {
            let (shown, why) = (path.display(), worded(&error));
            failed(format!("could not open {shown} (open {shown}: {why})"))
        })?;
        Ok(Part { path, file })
    }

    fn rename_to(self, target: &Path) -> Outcome {
        self.file.sync_all().map_err(|error| failed(format!("could not fsync snapshot: {error}")))?;
        std::fs::rename(&self.path, target).map_err(|error| {
            failed(format!(
                "could not rename {} to {} ({})",
                self.path.display(),
                target.display(),
                worded(&error)
            ))
        })
    }
}

impl Drop for Part {
    /// Nothing half-written stays behind. After the rename there is nothing of that name.
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

fn worded(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::IsADirectory => "is a directory".to_owned(),
        _ => error.to_string(),
    }
}

/// Saves the snapshot; the version of the server that made it.
async fn save_to(session: &Session, path: &Path) -> Outcome<String> {
    let endpoints = session.endpoints();
    let [endpoint] = endpoints.as_slice() else {
        return Err(failed(format!(
            "snapshot must be requested to one selected node, not multiple [{}]",
            endpoints.join(" ")
        )));
    };
    let client = session.client().await?;
    let started = Instant::now();
    let part = Part::create(path)?;
    log::line("info", "created temporary db file", &[("path", &part.path.display().to_string())]);
    let mut stream =
        client.maintenance_client().snapshot().await.map_err(|error| failed(describe(&error)))?;
    log::line("info", "fetching snapshot", &[("endpoint", endpoint)]);
    let mut receiver = Receiver::new(&part.file);
    while let Some(piece) = stream
        .message()
        .await
        .map_err(|error| failed(format!("could not write snapshot: {}", describe(&error))))?
    {
        receiver.take(piece.blob(), piece.remaining_bytes(), &piece.wire().version)?;
    }
    let (size, version) = receiver.finish()?;
    log::line(
        "info",
        "fetched snapshot",
        &[
            ("endpoint", endpoint),
            ("size", &humanize::bytes(size)),
            ("took", &duration::format(started.elapsed())),
            ("etcd-version", &version),
        ],
    );
    part.rename_to(path)?;
    log::line("info", "saved", &[("path", &path.display().to_string())]);
    Ok(version)
}

/// Writes the pieces down and checks the digest that comes last.
struct Receiver<'a> {
    file: &'a File,
    size: u64,
    digest: Sha256,
    /// The last bytes so far: they are data when more follows, and the digest when nothing does.
    tail: Vec<u8>,
    version: String,
    progress: Progress,
}

impl<'a> Receiver<'a> {
    fn new(file: &'a File) -> Self {
        Receiver {
            file,
            size: 0,
            digest: Sha256::new(),
            tail: Vec::new(),
            version: String::new(),
            progress: Progress::bytes("saving"),
        }
    }

    fn take(&mut self, blob: &[u8], remaining_bytes: u64, version: &str) -> Outcome {
        self.file.write_all(blob).map_err(|error| failed(format!("could not write snapshot: {error}")))?;
        self.size += blob.len() as u64;
        self.tail.extend_from_slice(blob);
        let settled = self.tail.len().saturating_sub(DIGEST_BYTES);
        self.digest.update(&self.tail[..settled]);
        self.tail.drain(..settled);
        if self.version.is_empty() {
            self.version = version.to_owned();
        }
        self.progress.set(self.size, self.size + remaining_bytes);
        Ok(())
    }

    fn finish(self) -> Outcome<(u64, String)> {
        self.progress.finish();
        if self.size % BLOCK_BYTES != DIGEST_BYTES as u64 {
            return Err(failed(format!("sha256 checksum not found [bytes: {}]", self.size)));
        }
        let computed = self.digest.finalize();
        if computed[..] != self.tail[..] {
            return Err(failed(format!("expected sha256 {:?}, got {:?}", self.tail, &computed[..])));
        }
        Ok((self.size, self.version))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn received(pieces: &[&[u8]]) -> Result<u64, String> {
        let file = tempfile::tempfile().unwrap();
        let mut receiver = Receiver::new(&file);
        for piece in pieces {
            receiver.take(piece, 0, "3.7.0").unwrap();
        }
        receiver.finish().map(|(size, _)| size).map_err(|failure| failure.message.unwrap())
    }

    #[test]
    fn the_digest_is_found_wherever_the_pieces_are_cut() {
        let data = vec![7; 1024];
        let whole = [&data[..], &Sha256::digest(&data)[..]].concat();
        for cut in [0, 1, 1000, 1024, 1030, 1055] {
            assert_eq!(received(&[&whole[..cut], &whole[cut..]]), Ok(1056), "{cut}");
        }
    }

    #[test]
    fn a_snapshot_that_is_cut_or_changed_is_refused() {
        let data = vec![7; 1024];
        let digest = Sha256::digest(&data);
        assert_eq!(received(&[&data]), Err("sha256 checksum not found [bytes: 1024]".to_owned()));
        let changed = received(&[&[8; 1024], &digest[..]]).unwrap_err();
        assert!(changed.starts_with("expected sha256 ["), "{changed}");
    }

    #[test]
    fn nothing_half_written_stays() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("snapshot.db");
        drop(Part::create(&target).unwrap());
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
        Part::create(&target).unwrap().rename_to(&target).unwrap();
        assert!(target.exists());
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
    }
}
