//! Calls to providers: a connection, the request, the head of the answer.
//!
//! Takes the written request and an origin; gives an `Answer` whose body is still on the connection, or a fault.
//!
//! Invariant: a request is sent twice only if its first connection had been idle and gave no byte of an answer;
//! a connection goes back to the pool only when its answer was read to the end, with nothing behind it.

pub mod call;
pub mod pool;
