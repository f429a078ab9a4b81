//! Criterion benches of the pure stages; see `benches/`.
