//! How a runtime thread wakes an event loop of another language: by a socket that the loop watches.

#[cfg(unix)]
mod platform {
    use std::io::{self, Read, Write};
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;

    /// More than any loop leaves unread: one byte is written per batch.
    const DRAIN_BYTES: usize = 64;

    /// A pair of sockets: one end for the loop to watch, the other to write a byte into.
    #[derive(Debug)]
    pub struct Wake {
        reader: UnixStream,
        writer: UnixStream,
    }

    impl Wake {
        /// Fails when the process may open no more descriptors.
        pub fn new() -> io::Result<Self> {
            let (reader, writer) = UnixStream::pair()?;
            reader.set_nonblocking(true)?;
            writer.set_nonblocking(true)?;
            Ok(Wake { reader, writer })
        }

        /// The descriptor a loop can watch for reading; `None` where there is no such thing.
        pub fn fileno(&self) -> Option<i32> {
            Some(self.reader.as_raw_fd())
        }

        /// Makes the descriptor readable. Never waits.
        pub fn signal(&self) {
            // A full socket already wakes the loop, and a closed one has no loop behind it.
            let _ = (&self.writer).write(&[1]);
        }

        /// Makes the descriptor unreadable until the next [`signal`](Self::signal).
        pub fn clear(&self) {
            let mut bytes = [0; DRAIN_BYTES];
            while matches!((&self.reader).read(&mut bytes), Ok(DRAIN_BYTES)) {}
        }
    }
}

#[cfg(not(unix))]
mod platform {
    use std::io;

    /// Loops here watch no sockets of others; a thread that waits for completions stands in.
    #[derive(Debug)]
    pub struct Wake;

    impl Wake {
        pub fn new() -> io::Result<Self> {
            Ok(Wake)
        }

        pub fn fileno(&self) -> Option<i32> {
            None
        }

        pub fn signal(&self) {}

        pub fn clear(&self) {}
    }
}

pub use platform::Wake;
