//! The gate that makes reads linearizable.
