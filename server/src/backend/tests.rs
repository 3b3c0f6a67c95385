#![allow(clippy::unwrap_used)]

//! One suite for all engines, and what is particular to one.

mod damage;
mod faults;
mod suite;
