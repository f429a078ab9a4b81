//! Mock model providers, and what the load generator is made of. Depends on nothing of the gateway.
//!
//! - [`mock`]: a provider that answers every endpoint of `OpenAI` and Anthropic with canned bytes, and misbehaves on request.
//! - [`load`]: sends requests, checks every answer, and measures times and what a process costs.
//! - [`wire`]: the little of HTTP/1.1 that both sides need, without input or output.
//! - [`runtime`]: one event loop on the best driver that the machine allows.
//! - [`sys`]: the few calls to the kernel that the standard library has no safe name for.

mod chance;
pub mod load;
pub mod mock;
pub mod runtime;
pub mod sys;
pub mod wire;
