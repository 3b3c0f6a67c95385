//! The write-ahead log: the truth until the backend has flushed.
