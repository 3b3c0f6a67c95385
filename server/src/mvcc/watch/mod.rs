//! Delivery of events to watchers.

mod hub;

pub use hub::Hub;
