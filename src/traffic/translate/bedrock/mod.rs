//! Amazon Bedrock's `Converse` and `ConverseStream`: as a provider's format, one for models of every maker.
//!
//! The model and the form of the answer stand in the path. Members that only one maker's models know go through
//! `additionalModelRequestFields`, so that what is written depends on whose model it is.
//!
//! Source: the service model `bedrock-runtime` 2023-09-30 of the AWS SDKs, and the user guide's notes on each maker.

pub mod answer_in;
pub mod failure;
mod family;
mod messages_out;
pub mod request_out;
