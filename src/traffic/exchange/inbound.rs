//! An answer's body as it comes in: where it ends, and how it may end too early.

use crate::base::buf::Buf;
use crate::base::fault::{Fault, FaultKind};
use crate::http::chunked::Decoder;
use crate::http::gzip::{Gunzip, NotGzip};
use crate::http::response::ResponseFraming;
use crate::net::deadline::Waiting;
use crate::traffic::upstream::pool::Conn;

/// The body of an answer, as it is framed on the upstream's connection.
pub struct Inbound {
    framing: Framing,
    /// All that belongs to it has arrived.
    arrived: bool,
    gunzip: Option<Box<Gunzip>>,
    /// The connection has bytes behind the body.
    pub surplus: bool,
}

/// What becomes of the fields behind a body.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Trailer {
    Kept,
    Dropped,
}

enum Framing {
    Length(u64),
    Chunked(Decoder),
    UntilClose,
}

impl Inbound {
    /// `gunzip`: the body is compressed, and is to be given as what it stands for.
    pub fn new(framing: ResponseFraming, gunzip: bool, trailer: Trailer) -> Self {
        let framing = match framing {
            ResponseFraming::None => Framing::Length(0),
            ResponseFraming::Length(n) => Framing::Length(n),
            ResponseFraming::Chunked => Framing::Chunked(match trailer {
                Trailer::Kept => Decoder::keeping_trailer(),
                Trailer::Dropped => Decoder::default(),
            }),
            ResponseFraming::UntilClose => Framing::UntilClose,
        };
        Self { framing, arrived: false, gunzip: gunzip.then(Gunzip::empty), surplus: false }
    }

    /// Decodes what stands in `buf` behind `decoded`, in place; tells whether the body is complete.
    ///
    /// # Errors
    /// The body is malformed. What was good before the mistake is left in `buf`.
    pub fn decode(&mut self, buf: &mut Buf, decoded: usize) -> Result<bool, Fault> {
        if !self.arrived {
            self.arrived = self.unframe(buf, decoded)?;
        }
        let Some(gunzip) = &mut self.gunzip else { return Ok(self.arrived) };
        gunzip.push(&buf[decoded..]);
        buf.truncate(decoded);
        gunzip.pull(buf.tail()).map_err(|NotGzip| FaultKind::UpstreamMalformed)?;
        if !self.arrived || gunzip.has_more() {
            return Ok(false);
        }
        gunzip.finish(buf.tail()).map_err(|NotGzip| FaultKind::UpstreamTruncated)?;
        Ok(true)
    }

    /// The fields behind it, if they are kept and it is complete.
    pub fn trailer(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.chunks().into_iter().flat_map(Decoder::trailer)
    }

    /// Whether fields behind it are kept.
    pub fn keeps_trailer(&self) -> bool {
        self.chunks().is_some_and(Decoder::keeps_trailer)
    }

    fn chunks(&self) -> Option<&Decoder> {
        match &self.framing {
            Framing::Chunked(decoder) => Some(decoder),
            Framing::Length(_) | Framing::UntilClose => None,
        }
    }

    /// Bytes of it that are still to come, if that is known.
    pub fn left(&self) -> Option<u64> {
        match (&self.framing, &self.gunzip) {
            (Framing::Length(left), None) => Some(*left),
            _ => None,
        }
    }

    /// Whether there is more of it before anything is read from the connection.
    pub fn has_more(&self) -> bool {
        self.gunzip.as_ref().is_some_and(|gunzip| gunzip.has_more())
    }

    /// Takes the end of the connection for the end of the body, if it may be; gives what there is still.
    ///
    /// # Errors
    /// What was compressed is not whole.
    pub fn end(&mut self, buf: &mut Buf) -> Result<bool, Fault> {
        if !self.ends_with_connection() {
            return Ok(false);
        }
        if let Some(gunzip) = &mut self.gunzip {
            gunzip.finish(buf.tail()).map_err(|NotGzip| FaultKind::UpstreamTruncated)?;
        }
        Ok(true)
    }

    fn unframe(&mut self, buf: &mut Buf, decoded: usize) -> Result<bool, Fault> {
        let fresh = buf.len() - decoded;
        let (data, consumed, finished) = match &mut self.framing {
            Framing::Length(left) => {
                let n = (fresh as u64).min(*left);
                *left -= n;
                (n as usize, n as usize, *left == 0)
            }
            Framing::Chunked(decoder) => {
                let Ok(step) = decoder.decode(&mut buf[decoded..]) else {
                    buf.truncate(decoded + decoder.salvaged());
                    return Err(FaultKind::UpstreamMalformed.into());
                };
                (step.data, step.consumed, step.finished)
            }
            Framing::UntilClose => (fresh, fresh, false),
        };
        self.surplus = consumed < fresh;
        buf.truncate(decoded + data);
        Ok(finished)
    }

    /// Whether the end of the connection is the end of the body.
    pub fn ends_with_connection(&self) -> bool {
        matches!(self.framing, Framing::UntilClose)
    }
}

/// Why an answer ended early.
pub fn cut_off(conn: &Conn) -> Fault {
    match conn.deadline.fired() {
        Some(Waiting::Total) => FaultKind::UpstreamTotal.into(),
        Some(Waiting::Stop) => FaultKind::ShuttingDown.into(),
        Some(_) => FaultKind::UpstreamIdle.into(),
        None => FaultKind::UpstreamTruncated.into(),
    }
}
