//! CONTROL PLANE: everything slow, shared or fallible.
