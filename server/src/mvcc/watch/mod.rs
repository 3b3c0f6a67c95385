//! Delivery of events to watchers.
//!
//! A watcher is on one of three ways, and moves between them:
//!
//! ```text
//!              start in the past                     caught up
//!  create ───────────────────────► lagging ───────────────────────► synced ◄─── create, "from now on"
//!     │                               ▲      queue of its stream full  │            ▲
//!     │                               └────────────────────────────────┘            │
//!     └── start in the future ──► waiting ──────── its revision comes ──────────────┘
//! ```
//!
//! * **Synced** watchers are fed by the writer as it publishes a run. Watchers that want the same (range,
//!   filters, previous values) form a group: an event is matched against groups, and encoded once for
//!   all watchers of a group, however many streams they are on.
//! * **Lagging** watchers read history, in bounded steps taken when their stream has room and is read:
//!   the speed of the client drives them, and what a slow client costs is its bounded queue.
//! * All that a stream says goes through its one queue, so its order is the order in which it happened:
//!   `created` before the first event, nothing after `canceled`, no event behind a progress answer that
//!   covers it.
//!
//! Lock order: the hub's state, then the queue of a stream.

mod catch_up;
mod event;
mod frame;
mod group;
mod hub;
mod interval;
mod matcher;
mod queue;
mod stream;

pub use frame::WatchFrame;
pub use hub::{Hub, HubOptions};
pub use stream::{Next, WatchStream};
