//! Relays of HTTP/1.1 that do nothing else: the yardstick of what the gateway's own work costs.
//!
//! Each takes requests on one thread and sends them to one upstream, with connections that are kept on both sides,
//! whatever key or model they have. What the gateway costs above `monoio` is its work; what `monoio` costs is the
//! kernel, the runtime and a parsed head. The others show what another codec or runtime would have cost.
//!
//! ```text
//! cargo build --release -p bench-harness --example relay
//! ringgate-load mock --listen 127.0.0.1:19001 --cpu 1
//! target/release/examples/relay --engine monoio --listen 127.0.0.1:18101 --upstream 127.0.0.1:19001 --cpu 0
//! ```
//!
//! It prints itself as a target of `ringgate-load compare`.
//!
//! Invariant: a relay is for well-behaved clients and providers. It checks nothing and has neither limits nor
//! deadlines: strangers must not reach it.

mod bare;
mod collecting;
mod over_hyper;
#[cfg(test)]
mod tests;

use clap::{Parser, ValueEnum};
use loadtest::runtime::{Wanted, block_on};
use loadtest::sys;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};

/// Answers and requests of some engines lie on the heap; all have the gateway's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Engine {
    /// A codec of 150 lines on monoio.
    Monoio,
    /// The codec that goes with monoio.
    MonoioHttp,
    /// hyper on tokio.
    Hyper,
    /// hyper on monoio.
    HyperMonoio,
}

/// Relay HTTP/1.1 to one upstream, as a yardstick.
#[derive(Parser)]
struct Args {
    #[arg(long, value_enum)]
    engine: Engine,
    /// Address to listen on; port 0 chooses a free one.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "IP:PORT")]
    listen: SocketAddr,
    #[arg(long, value_name = "IP:PORT")]
    upstream: SocketAddr,
    /// Core to run on.
    #[arg(long, value_name = "CORE")]
    cpu: Option<usize>,
    /// Use epoll, even where a ring would work.
    #[arg(long)]
    epoll: bool,
}

fn main() -> io::Result<()> {
    let args = Args::parse();
    if let Some(cpu) = args.cpu {
        sys::pin_to(cpu)?;
    }
    sys::raise_descriptor_limit()?;
    let listener = TcpListener::bind(args.listen)?;
    let (name, pid) = (args.engine.to_possible_value(), std::process::id());
    let name = name.as_ref().map_or("relay", |value| value.get_name());
    writeln!(
        io::stdout(),
        "--target {name}=http://{}/v1/chat/completions,pid={pid}",
        listener.local_addr()?
    )?;
    let wanted = if args.epoll { Wanted::Epoll } else { Wanted::Best };
    args.engine.run(listener, args.upstream, wanted)
}

impl Engine {
    /// Relays until the thread ends, or accepting fails.
    fn run(self, listener: TcpListener, upstream: SocketAddr, wanted: Wanted) -> io::Result<()> {
        let of_monoio = |listener: TcpListener, driver| {
            // With a ring, the kernel waits.
            listener.set_nonblocking(driver == loadtest::runtime::Driver::Epoll)?;
            monoio::net::TcpListener::from_std(listener)
        };
        match self {
            Engine::Monoio => {
                block_on(wanted, async |driver| bare::run(of_monoio(listener, driver)?, upstream).await)?
            }
            Engine::MonoioHttp => block_on(wanted, async |driver| {
                collecting::run(of_monoio(listener, driver)?, upstream).await
            })?,
            Engine::HyperMonoio => block_on(wanted, async |driver| {
                over_hyper::on_monoio(of_monoio(listener, driver)?, upstream).await
            })?,
            Engine::Hyper => over_hyper::on_tokio(listener, upstream),
        }
    }
}
