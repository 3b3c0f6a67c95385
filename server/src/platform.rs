//! What differs between operating systems.

pub(crate) use system::{
    UnixListener, UnixStream, block_broken_pipe_signal, create_private_dir, dir_mode_if_wide, open_direct,
    owner_only, process, read_exact_at, sync_dir, write_all_at,
};

use std::path::Path;

/// The whole content of a file that others wrote, such as a certificate.
pub(crate) fn read_file(path: &Path) -> std::io::Result<Vec<u8>> {
    std::fs::read(path)
}

/// Whether there is a file.
pub(crate) fn is_file(path: &Path) -> bool {
    path.is_file()
}

/// Makes a directory with those it is in, for the owner alone.
pub(crate) fn create_private_dirs(dir: &Path) -> std::io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    if let Some(parent) = dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        create_private_dirs(parent)?;
    }
    create_private_dir(dir)
}

/// Writes a file that only the owner may read, durably.
pub(crate) fn write_private_file(path: &Path, content: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    owner_only(&mut options);
    let mut file = options.open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

/// What this process takes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Process {
    pub(crate) resident_bytes: u64,
    pub(crate) virtual_bytes: u64,
    pub(crate) cpu_seconds: f64,
    /// Since 1970.
    pub(crate) start_seconds: f64,
    pub(crate) open_files: u64,
    pub(crate) open_files_max: u64,
}

#[cfg(unix)]
mod system {
    use std::fs::{DirBuilder, File, OpenOptions};
    use std::io::Result;
    use std::os::unix::fs::{DirBuilderExt, FileExt, FileTypeExt, OpenOptionsExt, PermissionsExt};
    use std::path::Path;

    /// Keys and values may be secrets: nobody but the owner reads the data directory.
    const FILE_MODE: u32 = 0o600;
    const DIR_MODE: u32 = 0o700;

    /// For threads in a process of another language, which a write to a connection that the other side has closed must
    /// not end. The signal is raised in the thread that writes, and the handlers of the host stay as they are.
    pub(crate) fn block_broken_pipe_signal() {
        let mut signals = nix::sys::signal::SigSet::empty();
        signals.add(nix::sys::signal::Signal::SIGPIPE);
        // Fails for an unknown way of changing the mask only.
        let _ = signals.thread_block();
    }

    pub(crate) fn owner_only(options: &mut OpenOptions) {
        options.mode(FILE_MODE);
    }

    pub(crate) fn create_private_dir(dir: &Path) -> Result<()> {
        DirBuilder::new().mode(DIR_MODE).create(dir)
    }

    /// What this process takes, as Linux tells it; other systems have no such files, and tell nothing.
    pub(crate) fn process() -> Option<super::Process> {
        // Fixed in what Linux shows to programs, whatever the kernel counts in.
        const TICKS_PER_SECOND: f64 = 100.0;
        const PAGE_BYTES: u64 = 4096;
        let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
        // The name of the program may hold anything, but it ends at the last bracket.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        let boot = std::fs::read_to_string("/proc/stat").ok()?;
        let boot = boot.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse::<u64>().ok()?;
        let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
        let open_files_max = limits.lines().find(|line| line.starts_with("Max open files"));
        Some(super::Process {
            resident_bytes: field(24)? * PAGE_BYTES,
            virtual_bytes: field(23)?,
            cpu_seconds: (field(14)? + field(15)?) as f64 / TICKS_PER_SECOND,
            start_seconds: boot as f64 + field(22)? as f64 / TICKS_PER_SECOND,
            open_files: std::fs::read_dir("/proc/self/fd").ok()?.count() as u64,
            open_files_max: open_files_max
                .and_then(|line| line.split_whitespace().nth(3)?.parse().ok())
                .unwrap_or(0),
        })
    }

    /// The mode of a directory that others than its owner may look into; none when only the owner may.
    pub(crate) fn dir_mode_if_wide(dir: &Path) -> Result<Option<u32>> {
        const PERMISSION_BITS: u32 = 0o777;
        let mode = std::fs::metadata(dir)?.permissions().mode() & PERMISSION_BITS;
        Ok((mode & !DIR_MODE != 0).then_some(mode))
    }

    pub(crate) fn sync_dir(dir: &Path) -> Result<()> {
        File::open(dir)?.sync_all()
    }

    pub(crate) fn read_exact_at(file: &File, buffer: &mut [u8], offset: u64) -> Result<()> {
        file.read_exact_at(buffer, offset)
    }

    pub(crate) fn write_all_at(file: &File, data: &[u8], offset: u64) -> Result<()> {
        file.write_all_at(data, offset)
    }

    /// The same file again, to be written past the cache of the system; none where there is no way.
    #[cfg(target_os = "linux")]
    pub(crate) fn open_direct(file: &File) -> Option<File> {
        use std::os::fd::AsRawFd;
        // By its descriptor: its name may be another's by now.
        let same = format!("/proc/self/fd/{}", file.as_raw_fd());
        OpenOptions::new().write(true).custom_flags(nix::fcntl::OFlag::O_DIRECT.bits()).open(same).ok()
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn open_direct(_file: &File) -> Option<File> {
        None
    }

    pub(crate) use tokio::net::UnixStream;

    /// A socket in the file system, which is gone when this is dropped.
    pub(crate) struct UnixListener {
        listener: tokio::net::UnixListener,
        path: std::path::PathBuf,
    }

    impl UnixListener {
        /// Takes the place of a socket that a former process left behind. Other files stay where they are.
        pub(crate) fn bind(path: &str) -> Result<Self> {
            let path = std::path::PathBuf::from(path);
            let is_left_behind = path.symlink_metadata().is_ok_and(|found| found.file_type().is_socket());
            if is_left_behind && std::os::unix::net::UnixStream::connect(&path).is_err() {
                std::fs::remove_file(&path)?;
            }
            Ok(UnixListener { listener: tokio::net::UnixListener::bind(&path)?, path })
        }

        pub(crate) async fn accept(&self) -> Result<UnixStream> {
            Ok(self.listener.accept().await?.0)
        }
    }

    impl Drop for UnixListener {
        fn drop(&mut self) {
            // Nothing is lost when it stays: the next server takes its place.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(windows)]
mod system {
    use std::fs::{DirBuilder, File, OpenOptions};
    use std::io::{ErrorKind, Result};
    use std::os::windows::fs::FileExt;
    use std::path::Path;

    /// Never made: there are no such sockets here, which is told at the start.
    pub(crate) enum UnixListener {}

    pub(crate) type UnixStream = tokio::net::TcpStream;

    impl UnixListener {
        pub(crate) fn bind(_path: &str) -> Result<Self> {
            Err(ErrorKind::Unsupported.into())
        }

        pub(crate) async fn accept(&self) -> Result<UnixStream> {
            match *self {}
        }
    }

    /// Access on Windows follows the access list inherited from the parent directory.
    /// There is no such signal here.
    pub(crate) fn block_broken_pipe_signal() {}

    pub(crate) fn owner_only(_options: &mut OpenOptions) {}

    pub(crate) fn create_private_dir(dir: &Path) -> Result<()> {
        DirBuilder::new().create(dir)
    }

    /// Not told here.
    pub(crate) fn process() -> Option<super::Process> {
        None
    }

    /// Windows has access lists instead of modes.
    pub(crate) fn dir_mode_if_wide(_dir: &Path) -> Result<Option<u32>> {
        Ok(None)
    }

    /// NTFS journals names itself and offers no way to sync a directory.
    pub(crate) fn sync_dir(_dir: &Path) -> Result<()> {
        Ok(())
    }

    pub(crate) fn open_direct(_file: &File) -> Option<File> {
        None
    }

    pub(crate) fn read_exact_at(file: &File, mut buffer: &mut [u8], mut offset: u64) -> Result<()> {
        while !buffer.is_empty() {
            let count = file.seek_read(buffer, offset)?;
            if count == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            buffer = &mut buffer[count..];
            offset += count as u64;
        }
        Ok(())
    }

    pub(crate) fn write_all_at(file: &File, mut data: &[u8], mut offset: u64) -> Result<()> {
        while !data.is_empty() {
            let count = file.seek_write(data, offset)?;
            if count == 0 {
                return Err(ErrorKind::WriteZero.into());
            }
            data = &data[count..];
            offset += count as u64;
        }
        Ok(())
    }
}
