//! Progress bars: on stderr, and only when a person sees them.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::borrow::Cow;
use std::io::{self, IsTerminal as _, Read, Seek, SeekFrom};
use std::time::Duration;

/// How often a sign of life is drawn.
const BUSY_TICK: Duration = Duration::from_millis(100);

/// How far a long piece of work has come.
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar of bytes, with rate and time left.
    pub(crate) fn bytes(what: &'static str) -> Self {
        Self::new(what, "{msg} {bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta} left")
    }

    /// A bar of things that are counted.
    pub(crate) fn count(what: &'static str) -> Self {
        Self::new(what, "{msg} {bar:30} {pos}/{len} {per_sec} {eta} left")
    }

    /// A number that grows without an end.
    pub(crate) fn tally(what: &'static str) -> Self {
        Self::new(what, "{msg} {pos} {per_sec}")
    }

    /// Work whose end nobody can tell: it shows that it goes on, and for how long.
    pub(crate) fn busy(what: impl Into<Cow<'static, str>>) -> Self {
        let progress = Self::new(what, "{spinner} {msg} {elapsed}");
        progress.bar.enable_steady_tick(BUSY_TICK);
        progress
    }

    fn new(what: impl Into<Cow<'static, str>>, template: &str) -> Self {
        let target = match std::io::stderr().is_terminal() {
            true => ProgressDrawTarget::stderr(),
            false => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(Some(0), target).with_message(what);
        // A template that does not fit leaves the bar of the library.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Progress { bar }
    }

    /// Shows `done` of `total`.
    pub(crate) fn set(&self, done: u64, total: u64) {
        self.bar.set_length(total);
        self.bar.set_position(done);
    }

    /// Shows so many more done.
    pub(crate) fn add(&self, done: u64) {
        self.bar.inc(done);
    }

    /// Prints while the bar is off the screen.
    pub(crate) fn above<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bar.suspend(print)
    }

    /// Shows one more done.
    pub(crate) fn step(&self) {
        self.bar.inc(1);
    }

    /// Takes the bar off the screen.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

/// A file that shows how far it has been read.
pub(crate) struct Watched<F> {
    file: F,
    position: u64,
    bytes: u64,
    progress: Progress,
}

impl<F: Read + Seek> Watched<F> {
    pub(crate) fn new(what: &'static str, mut file: F) -> io::Result<Self> {
        let bytes = file.seek(SeekFrom::End(0))?;
        let position = file.seek(SeekFrom::Start(0))?;
        Ok(Watched { file, position, bytes, progress: Progress::bytes(what) })
    }
}

impl<F: Read> Read for Watched<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.position += read as u64;
        self.progress.set(self.position, self.bytes);
        Ok(read)
    }
}

impl<F: Seek> Seek for Watched<F> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position = self.file.seek(to)?;
        Ok(self.position)
    }
}
