//! The mock provider as its clients see it, over plain sockets, and the load generator on the mock provider.

mod abort;
mod answers;
mod bystanders;
mod client;
mod documents;
mod faults;
mod features;
mod formats;
mod framing;
mod interrupts;
mod load;
mod peers;
mod program;
mod reports;
mod scenarios;
mod servers;
mod truth;
