//! Mock model providers, and what the load generator is made of. Depends on nothing of the gateway.
