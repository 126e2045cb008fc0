//! The named limits of the HTTP client.

use std::time::Duration;

/// Limits of the HTTP client; the defaults are for production, tests shorten them.
#[derive(Debug, Clone)]
pub struct TransportLimits {
    /// Time to connect, TLS included.
    pub connect: Duration,
    /// Time from the last byte sent to the head of the answer; an operation may have its own.
    pub first_byte: Duration,
    /// Time between two pieces of an answer.
    pub idle: Duration,
    /// Time for the whole body of an answer that is no stream.
    pub whole: Duration,
    /// Bytes of an answer that is kept in memory, after decompression.
    pub body_bytes: u64,
    /// Bytes of an answer that is streamed to the store, after decompression.
    pub stream_bytes: u64,
    /// Bytes of one server-sent event.
    pub event_bytes: usize,
    /// Bytes of all headers of an answer.
    pub header_bytes: usize,
    /// How many redirects are followed.
    pub redirects: usize,
    /// How many pages one call reads.
    pub pages: u32,
    /// Longest wait that a service may ask for.
    pub retry_after: Duration,
    /// Whether redirects and links to next pages may lead to private addresses of other origins: an operator's setting.
    pub private_hops: bool,
}

impl Default for TransportLimits {
    fn default() -> TransportLimits {
        TransportLimits {
            connect: Duration::from_secs(10),
            first_byte: Duration::from_secs(60),
            idle: Duration::from_secs(30),
            whole: Duration::from_secs(600),
            body_bytes: 32 << 20,
            stream_bytes: 64 << 30,
            event_bytes: 8 << 20,
            header_bytes: 64 << 10,
            redirects: 5,
            pages: 10_000,
            retry_after: Duration::from_secs(3600),
            private_hops: false,
        }
    }
}
