//! Whether an answer is a good one, and what is wrong with it if not.
//!
//! Takes bytes as they arrive, gives [`Content`] (what a good answer was) or a [`Failure`]. Does no input or output.
//!
//! Invariant: how an answer was cut on its way does not matter, and no two kinds of defect have the same name.

mod answer;
mod body;
mod digest;
mod events;
mod expected;
mod failure;
mod stamps;

pub use answer::Answer;
pub use body::{Body, Content};
pub use expected::{Check, Expected};
pub use failure::Failure;
pub use stamps::{OwnTime, Stamps};
