//! What is noted of one request while it runs.

use std::time::{Duration, Instant};

use crate::load::check::{Content, Stamps};

/// How an exchange ended, if nothing was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Good(Content),
    /// This client went away, as it was meant to.
    Left,
}

/// The moments of one request.
#[derive(Clone, Copy, Debug)]
pub struct Marks {
    pub due_at: Instant,
    pub sent_at: Instant,
    /// From when on the target can be blamed: when it was due, or sent, if a connection was free and only this client was late.
    pub owed_at: Instant,
    pub first_byte_at: Option<Instant>,
    pub first_event_at: Option<Instant>,
    pub ended_at: Instant,
    /// Bytes of the body.
    pub bytes: u64,
    /// What the answer said of the exchange.
    pub stamps: Stamps,
}

impl Marks {
    pub fn begin(due_at: Instant, sent_at: Instant, ended_at: Instant) -> Self {
        Self {
            due_at,
            sent_at,
            owed_at: due_at,
            first_byte_at: None,
            first_event_at: None,
            ended_at,
            bytes: 0,
            stamps: Stamps::default(),
        }
    }

    pub fn latency(&self) -> Duration {
        self.ended_at.saturating_duration_since(self.due_at)
    }

    pub fn service(&self) -> Duration {
        self.ended_at.saturating_duration_since(self.sent_at)
    }

    /// Of what is the target's doing.
    pub fn owed(&self) -> Duration {
        self.ended_at.saturating_duration_since(self.owed_at)
    }

    pub fn first_byte(&self) -> Duration {
        self.first_byte_at.unwrap_or(self.ended_at).saturating_duration_since(self.due_at)
    }

    pub fn late(&self) -> Duration {
        self.sent_at.saturating_duration_since(self.due_at)
    }
}
