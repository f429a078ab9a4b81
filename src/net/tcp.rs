//! A plain socket's two halves.

use super::gather::{Flat, Gather, Left};
use super::iobuf::{Lent, LentFrom};
use super::turn::{TURN_BYTES, Turn};
use crate::base::buf::Buf;
use monoio::buf::IoVecBuf;
use monoio::io::{AsyncReadRent, AsyncWriteRent, OwnedReadHalf, OwnedWriteHalf, Splitable};
use monoio::net::TcpStream;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

/// Messages up to this size are sent without waiting for the driver: as much as one direction moves in a turn.
const AT_ONCE_BYTES: usize = TURN_BYTES;

/// Reading half of a TCP connection.
pub struct TcpReader {
    half: OwnedReadHalf<TcpStream>,
    turn: Turn,
}

/// Writing half of a TCP connection.
pub struct TcpWriter {
    half: OwnedWriteHalf<TcpStream>,
    fd: RawFd,
    turn: Turn,
}

/// Splits a TCP connection; small writes leave at once (`TCP_NODELAY`).
pub(super) fn split(stream: TcpStream) -> (TcpReader, TcpWriter, RawFd) {
    let fd = stream.as_raw_fd();
    // Fails only for sockets that are already gone; the first read will tell.
    drop(stream.set_nodelay(true));
    let (reader, writer) = stream.into_split();
    let (ins, outs) = (Turn::default(), Turn::default());
    (TcpReader { half: reader, turn: ins }, TcpWriter { half: writer, fd, turn: outs }, fd)
}

impl TcpReader {
    pub(super) async fn read(&mut self, buf: Buf) -> (io::Result<usize>, Buf) {
        self.turn.pass().await;
        let (result, lent) = self.half.read(Lent(buf)).await;
        self.turn.note(*result.as_ref().unwrap_or(&0));
        (result, lent.0)
    }
}

impl TcpWriter {
    pub(super) async fn write(&mut self, mut gather: Gather) -> (io::Result<()>, Gather) {
        if gather.is_empty() {
            return (Ok(()), gather);
        }
        if let Some(Flat { buf, from, own }) = gather.flatten() {
            let (result, buf) = self.write_from(buf, from).await;
            gather.restore(buf, own);
            return (result, gather);
        }
        gather.rewind();
        match self.at_once(gather.len(), |fd, flags| sendmsg(fd, &gather, flags)) {
            Ok(0) => {}
            Ok(n) if gather.advance(n) == Left::None => return (Ok(()), gather),
            Ok(_) => {}
            Err(error) => return (Err(error), gather),
        }
        loop {
            self.turn.pass().await;
            let (result, back) = self.half.writev(gather).await;
            gather = back;
            self.turn.note(*result.as_ref().unwrap_or(&0));
            match result {
                Ok(0) => return (Err(io::ErrorKind::WriteZero.into()), gather),
                Ok(n) if gather.advance(n) == Left::None => return (Ok(()), gather),
                Ok(_) => {}
                Err(error) => return (Err(error), gather),
            }
        }
    }

    /// Writes what stands in a buffer from an index on.
    pub(super) async fn write_from(&mut self, mut buf: Buf, mut from: usize) -> (io::Result<()>, Buf) {
        let left = &buf[from..];
        match self.at_once(left.len(), |fd, flags| send(fd, left, flags)) {
            Ok(taken) => from += taken,
            Err(error) => return (Err(error), buf),
        }
        while from < buf.len() {
            self.turn.pass().await;
            let (result, lent) = self.half.write(LentFrom(buf, from)).await;
            buf = lent.0;
            self.turn.note(*result.as_ref().unwrap_or(&0));
            match result {
                Ok(0) => return (Err(io::ErrorKind::WriteZero.into()), buf),
                Ok(n) => from += n,
                Err(error) => return (Err(error), buf),
            }
        }
        (Ok(()), buf)
    }

    /// Hands a short message to the socket without waiting; gives the number of bytes that it took. A socket almost
    /// always has the room, and an operation of the ring, which ends in a turn of the task, costs more than the call.
    fn at_once(&self, bytes: usize, call: impl FnOnce(RawFd, i32) -> isize) -> io::Result<usize> {
        if bytes > AT_ONCE_BYTES {
            return Ok(0);
        }
        let taken = call(self.fd, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL);
        usize::try_from(taken).or_else(|_| match io::Error::last_os_error() {
            error if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Ok(0),
            error => Err(error),
        })
    }

    /// Not by a close that does not linger: before it, monoio's half says a proper end as it is dropped.
    #[expect(unsafe_code, reason = "a descriptor, lent by what owns it")]
    pub(super) fn reset(&self) {
        // SAFETY: the descriptor belongs to the half that this value holds.
        let socket = unsafe { BorrowedFd::borrow_raw(self.fd) };
        // Fails only for sockets that have ended already.
        _ = rustix::net::connect_unspec(socket);
    }

    #[expect(unsafe_code, reason = "shutdown(2)")]
    pub(super) fn finish(&mut self) {
        // SAFETY: the descriptor belongs to the half that this value holds.
        let _ = unsafe { libc::shutdown(self.fd, libc::SHUT_WR) };
    }
}

#[expect(unsafe_code, reason = "send(2)")]
fn send(fd: RawFd, bytes: &[u8], flags: i32) -> isize {
    // SAFETY: the bytes are only read.
    unsafe { libc::send(fd, bytes.as_ptr().cast(), bytes.len(), flags) }
}

#[expect(unsafe_code, reason = "sendmsg(2)")]
fn sendmsg(fd: RawFd, gather: &Gather, flags: i32) -> isize {
    // SAFETY: a message of zeros has no address and no control data. Its vectors are the gather's, which lives through the
    // call; the kernel only reads them and what they point to.
    unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_iov = gather.read_iovec_ptr().cast_mut();
        message.msg_iovlen = gather.read_iovec_len();
        libc::sendmsg(fd, &raw const message, flags)
    }
}
