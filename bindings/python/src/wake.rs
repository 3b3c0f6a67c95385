//! How a runtime thread wakes an asyncio loop: by a socket the loop watches, never by the GIL.
//!
//! The only file of the binding that knows the platform.

#[cfg(unix)]
mod platform {
    use std::io::{self, Read, Write};
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;

    /// More than any loop leaves unread: one byte is written per batch.
    const DRAIN_BYTES: usize = 64;

    /// A pair of sockets: one end for the loop to watch, the other to write a byte into.
    pub(crate) struct Wake {
        reader: UnixStream,
        writer: UnixStream,
    }

    impl Wake {
        pub(crate) fn new() -> io::Result<Self> {
            let (reader, writer) = UnixStream::pair()?;
            reader.set_nonblocking(true)?;
            writer.set_nonblocking(true)?;
            Ok(Wake { reader, writer })
        }

        /// The descriptor a loop can watch for reading.
        pub(crate) fn fileno(&self) -> Option<i32> {
            Some(self.reader.as_raw_fd())
        }

        pub(crate) fn signal(&self) {
            // A full socket already wakes the loop, and a closed one has no loop behind it.
            let _ = (&self.writer).write(&[1]);
        }

        pub(crate) fn clear(&self) {
            let mut bytes = [0; DRAIN_BYTES];
            while matches!((&self.reader).read(&mut bytes), Ok(DRAIN_BYTES)) {}
        }
    }
}

#[cfg(not(unix))]
mod platform {
    use std::io;

    /// Loops here watch no sockets of others; a thread that waits for completions stands in.
    pub(crate) struct Wake;

    impl Wake {
        pub(crate) fn new() -> io::Result<Self> {
            Ok(Wake)
        }

        pub(crate) fn fileno(&self) -> Option<i32> {
            None
        }

        pub(crate) fn signal(&self) {}

        pub(crate) fn clear(&self) {}
    }
}

pub(crate) use platform::Wake;
