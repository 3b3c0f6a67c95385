//! Leases: who granted what for how long, and which keys hang on it.
