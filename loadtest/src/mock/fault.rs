//! The ways in which the mock can misbehave, and how they are written.

use std::fmt;

/// One way to misbehave. `After` counts content chunks of a stream; an answer that is no stream breaks off halfway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// `status:429`: this status, with an error body in the shape of the endpoint and `retry-after: 1`.
    Status(u16),
    /// `reset`: a TCP reset in place of an answer.
    Reset,
    /// `reset_after:3`: a TCP reset after so many chunks.
    ResetAfter(u32),
    /// `close_after:3`: the end of the connection after so many chunks, without an end of the body.
    CloseAfter(u32),
    /// `stall`: never a byte.
    Stall,
    /// `stall_after:3`: so many chunks, then never another byte.
    StallAfter(u32),
    /// `truncate`: a content-length larger than what is sent before the connection ends.
    Truncate,
    /// `bad_chunk`: a chunk size in the middle that is no number.
    BadChunk,
    /// `cut_chunk`: a chunk in the middle that is shorter than it says, and the end of the connection.
    CutChunk,
    /// `garbage`: bytes that are not HTTP.
    Garbage,
    /// `error_event_after:3`: an error object inside the stream after so many chunks, and nothing more.
    ErrorEventAfter(u32),
    /// `slow_head`: the response head byte by byte, the stream's gap (or a millisecond) between two.
    SlowHead,
    /// `no_done`: a stream that ends well as HTTP, without its end marker.
    NoDone,
    /// `until_close`: a body that ends with the connection.
    UntilClose,
    /// `huge_event:1000000`: one event (or answer text) of at least so many bytes.
    HugeEvent(u32),
    /// `echo_key`: 401 with the credential that was received in the message, as some providers do.
    EchoKey,
    /// `echo_headers`: a JSON description of the request as it was received.
    EchoHeaders,
    /// `echo_body`: the bytes of the request body.
    EchoBody,
    /// `redirect`: 307 to another host.
    Redirect,
    /// `interim`: 100 and 103 before the answer.
    Interim,
    /// `early`: 413 before the body has been read, if it is longer than what came with its head.
    Early,
    /// `one_shot`: a good answer, after which the connection ends unannounced.
    OneShot,
    /// `surplus`: bytes after the end of a good answer.
    Surplus,
}

/// How a fault is written: name, what follows it, and what it becomes.
enum Form {
    Bare(Fault),
    Counted(fn(u32) -> Fault),
    Code,
}

impl Form {
    fn example(&self, name: &str) -> String {
        match self {
            Form::Bare(_) => name.to_owned(),
            Form::Counted(_) => format!("{name}:3"),
            Form::Code => format!("{name}:429"),
        }
    }
}

/// Every fault, once, and in a few words what it does.
const FORMS: &[(&str, Form, &str)] = &[
    ("status", Form::Code, "this status, with an error body and retry-after"),
    ("reset", Form::Bare(Fault::Reset), "a TCP reset in place of an answer"),
    ("reset_after", Form::Counted(Fault::ResetAfter), "a TCP reset after so many chunks"),
    (
        "close_after",
        Form::Counted(Fault::CloseAfter),
        "the connection's end after so many chunks, without the body's",
    ),
    ("stall", Form::Bare(Fault::Stall), "never a byte"),
    ("stall_after", Form::Counted(Fault::StallAfter), "so many chunks, then never another byte"),
    ("truncate", Form::Bare(Fault::Truncate), "less of a body than content-length says"),
    ("bad_chunk", Form::Bare(Fault::BadChunk), "a chunk size in the middle that is no number"),
    ("cut_chunk", Form::Bare(Fault::CutChunk), "a chunk that is shorter than it says, and the end"),
    ("garbage", Form::Bare(Fault::Garbage), "bytes that are not HTTP"),
    (
        "error_event_after",
        Form::Counted(Fault::ErrorEventAfter),
        "an error inside the stream after so many chunks",
    ),
    ("slow_head", Form::Bare(Fault::SlowHead), "the head byte by byte"),
    ("no_done", Form::Bare(Fault::NoDone), "a stream without its end marker"),
    ("until_close", Form::Bare(Fault::UntilClose), "a body that ends with the connection"),
    ("huge_event", Form::Counted(Fault::HugeEvent), "one event, or answer text, of at least so many bytes"),
    ("echo_key", Form::Bare(Fault::EchoKey), "401 with the received credential in the message"),
    ("echo_headers", Form::Bare(Fault::EchoHeaders), "a JSON description of the request's head"),
    ("echo_body", Form::Bare(Fault::EchoBody), "the bytes of the request's body"),
    ("redirect", Form::Bare(Fault::Redirect), "307 to another host"),
    ("interim", Form::Bare(Fault::Interim), "100 and 103 before the answer"),
    ("early", Form::Bare(Fault::Early), "413 before the body was read"),
    ("one_shot", Form::Bare(Fault::OneShot), "a good answer, then the connection ends unannounced"),
    ("surplus", Form::Bare(Fault::Surplus), "bytes after the end of a good answer"),
];

impl Fault {
    /// Whether `name` is a fault's name, so that `reset_after=3` may be written for `fault=reset_after:3`.
    pub fn is_name(name: &str) -> bool {
        FORMS.iter().any(|(known, ..)| *known == name)
    }

    /// Every fault as it is written, with an example of what follows it.
    pub fn forms() -> Vec<String> {
        FORMS.iter().map(|(name, form, _)| form.example(name)).collect()
    }

    /// The same with what it does, a line each.
    pub fn help() -> String {
        FORMS.iter().map(|(name, form, does)| format!("\n  {:<20}  {does}", form.example(name))).collect()
    }

    /// Reads a fault's name and what was written after it.
    ///
    /// # Errors
    /// A message for whoever wrote it.
    pub fn read(name: &str, argument: &str) -> Result<Self, String> {
        let Some((_, form, _)) = FORMS.iter().find(|(known, ..)| *known == name) else {
            return Err(format!("unknown fault \"{name}\"; known are {}", Self::forms().join(", ")));
        };
        let number =
            || argument.parse::<u32>().map_err(|_| format!("fault \"{name}\" needs a number, as {name}:3"));
        match form {
            Form::Bare(fault) if argument.is_empty() => Ok(*fault),
            Form::Bare(_) => Err(format!("fault \"{name}\" takes nothing after it")),
            Form::Counted(make) => number().map(make),
            Form::Code => match number()? {
                code @ 200..=999 => Ok(Fault::Status(code as u16)),
                code => Err(format!("{code} is no final HTTP status")),
            },
        }
    }
}

impl std::str::FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, argument) = text.split_once([':', '=']).unwrap_or((text, ""));
        Self::read(name, argument)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = FORMS.iter().find_map(|(name, form, _)| match (form, self) {
            (Form::Bare(fault), fault_here) if fault == fault_here => Some(*name),
            (Form::Counted(make), fault) if fault.count().is_some_and(|count| make(count) == *fault) => {
                Some(*name)
            }
            (Form::Code, Fault::Status(_)) => Some(*name),
            _ => None,
        });
        out.write_str(name.unwrap_or_default())?;
        self.count().map_or(Ok(()), |count| write!(out, ":{count}"))
    }
}

impl Fault {
    fn count(self) -> Option<u32> {
        match self {
            Fault::Status(code) => Some(u32::from(code)),
            Fault::ResetAfter(count)
            | Fault::CloseAfter(count)
            | Fault::StallAfter(count)
            | Fault::ErrorEventAfter(count)
            | Fault::HugeEvent(count) => Some(count),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every fault is read back as it is written.
    #[test]
    fn reads_what_it_writes() {
        for (name, form, _) in FORMS {
            let text = if matches!(form, Form::Bare(_)) { (*name).to_owned() } else { format!("{name}:429") };
            let fault: Fault = text.parse().expect("known");
            assert_eq!(fault.to_string(), text);
            assert_eq!(text.replace(':', "=").parse(), Ok(fault));
        }
    }

    /// A fault that is not one is refused with a message that helps.
    #[test]
    fn refuses_what_is_no_fault() {
        assert!("stale".parse::<Fault>().is_err_and(|message| message.contains("stall")));
        assert!("stall:3".parse::<Fault>().is_err());
        assert!("reset_after".parse::<Fault>().is_err_and(|message| message.contains("reset_after:3")));
        assert!("status:99".parse::<Fault>().is_err());
        assert!("status:100".parse::<Fault>().is_err());
    }
}
