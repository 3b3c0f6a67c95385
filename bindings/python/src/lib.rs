//! The Python SDK.
