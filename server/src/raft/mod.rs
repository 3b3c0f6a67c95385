//! Consensus: the only place that names openraft.
