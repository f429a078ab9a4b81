//! FLOOR 4: sockets, TLS, timers and the runtime seam.
