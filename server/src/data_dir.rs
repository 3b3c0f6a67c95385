//! The data directory: whose it is, and who uses it.
//!
//! ```text
//! <data-dir>/member/identity   ids given at the first start
//! <data-dir>/member/lock       held while a server runs on the directory
//! <data-dir>/member/backend/   the key space
//! <data-dir>/member/log/       the write-ahead log
//! ```

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha1::{Digest, Sha1};

use crate::config::{ConfigError, MemberUrl};
use crate::io::{Io, IoLock, OpenMode};

const MEMBER: &str = "member";
const IDENTITY: &str = "identity";
const IDENTITY_NEW: &str = "identity.new";
const LOCK: &str = "lock";
/// The first line of the identity; the number behind it is the version of everything in the directory.
const HEADER: &str = "etcdkit member";

/// The version written here. A directory of an older one is brought up to it when it is opened; there is none yet.
const FORMAT: u64 = 1;

/// Longest identity that makes sense; a longer file is not read.
const IDENTITY_BYTES_MAX: u64 = 4096;

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// Another server runs on it.
    #[error("the data directory {} is in use by another server: stop that one, or choose another directory", .0.display())]
    InUse(PathBuf),
    /// etcd's own files.
    #[error(
        "the data directory {} was written by etcd, whose files this server does not read: \
         restore a snapshot of it, or choose another directory", .0.display()
    )]
    Etcd(PathBuf),
    /// The settings do not fit a new directory.
    #[error(transparent)]
    Founding(#[from] ConfigError),
    /// Somebody's files.
    #[error("the data directory {dir} holds {found:?} and no member of etcdkit: choose another directory", dir = dir.display())]
    Foreign {
        /// The directory.
        dir: PathBuf,
        /// A name in it.
        found: String,
    },
    /// A newer version of this server wrote it.
    #[error(
        "{path} is of format {found}, and this version reads up to {FORMAT}: start the newer version again, or restore a \
         snapshot into a new directory",
        path = path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u64,
    },
    /// The identity cannot be read.
    #[error("{path} is damaged ({reason}): restore the data directory from a backup", path = path.display())]
    Identity {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The file system refused.
    #[error("cannot {what} {path}: {source}", path = path.display())]
    File {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

/// Who a member is. Given once, at the first start, and kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Id of the member.
    pub member_id: u64,
    /// Id of its cluster.
    pub cluster_id: u64,
}

impl Identity {
    /// The ids etcd derives for the only member of a new cluster: from its peer URLs and the token.
    pub fn of_single_member(peer_urls: &[MemberUrl], token: &str) -> Self {
        let member_id = member_id(peer_urls, token);
        Identity { member_id, cluster_id: leading_u64(&member_id.to_be_bytes()) }
    }

    /// The ids etcd derives for one of the founders of a cluster: from the peer URLs of all of them and the token.
    ///
    /// # Errors
    /// When the name is not that of a founder.
    pub fn of_founder(
        members: &BTreeMap<String, Vec<MemberUrl>>,
        name: &str,
        token: &str,
    ) -> Result<Self, ConfigError> {
        let own = members.get(name).ok_or_else(|| {
            ConfigError(format!("couldn't find local name {name:?} in the initial cluster configuration"))
        })?;
        let mut ids: Vec<u64> = members.values().map(|urls| member_id(urls, token)).collect();
        ids.sort_unstable();
        let bytes: Vec<u8> = ids.into_iter().flat_map(u64::to_be_bytes).collect();
        Ok(Identity { member_id: member_id(own, token), cluster_id: leading_u64(&bytes) })
    }
}

/// The id etcd derives for a member that founds its cluster.
pub(crate) fn member_id(peer_urls: &[MemberUrl], token: &str) -> u64 {
    let mut urls: Vec<String> = peer_urls.iter().map(MemberUrl::to_string).collect();
    urls.sort();
    leading_u64(format!("{}{token}", urls.concat()).as_bytes())
}

/// The id etcd derives for a member that is added later, `seconds` after the epoch.
pub(crate) fn added_member_id(peer_urls: &[String], seconds: u64) -> u64 {
    let mut urls = peer_urls.to_vec();
    urls.sort();
    leading_u64(format!("{}{seconds}", urls.concat()).as_bytes())
}

fn leading_u64(text: &[u8]) -> u64 {
    let digest = Sha1::digest(text);
    digest[..8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// A data directory that is this server's while it lives.
#[derive(Debug)]
pub(crate) struct DataDir {
    pub(crate) identity: Identity,
    member: PathBuf,
    _lock: Box<dyn IoLock>,
}

impl DataDir {
    /// Takes the directory; when there is none yet it is created, with the identity that `found` gives.
    pub(crate) fn open(
        io: &Arc<dyn Io>,
        dir: &Path,
        found: impl FnOnce() -> Result<Identity, ConfigError>,
    ) -> Result<Self, DataDirError> {
        let member = dir.join(MEMBER);
        io.create_dir(&member).map_err(file("create", &member))?;
        warn_of_wide_mode(io.as_ref(), dir);
        let lock = lock(io.as_ref(), dir, &member)?;
        let names = io.list(&member).map_err(file("list", &member))?;
        let identity = if names.iter().any(|name| name == IDENTITY) {
            read_identity(io.as_ref(), &member.join(IDENTITY))?
        } else {
            refuse_foreign(dir, &names)?;
            let new = found()?;
            write_identity(io.as_ref(), &member, new)?;
            new
        };
        Ok(DataDir { identity, member, _lock: lock })
    }

    pub(crate) fn backend(&self) -> PathBuf {
        self.member.join("backend")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.member.join("log")
    }
}

/// etcd 3.7 starts on such a directory and says so; an error would lock out those whose volumes come this way.
fn warn_of_wide_mode(io: &dyn Io, dir: &Path) {
    if let Ok(Some(mode)) = io.dir_mode_if_wide(dir) {
        tracing::warn!(
            dir = %dir.display(),
            mode = format!("{mode:o}"),
            "others than the owner may look into the data directory; the recommended mode is 700"
        );
    }
}

fn lock(io: &dyn Io, dir: &Path, member: &Path) -> Result<Box<dyn IoLock>, DataDirError> {
    io.lock(&member.join(LOCK)).map_err(|error| match error.kind() {
        ErrorKind::WouldBlock => DataDirError::InUse(dir.to_owned()),
        _ => file("lock", &member.join(LOCK))(error),
    })
}

fn refuse_foreign(dir: &Path, names: &[String]) -> Result<(), DataDirError> {
    if names.iter().any(|name| name == "snap" || name == "wal") {
        return Err(DataDirError::Etcd(dir.to_owned()));
    }
    match names.iter().find(|name| *name != LOCK && *name != IDENTITY_NEW) {
        Some(found) => Err(DataDirError::Foreign { dir: dir.to_owned(), found: format!("{MEMBER}/{found}") }),
        None => Ok(()),
    }
}

fn read_identity(io: &dyn Io, path: &Path) -> Result<Identity, DataDirError> {
    let read = || -> std::io::Result<Vec<u8>> {
        let identity = io.open(path, OpenMode::Existing)?;
        let mut text = vec![0; identity.len()?.min(IDENTITY_BYTES_MAX) as usize];
        identity.read_exact_at(&mut text, 0)?;
        Ok(text)
    };
    let text = read().map_err(file("read", path))?;
    let text = String::from_utf8_lossy(&text);
    match format(&text) {
        Some(found) if found > FORMAT => Err(DataDirError::Newer { path: path.to_owned(), found }),
        _ => parse_identity(&text)
            .map_err(|reason| DataDirError::Identity { path: path.to_owned(), reason: reason.to_owned() }),
    }
}

/// The version of the directory, by the first line of its identity.
fn format(text: &str) -> Option<u64> {
    text.lines().next()?.strip_prefix(HEADER)?.strip_prefix(' ')?.parse().ok()
}

fn parse_identity(text: &str) -> Result<Identity, &'static str> {
    if format(text).is_none() {
        return Err("its first line names no format");
    }
    let mut lines = text.lines().skip(1);
    let mut id = |name: &str| {
        let value = lines.next()?.strip_prefix(name)?.strip_prefix(' ')?;
        u64::from_str_radix(value, 16).ok()
    };
    let member_id = id("member").ok_or("it has no member line")?;
    let cluster_id = id("cluster").ok_or("it has no cluster line")?;
    Ok(Identity { member_id, cluster_id })
}

/// Durable in one step: a crash leaves either no identity, and then nothing else, or all of it.
fn write_identity(io: &dyn Io, member: &Path, identity: Identity) -> Result<(), DataDirError> {
    let path = member.join(IDENTITY);
    let new = member.join(IDENTITY_NEW);
    let text =
        format!("{HEADER} {FORMAT}\nmember {:x}\ncluster {:x}\n", identity.member_id, identity.cluster_id);
    let write = || -> std::io::Result<()> {
        let identity = io.open(&new, OpenMode::Any)?;
        identity.set_len(0)?;
        identity.write_all_at(text.as_bytes(), 0)?;
        identity.sync_all()?;
        drop(identity);
        io.rename(&new, &path)?;
        io.sync_dir(member)
    };
    write().map_err(file("write", &path))
}

fn file(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> DataDirError {
    let path = path.to_owned();
    move |source| DataDirError::File { what, path, source }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::io::disk::DiskIo;

    fn identity() -> Identity {
        Identity::of_single_member(&[MemberUrl::http("localhost", 2380)], "etcd-cluster")
    }

    #[test]
    fn ids_are_those_etcd_derives() {
        let identity = identity();
        assert_eq!(format!("{:x}", identity.member_id), "8e9e05c52164694d");
        assert_eq!(format!("{:x}", identity.cluster_id), "cdf818194e3a8c32");
    }

    #[test]
    fn ids_of_founders_are_those_etcd_derives() {
        let founder = |name: &str, port| (name.to_owned(), vec![MemberUrl::http("127.0.0.1", port)]);
        let members =
            BTreeMap::from([founder("infra1", 12380), founder("infra2", 22380), founder("infra3", 32380)]);
        let ids = ["infra1", "infra2", "infra3"].map(|name| {
            let identity = Identity::of_founder(&members, name, "etcd-cluster-1").unwrap();
            (format!("{:x}", identity.member_id), format!("{:x}", identity.cluster_id))
        });
        let cluster = "ef37ad9dc622a7c4".to_owned();
        let expected = ["8211f1d0f64f3269", "91bc3c398fb3c146", "fd422379fda50e48"];
        assert_eq!(ids, expected.map(|id| (id.to_owned(), cluster.clone())));
        assert!(Identity::of_founder(&members, "infra4", "etcd-cluster-1").is_err());
    }

    #[test]
    fn an_identity_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let io: Arc<dyn Io> = Arc::new(DiskIo);
        let first = DataDir::open(&io, dir.path(), || Ok(identity())).unwrap();
        let in_use = DataDir::open(&io, dir.path(), || Ok(identity())).unwrap_err();
        assert!(matches!(in_use, DataDirError::InUse(_)), "{in_use}");
        drop(first);
        let again = DataDir::open(&io, dir.path(), || Err(ConfigError("not asked".into()))).unwrap();
        assert_eq!(again.identity, identity());
    }

    #[test]
    fn other_peoples_directories_are_refused() {
        let io: Arc<dyn Io> = Arc::new(DiskIo);
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("member/snap")).unwrap();
        let error = DataDir::open(&io, dir.path(), || Ok(identity())).unwrap_err();
        assert!(matches!(error, DataDirError::Etcd(_)), "{error}");

        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("member")).unwrap();
        std::fs::write(dir.path().join("member/notes"), "mine").unwrap();
        let error = DataDir::open(&io, dir.path(), || Ok(identity())).unwrap_err();
        assert!(error.to_string().contains("member/notes"), "{error}");

        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("file"), "").unwrap();
        let error = DataDir::open(&io, &dir.path().join("file"), || Ok(identity())).unwrap_err();
        assert!(matches!(error, DataDirError::File { .. }), "{error}");
    }

    #[test]
    fn a_founding_that_is_refused_leaves_the_directory_new() {
        let dir = tempfile::tempdir().unwrap();
        let io: Arc<dyn Io> = Arc::new(DiskIo);
        let refused = || Err(ConfigError("no".into()));
        assert!(matches!(DataDir::open(&io, dir.path(), refused), Err(DataDirError::Founding(_))));
        DataDir::open(&io, dir.path(), || Ok(identity())).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_mode_that_lets_others_in_is_noticed() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        for (mode, noticed) in [(0o700, None), (0o755, Some(0o755)), (0o710, Some(0o710))] {
            std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(DiskIo.dir_mode_if_wide(dir.path()).unwrap(), noticed, "{mode:o}");
        }
    }

    #[test]
    fn a_directory_of_a_newer_format_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let io: Arc<dyn Io> = Arc::new(DiskIo);
        drop(DataDir::open(&io, dir.path(), || Ok(identity())).unwrap());
        let path = dir.path().join("member/identity");
        let newer = std::fs::read_to_string(&path).unwrap().replace("member 1", "member 2");
        std::fs::write(&path, &newer).unwrap();
        let error = DataDir::open(&io, dir.path(), || Ok(identity())).unwrap_err();
        assert!(matches!(error, DataDirError::Newer { found: 2, .. }), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), newer);
    }

    #[test]
    fn a_damaged_identity_is_refused() {
        for text in ["", "etcdkit member 2\n", "etcdkit member 1\nmember x\n", "etcdkit member 1\nmember 1\n"]
        {
            assert!(parse_identity(text).is_err(), "{text:?}");
        }
    }
}
