//! Delivery of events to watchers.
