//! DATA PLANE: one copy per core, in flow order.

pub mod dialect;
