//! Admission of writes: from a request to an applied log entry.
