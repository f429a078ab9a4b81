//! The relay on monoio-http: bodies with a length are collected whole, chunks leave in lots of 8 KiB.
//!
//! That is how its codec works: it is an alternative for measurements, and shows in its tests why it is not the
//! gateway's.

use http::header::{CONNECTION, HOST, HeaderValue};
use monoio::io::Splitable;
use monoio::io::sink::SinkExt;
use monoio::io::stream::Stream;
use monoio::net::{TcpListener, TcpStream};
use monoio_http::common::error::HttpError;
use monoio_http::h1::codec::ClientCodec;
use monoio_http::h1::codec::decoder::{FillPayload, RequestDecoder};
use monoio_http::h1::codec::encoder::GenericEncoder;
use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

/// Relays until accepting fails.
pub async fn run(listener: TcpListener, upstream: SocketAddr) -> io::Result<()> {
    let host = HeaderValue::from_str(&upstream.to_string()).map_err(io::Error::other)?;
    let relay = Rc::new(Relay { upstream, host, idle: RefCell::default() });
    loop {
        let (client, _) = listener.accept().await?;
        client.set_nodelay(true)?;
        let relay = relay.clone();
        monoio::spawn(async move { drop(relay.serve(client).await) });
    }
}

struct Relay {
    upstream: SocketAddr,
    host: HeaderValue,
    idle: RefCell<Vec<ClientCodec<TcpStream>>>,
}

impl Relay {
    async fn serve(&self, client: TcpStream) -> Result<(), HttpError> {
        let (reader, writer) = client.into_split();
        let (mut requests, mut answers) = (RequestDecoder::new(reader), GenericEncoder::new(writer));
        while let Some(request) = requests.next().await {
            let mut request = request?;
            requests.fill_payload().await?;
            request.headers_mut().remove(CONNECTION);
            request.headers_mut().insert(HOST, self.host.clone());
            let idle = self.idle.borrow_mut().pop();
            let mut upstream = match idle {
                Some(upstream) => upstream,
                None => self.connect().await?,
            };
            upstream.send_and_flush(request).await?;
            let Some(answer) = upstream.next().await else { break };
            let answer = answer?.map(|body| body.with_io(&mut upstream));
            answers.send_and_flush(answer).await?;
            self.idle.borrow_mut().push(upstream);
        }
        Ok(())
    }

    async fn connect(&self) -> Result<ClientCodec<TcpStream>, HttpError> {
        let stream = TcpStream::connect_addr(self.upstream).await?;
        stream.set_nodelay(true)?;
        Ok(ClientCodec::new(stream))
    }
}
