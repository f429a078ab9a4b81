//! One request at a time, over either version of HTTP.

use super::connection::Connection;
use super::h2::Stream;
use super::prepared::Wire;
use super::trace::{Behaviour, Trace};
use crate::load::check::Failure;
use crate::load::measure::Ended;

pub enum Lane {
    One(Connection),
    Two(Stream),
}

impl Lane {
    pub async fn open(&mut self) -> Result<(), Failure> {
        match self {
            Self::One(connection) => connection.open().await,
            Self::Two(stream) => stream.open().await,
        }
    }

    /// Opens the connection again if the server has ended it while it was idle.
    pub async fn refresh(&mut self) -> Result<(), Failure> {
        match self {
            Self::One(connection) => connection.refresh().await,
            Self::Two(stream) => stream.refresh().await,
        }
    }

    pub fn close(&mut self) {
        match self {
            Self::One(connection) => connection.close(),
            Self::Two(stream) => stream.close(),
        }
    }

    /// Sends a request and reads its answer, up to the end or as far as this client wants it.
    pub async fn exchange(
        &mut self,
        wire: &Wire,
        behaviour: &Behaviour,
        trace: &mut Trace<'_>,
    ) -> Result<Ended, Failure> {
        match (self, wire) {
            (Self::One(connection), Wire::One(request)) => {
                connection.exchange(request, behaviour, trace).await
            }
            (Self::Two(stream), Wire::Two(request)) => stream.exchange(request, behaviour, trace).await,
            // Both were made for the same version.
            (Self::One(_), Wire::Two(_)) | (Self::Two(_), Wire::One(_)) => Err(Failure::NotHttp),
        }
    }

    /// What the server, the kernel or TLS said of the last failure.
    pub fn complaint(&self) -> &str {
        match self {
            Self::One(connection) => &connection.complaint,
            Self::Two(stream) => &stream.complaint,
        }
    }
}
