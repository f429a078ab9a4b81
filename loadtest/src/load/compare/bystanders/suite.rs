//! Rounds without and with bulk.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail, ensure};

use super::BystandersArgs;
use super::bulk::{self, Pace, SHAPES, Shape, To};
use super::report::{Bystanders, NOTHING, Seen};
use crate::load::compare::budget::say;
use crate::load::compare::launch::Stage;
use crate::load::compare::peer::{Peer, part_of};
use crate::load::engine::is_interrupted;
use crate::sys;

/// Requests before anything is measured.
const WARM_UP: Duration = Duration::from_millis(500);
/// How long bulk may take to pass once.
const PASSES: Duration = Duration::from_mins(1);

const CONFIGURATION: &str = r#"
listen: ["127.0.0.1:{port}"]
shards: 1
access_log: {path: none}
limits: {body_bytes: 300000000}
providers:
  plain: {format: openai, base_url: "http://{provider}/v1", api_key: sk-provider-key-0123456789}
  other: {format: anthropic, base_url: "http://{provider}", api_key: sk-provider-key-0123456789}
models:
  plain: {targets: [{provider: plain, model: real}]}
  other: {targets: [{provider: other, model: real}]}
groups:
  everyone: {models: ["*"]}
keys:
  - {id: load, group: everyone, secret: ringgate-load-key-0123456789}
"#;

/// Measures what each shape costs bystanders.
///
/// # Errors
/// When the gateway cannot be started, or an answer is wrong.
pub fn measure_bystanders(args: &BystandersArgs) -> anyhow::Result<Bystanders> {
    ensure!(args.cpu != args.peer_cpu, "the gateway needs a core of its own (--peer-cpu, --cpu)");
    let shapes = chosen(&args.shapes)?;
    let provider = bulk::provider(args.cpu, Pace(args.pace)).context("the provider cannot be started")?;
    let stage = Stage::new(provider, args.peer_cpu)?;
    let peer = gateway(args);
    let running = stage.start(&peer, &part_of(&peer, &peer.model, false)).context("the gateway")?;
    let address = SocketAddr::from(([127, 0, 0, 1], running.ports.plain));
    let first = apart(args.cpu, || sys::go_first().is_ok())?;
    apart(args.cpu, || watch(address, args.rate, || WARM_UP))??;
    let mut report = Bystanders::new(args, first, shapes.iter().map(|shape| shape.name));
    for round in 1..=args.rounds {
        let mut seen = vec![];
        for shape in std::iter::once(None).chain(shapes.iter().copied().map(Some)) {
            let name = shape.map_or(NOTHING, |shape| shape.name);
            say(&format!("round {round} of {}: {name}", args.rounds));
            let without = apart(args.cpu, || watch(address, args.rate, || args.slice))??;
            let with = match shape {
                None => apart(args.cpu, || watch(address, args.rate, || args.slice))??,
                Some(shape) => beside(shape, To::Gateway(address), args)?,
            };
            seen.push((without, with));
            ensure!(!is_interrupted(), "interrupted");
        }
        report.add(seen);
    }
    for (place, shape) in shapes.into_iter().enumerate() {
        say(&format!("without the gateway: {}", shape.name));
        report.lines[place + 1].direct = Some(Seen::of(&beside(shape, To::Provider(provider), args)?));
    }
    Ok(report)
}

fn chosen(names: &[String]) -> anyhow::Result<Vec<&'static Shape>> {
    for name in names {
        if !SHAPES.iter().any(|shape| shape.name == name) {
            let known: Vec<&str> = SHAPES.iter().map(|shape| shape.name).collect();
            bail!("there is no shape {name}; there are {}", known.join(", "));
        }
    }
    Ok(SHAPES
        .iter()
        .filter(|shape| names.is_empty() || names.iter().any(|name| name == shape.name))
        .collect())
}

fn gateway(args: &BystandersArgs) -> Peer {
    let words = [args.gateway.as_str(), "serve", "--config", "{dir}/gateway.yaml"];
    let text = format!("io: {}\n{CONFIGURATION}", args.io);
    Peer {
        name: "gateway".to_owned(),
        command: words.map(str::to_owned).to_vec(),
        files: [("gateway.yaml".to_owned(), text)].into(),
        key: Some("ringgate-load-key-0123456789".to_owned()),
        model: "plain".to_owned(),
        ..Peer::plain()
    }
}

/// Runs something on a core, and gives what it gives.
fn apart<T: Send>(cpu: usize, run: impl FnOnce() -> T + Send) -> anyhow::Result<T> {
    std::thread::scope(|scope| {
        let running = scope.spawn(move || sys::pin_to(cpu).map(|()| run()));
        Ok(running.join().map_err(|_| anyhow!("a thread failed"))??)
    })
}

/// What bystanders wait while bulk passes again and again, once at least: what is done with it comes at its end.
fn beside(shape: &Shape, to: To, args: &BystandersArgs) -> anyhow::Result<Vec<Duration>> {
    let (over, passed) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let moving = scope.spawn(|| -> anyhow::Result<()> {
            sys::pin_to(args.cpu)?;
            sys::go_last()?;
            while !over.load(Ordering::Relaxed) {
                let moved = bulk::pass(shape, to, Pace(args.pace)).context("bulk");
                passed.store(true, Ordering::Relaxed);
                moved?;
            }
            Ok(())
        });
        let until = || if passed.load(Ordering::Relaxed) { args.slice } else { args.slice.max(PASSES) };
        let waits = apart(args.cpu, || watch(to.address(), args.rate, until));
        over.store(true, Ordering::Relaxed);
        moving.join().map_err(|_| anyhow!("a thread failed"))??;
        waits?
    })
}

/// Asks at a steady rate. What is late counts from when it was due; gives how late each answer was.
fn watch(gateway: SocketAddr, rate: f64, slice: impl Fn() -> Duration) -> anyhow::Result<Vec<Duration>> {
    // Where it is not allowed, the scheduler's fairness has to do.
    drop(sys::go_first());
    let mut connection = TcpStream::connect(gateway)?;
    connection.set_nodelay(true)?;
    connection.set_read_timeout(Some(Duration::from_secs(30)))?;
    let (request, mut answer, mut took) = (bulk::small(), vec![0; 64 * 1024], vec![]);
    let begun = Instant::now();
    loop {
        let due = Duration::from_secs_f64(took.len() as f64 / rate);
        if due >= slice() || is_interrupted() {
            break;
        }
        std::thread::sleep(due.saturating_sub(begun.elapsed()));
        connection.write_all(request.as_bytes())?;
        let mut read = 0;
        while !answer[..read].ends_with(b"}}") {
            match connection.read(&mut answer[read..])? {
                0 => bail!("the gateway ended a bystander's connection"),
                n => read += n,
            }
        }
        ensure!(
            answer.starts_with(b"HTTP/1.1 200"),
            "a bystander was answered {}",
            String::from_utf8_lossy(&answer[..read])
        );
        took.push(begun.elapsed().saturating_sub(due));
    }
    Ok(took)
}
