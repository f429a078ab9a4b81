//! Every bound that is not a setting. Settings have their defaults here too, so that one page shows them all.
//!
//! Invariant: the relations between bounds are checked when this file is compiled.

/// First buffer of a client connection: it takes the head and the body of an ordinary chat request. Not a power
/// of two, so that the buffers of one exchange do not all fall on the same lines of the processor's cache.
pub const CLIENT_BUFFER_BYTES: usize = 3584;
/// First buffer of an upstream answer; it grows to [`BULK_BUFFER_BYTES`] when answers fill it.
pub const UPSTREAM_BUFFER_BYTES: usize = CLIENT_BUFFER_BYTES;
/// Buffer for bulk bodies in either direction.
pub const BULK_BUFFER_BYTES: usize = 64 * 1024;
/// Largest piece of a request body held in one allocation.
pub const BODY_SEGMENT_BYTES: usize = 256 * 1024;

/// Largest request or response head, in bytes (setting `limits.head_bytes`).
pub const HEAD_BYTES: usize = 32 * 1024;
/// Most header fields in a head (setting `limits.headers`).
pub const HEADERS: usize = 100;
/// Header slots that the parser has; a setting above this is a complaint.
pub const HEADER_SLOTS: usize = 128;
/// Longest request target, in bytes.
pub const TARGET_BYTES: usize = 8 * 1024;
/// Longest chunk extension that is skipped, in bytes.
pub const CHUNK_EXTENSION_BYTES: usize = 256;
/// Largest trailer section, in bytes.
pub const TRAILER_BYTES: usize = 8 * 1024;
/// Largest request body (setting `limits.body_bytes`).
pub const BODY_BYTES: u64 = 64 * 1024 * 1024;
/// Request bodies held at once by one shard (setting `limits.buffered_bytes`); beyond it requests are shed with 503.
pub const BUFFERED_BYTES: u64 = 1024 * 1024 * 1024;
/// Longest time that a request's body may take in all, however steadily it comes, in milliseconds (setting
/// `limits.body_ms`).
pub const BODY_MS: u64 = 10 * 60 * 1000;
/// How long the memory of large bodies is kept for the next ones, in milliseconds (setting `limits.spare_memory_ms`).
pub const SPARE_MEMORY_MS: u64 = 60 * 1000;
/// Deepest nesting of a JSON body.
pub const JSON_DEPTH: usize = 128;
/// Values and names of members in a JSON text that is written anew: each is 16 bytes beside the text.
pub const JSON_NODES: usize = 4 * 1024 * 1024;
/// Longest model name a client may send, in bytes.
pub const MODEL_NAME_BYTES: usize = 256;
/// Longest part of a name from a request that a message repeats, in bytes.
pub const REPEATED_BYTES: usize = 64;
/// Longest key a client may present, in bytes.
pub const KEY_BYTES: usize = 16 * 1024;
/// A stream event is held back until it is whole; one that is longer than this passes piece by piece.
pub const EVENT_HOLD_BYTES: usize = 64 * 1024;
/// An upstream's error body is read up to here (it is scrubbed before it is passed on).
pub const ERROR_BODY_BYTES: usize = 64 * 1024;
/// Most connections of one client in the process, clients on this machine apart (setting
/// `limits.connections_per_client_max`). Half of what one shard takes in all: a proxy before the gateway is one
/// client and must not come near it, and one host alone must not fill every shard.
pub const CONNECTIONS_PER_CLIENT: u64 = 10_000;
/// Clients beyond a limit that one shard tells so at once; more are closed without a word.
pub const TURNED_AWAY: u64 = 256;
/// Records that wait in one shard's ring for the log core.
pub const RECORD_RING_SLOTS: usize = 8 * 1024;
/// Answers to `Expect: 100-continue` and other 1xx heads that an upstream may send before its real one.
pub const INTERIM_HEADS: usize = 8;

/// Largest event of a stream that is translated: it is read whole.
pub const TRANSLATED_EVENT_BYTES: usize = 8 * 1024 * 1024;
/// Largest answer that is translated and no stream: it is read whole.
pub const TRANSLATED_ANSWER_BYTES: usize = 64 * 1024 * 1024;
/// Largest streamed answer in a dialect whose last event repeats all of it: it is kept until then.
pub const REPEATED_ANSWER_BYTES: usize = 8 * 1024 * 1024;
/// Arguments of calls that wait for another call's to end.
pub const HELD_CALL_BYTES: usize = 1024 * 1024;

const _: () = assert!(CLIENT_BUFFER_BYTES <= HEAD_BYTES);
const _: () = assert!(HEADERS <= HEADER_SLOTS);
const _: () = assert!(TARGET_BYTES <= HEAD_BYTES);
const _: () = assert!(UPSTREAM_BUFFER_BYTES <= BULK_BUFFER_BYTES);
const _: () = assert!(EVENT_HOLD_BYTES <= BULK_BUFFER_BYTES);
const _: () = assert!(BODY_SEGMENT_BYTES as u64 <= BODY_BYTES);
