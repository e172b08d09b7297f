//! Filled in.
