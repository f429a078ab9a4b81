//! FLOOR 3: the sans-io HTTP/1.1 codec.
