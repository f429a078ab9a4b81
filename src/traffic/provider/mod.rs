//! How a request is written for a provider, and how its answer's head reads for a client.
//!
//! Takes `Ask`, `Provider` and `Target`; gives head bytes. Pure: no connection is known here.
//!
//! Invariant: an upstream head holds only fields that this room wrote or that its allow-list names; a client's
//! credential never does. Bodies are not looked at here, but where they name the model once more (`named`).

pub mod named;
pub mod request;
pub mod response;
pub mod trailer;
