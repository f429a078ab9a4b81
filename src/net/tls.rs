//! TLS over TCP: rustls without I/O, pumped here.
//!
//! Takes and gives plaintext buffers. The session is touched only between operations, never across one, so an
//! abandoned read cannot leave it half done.
//!
//! Invariant: both halves share one session on one thread, and no borrow of it lives across an `.await`.

use super::gather::Gather;
use super::tcp::{TcpReader, TcpWriter};
use crate::base::buf::Buf;
use rustls::{ClientConfig, ClientConnection, Connection, ServerConfig, ServerConnection};
use std::cell::{Cell, RefCell};
use std::io::{self, BufRead, IoSlice, Write};
use std::rc::Rc;
use std::sync::Arc;

const CIPHER_BYTES: usize = 4 * 1024;
/// A record with its overhead: where a busy connection's buffer grows to.
const CIPHER_BUSY_BYTES: usize = 18 * 1024;
/// Ciphertext that waits for the socket at most before more plaintext is taken.
const FLUSH_BYTES: usize = 64 * 1024;
/// Plaintext per call into the session: one record.
const RECORD_BYTES: usize = 16 * 1024;
/// Slices that become one record at most.
const SLICES: usize = 8;

type Session = Rc<RefCell<Connection>>;

/// What is spoken on a connection, as far as TLS knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    Unknown,
    Http1,
    Http2,
}

/// A connection whose handshake is over.
pub struct Secured {
    pub reader: TlsReader,
    pub writer: TlsWriter,
    pub protocol: Protocol,
}

/// Decrypting half.
pub struct TlsReader {
    tcp: TcpReader,
    session: Session,
    cipher: Buf,
    /// Set by every piece of ciphertext.
    stirred: Rc<Cell<bool>>,
}

/// Encrypting half.
pub struct TlsWriter {
    tcp: TcpWriter,
    session: Session,
}

/// Server side of a handshake.
///
/// # Errors
/// The peer does not speak TLS, has no acceptable certificate, or went away.
pub async fn accept(tcp: (TcpReader, TcpWriter), config: Arc<ServerConfig>) -> io::Result<Secured> {
    let session = ServerConnection::new(config).map_err(io::Error::other)?;
    handshake(tcp, session.into()).await
}

/// Client side of a handshake.
///
/// # Errors
/// The server's certificate is not acceptable, or the handshake failed otherwise.
pub async fn connect(
    tcp: (TcpReader, TcpWriter),
    config: Arc<ClientConfig>,
    name: rustls::pki_types::ServerName<'static>,
) -> io::Result<Secured> {
    let session = ClientConnection::new(config, name).map_err(io::Error::other)?;
    handshake(tcp, session.into()).await
}

async fn handshake(tcp: (TcpReader, TcpWriter), mut session: Connection) -> io::Result<Secured> {
    session.set_buffer_limit(None);
    let session = Rc::new(RefCell::new(session));
    let cipher = Buf::with_capacity(CIPHER_BYTES);
    let stirred = Rc::default();
    let mut reader = TlsReader { tcp: tcp.0, session: session.clone(), cipher, stirred };
    let mut writer = TlsWriter { tcp: tcp.1, session };
    while writer.session.borrow().is_handshaking() {
        writer.flush().await?;
        if !writer.session.borrow().is_handshaking() {
            break;
        }
        if let Err(error) = reader.feed().await {
            // The alert tells the peer what was wrong; whether it can still be sent does not matter.
            drop(writer.flush().await);
            return Err(error);
        }
    }
    writer.flush().await?;
    let protocol = match writer.session.borrow().alpn_protocol() {
        Some(b"h2") => Protocol::Http2,
        Some(b"http/1.1") => Protocol::Http1,
        _ => Protocol::Unknown,
    };
    Ok(Secured { reader, writer, protocol })
}

impl TlsReader {
    pub(super) async fn read(&mut self, mut buf: Buf) -> (io::Result<usize>, Buf) {
        loop {
            match self.plaintext(&mut buf) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return (result, buf),
            }
            if let Err(error) = self.feed().await {
                return (Err(error), buf);
            }
        }
    }

    /// A ticket or a part of a record is no plaintext.
    pub(super) fn stirred(&self) -> Rc<Cell<bool>> {
        self.stirred.clone()
    }

    /// Moves decrypted bytes that wait in the session; `WouldBlock` if there are none.
    fn plaintext(&mut self, buf: &mut Buf) -> io::Result<usize> {
        let mut session = self.session.borrow_mut();
        let mut reader = session.reader();
        let mut moved = 0;
        while buf.room() > 0 {
            let waiting = match reader.fill_buf() {
                Ok([]) => break,
                Ok(bytes) => bytes,
                Err(_) if moved > 0 => break,
                Err(error) => return Err(error),
            };
            let n = waiting.len().min(buf.room());
            buf.extend(&waiting[..n]);
            reader.consume(n);
            moved += n;
        }
        Ok(moved)
    }

    /// Gives the session ciphertext: what is left from the last read, else what the socket has.
    async fn feed(&mut self) -> io::Result<()> {
        if self.cipher.is_empty() {
            let mut cipher = std::mem::take(&mut self.cipher);
            cipher.clear();
            cipher.reserve(CIPHER_BYTES);
            let (result, cipher) = self.tcp.read(cipher).await;
            self.cipher = cipher;
            let n = result?;
            if n == self.cipher.capacity() && n < CIPHER_BUSY_BYTES {
                self.cipher.reserve(CIPHER_BUSY_BYTES);
            }
        }
        self.stirred.set(true);
        let mut session = self.session.borrow_mut();
        let taken = session.read_tls(&mut &self.cipher[..])?;
        self.cipher.consume(taken);
        session.process_new_packets().map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))?;
        if taken == 0 && session.is_handshaking() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }
}

impl TlsWriter {
    pub(super) async fn write(&mut self, gather: Gather) -> (io::Result<()>, Gather) {
        let mut written = 0;
        let mut out = Buf::default();
        loop {
            match self.encrypt_from(&gather, written, &mut out) {
                Ok(0) => return (Ok(()), gather),
                Ok(n) => written += n,
                Err(error) => return (Err(error), gather),
            }
            match self.send(out).await {
                Ok(empty) => out = empty,
                Err(error) => return (Err(error), gather),
            }
        }
    }

    /// Encrypts what stands behind the first `skip` bytes of the pieces, up to [`FLUSH_BYTES`]; tells how many
    /// bytes of plaintext that were.
    fn encrypt_from(&mut self, gather: &Gather, mut skip: usize, out: &mut Buf) -> io::Result<usize> {
        let mut record = [IoSlice::new(&[]); SLICES];
        let (mut used, mut bytes, mut total) = (0, 0, 0);
        for slice in gather.slices() {
            let skipped = skip.min(slice.len());
            skip -= skipped;
            for chunk in slice[skipped..].chunks(RECORD_BYTES) {
                if used == SLICES || bytes + chunk.len() > RECORD_BYTES {
                    self.encrypt(&record[..used], out)?;
                    (used, bytes) = (0, 0);
                    if total >= FLUSH_BYTES {
                        return Ok(total);
                    }
                }
                record[used] = IoSlice::new(chunk);
                used += 1;
                bytes += chunk.len();
                total += chunk.len();
            }
        }
        self.encrypt(&record[..used], out)?;
        Ok(total)
    }

    /// Encrypts up to one record's worth of plaintext, as one record.
    fn encrypt(&mut self, slices: &[IoSlice<'_>], out: &mut Buf) -> io::Result<()> {
        let wanted: usize = slices.iter().map(|s| s.len()).sum();
        let mut session = self.session.borrow_mut();
        let taken = session.writer().write_vectored(slices)?;
        debug_assert_eq!(taken, wanted, "the session's buffer has no limit");
        drop(session);
        self.drain(out)
    }

    /// What the session has to say by itself or has encrypted. A session that failed takes no plaintext, but has an alert.
    fn drain(&self, out: &mut Buf) -> io::Result<()> {
        let mut session = self.session.borrow_mut();
        while session.wants_write() {
            session.write_tls(out.tail())?;
        }
        Ok(())
    }

    async fn send(&mut self, out: Buf) -> io::Result<Buf> {
        let (result, mut out) = self.tcp.write_from(out, 0).await;
        out.clear();
        result.map(|()| out)
    }

    async fn flush(&mut self) -> io::Result<()> {
        let mut out = Buf::default();
        self.drain(&mut out)?;
        self.send(out).await.map(drop)
    }

    pub(super) async fn finish(&mut self) {
        self.session.borrow_mut().send_close_notify();
        drop(self.flush().await);
        self.tcp.finish();
    }

    pub(super) fn reset(&self) {
        self.tcp.reset();
    }
}
