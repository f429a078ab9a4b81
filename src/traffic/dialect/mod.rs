//! Client formats: what a request asks for, and how replies and refusals look.
