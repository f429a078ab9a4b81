//! The gateway as a process, from outside: real sockets, real files, real signals.
//!
//! Every test starts its own gateway on free ports, with a mock provider in this process or an upstream that says
//! exactly what the test writes. Tests of the data plane run on both drivers.

mod anthropic;
mod aside;
mod auth;
mod backlog;
mod bedrock;
mod by_responses;
mod certificates;
mod counting;
mod credentials;
mod crowds;
mod descriptors;
mod early;
mod embeddings;
mod endpoints;
mod failures;
mod fairness;
mod familiar;
mod foreign;
mod framing;
mod google;
mod gzip;
mod handover;
mod hardening;
mod harness;
mod hosted;
mod http2;
mod import;
mod input;
mod lifecycle;
mod lost;
mod media;
mod operations;
mod parameters;
mod peers;
mod records;
mod replay;
mod responses;
mod roles;
mod sdk;
mod secure;
mod sessions;
mod signatures;
mod smuggling;
mod streaming;
mod timeouts;
mod translate;
mod translated_errors;
mod upstreams;
mod whole_errors;
