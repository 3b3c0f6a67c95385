//! Tests of consensus on one node.
