//! What differs between operating systems.

pub(crate) use system::{
    block_broken_pipe_signal, create_private_dir, dir_mode_if_wide, owner_only, read_exact_at, sync_dir,
    write_all_at,
};

#[cfg(unix)]
mod system {
    use std::fs::{DirBuilder, File, OpenOptions};
    use std::io::Result;
    use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, PermissionsExt};
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
}

#[cfg(windows)]
mod system {
    use std::fs::{DirBuilder, File, OpenOptions};
    use std::io::{ErrorKind, Result};
    use std::os::windows::fs::FileExt;
    use std::path::Path;

    /// Access on Windows follows the access list inherited from the parent directory.
    /// There is no such signal here.
    pub(crate) fn block_broken_pipe_signal() {}

    pub(crate) fn owner_only(_options: &mut OpenOptions) {}

    pub(crate) fn create_private_dir(dir: &Path) -> Result<()> {
        DirBuilder::new().create(dir)
    }

    /// Windows has access lists instead of modes.
    pub(crate) fn dir_mode_if_wide(_dir: &Path) -> Result<Option<u32>> {
        Ok(None)
    }

    /// NTFS journals names itself and offers no way to sync a directory.
    pub(crate) fn sync_dir(_dir: &Path) -> Result<()> {
        Ok(())
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
