//! The guided tour.

fn main() {}
