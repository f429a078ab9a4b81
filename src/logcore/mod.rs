//! LOG PLANE: drains the rings of all shards.
