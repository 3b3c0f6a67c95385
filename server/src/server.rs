//! Builds, starts and stops one server.
