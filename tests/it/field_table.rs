//! What HTTP/2 clients are told in fewer bytes: the table of fields that both ends of a connection have.

use crate::harness::frames::CHAT_HEAD;
use crate::harness::{Fate, Frames, Gateway, Scripted, Setup, on_both_drivers};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Answers of a connection whose fields go into the table.
const LEARNT: usize = 4;
const ANSWERS: usize = 40;

/// How a field was told. Source: RFC 7541, 6.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    /// By a number alone: name and value are in the table.
    Known,
    /// In words, and from now on in the table.
    Learnt,
    /// In words, of which the table knows nothing afterwards.
    Once { named: bool },
}

/// The fields of a block, how they were told, and in how many bytes.
fn fields(mut block: &[u8]) -> Vec<(Told, usize)> {
    let mut fields = vec![];
    while let Some(first) = block.first() {
        let before = block.len();
        let told = match first {
            0x80.. => {
                integer(&mut block, 7);
                Told::Known
            }
            0x40.. => {
                literal(&mut block, 6);
                Told::Learnt
            }
            0x20.. => unreachable!("this client has not asked for another size of the table"),
            _ => Told::Once { named: literal(&mut block, 4) },
        };
        fields.push((told, before - block.len()));
    }
    fields
}

/// Skips a field in words; tells whether its name stood in the table.
fn literal(block: &mut &[u8], prefix: u32) -> bool {
    let named = integer(block, prefix) != 0;
    for _ in 0..2 - usize::from(named) {
        let length = integer(block, 7);
        *block = &block[length..];
    }
    named
}

fn integer(block: &mut &[u8], prefix: u32) -> usize {
    let most = (1 << prefix) - 1;
    let mut number = usize::from(block[0]) & most;
    *block = &block[1..];
    if number == most {
        for shift in (0..).step_by(7) {
            let byte = block[0];
            *block = &block[1..];
            number += usize::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
    }
    number
}

/// A provider each of whose answers has an id and a date of its own, and something that is the same in all.
fn provider() -> Scripted {
    let answers = AtomicUsize::new(0);
    Scripted::start(move |_, mut peer| {
        while peer.request().is_some() {
            let number = answers.fetch_add(1, Relaxed);
            peer.send(
                format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nopenai-version: 2020-10-01\r\n\
                     date: Mon, 30 Nov 2026 10:{:02}:00 GMT\r\nx-request-id: req_{number:032x}\r\n\
                     x-ratelimit-remaining-tokens: {}\r\ncontent-length: {}\r\n\r\n{{}}{}",
                    number % 60,
                    150_000 - number,
                    2 + number,
                    " ".repeat(number)
                )
                .as_bytes(),
            );
        }
    })
}

/// The first answers of a connection teach its client names and what is the same in all; what each one has for itself, ids,
/// times and numbers, stays out of the table afterwards, and a head takes few bytes.
#[test]
fn the_table_is_not_filled_with_what_differs() {
    on_both_drivers(|io| {
        let upstream = provider();
        let gateway = Gateway::start(&Setup::at(io, upstream.address));
        let mut client = Frames::connect(gateway.address);
        let mut blocks = vec![];
        for stream in (1..).step_by(2).take(ANSWERS) {
            client.head(stream, &CHAT_HEAD, true);
            client.body(stream, br#"{"model":"m/mock","messages":[]}"#);
            blocks.push(client.block(stream).unwrap_or_else(|fate| unreachable!("{fate:?}")));
            assert!(matches!(client.rest(stream, 200), Fate::Answered { .. }));
        }
        let told: Vec<_> = blocks.iter().map(|block| fields(block)).collect();
        assert!(told[0].iter().filter(|(told, _)| *told == Told::Learnt).count() >= 4, "{:?}", told[0]);
        for (number, told) in told.iter().enumerate().skip(LEARNT) {
            assert!(told.iter().all(|(told, _)| *told != Told::Learnt), "answer {number}: {told:?}");
            // Its status, its type, and what the provider says each time; by chance a time that was told before, too.
            assert!(told.iter().filter(|field| **field == (Told::Known, 1)).count() >= 3, "{told:?}");
            assert!(
                told.iter().all(|(told, _)| *told != Told::Once { named: false }),
                "no name is spelt out again: {told:?}"
            );
            let bytes = blocks[number].len();
            assert!(bytes <= 110 && bytes < blocks[0].len() * 3 / 5, "answer {number}: {bytes} bytes");
        }
    });
}
