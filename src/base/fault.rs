//! What can go wrong with an exchange, as one table: who is to blame, what the client is told, whether to retry.
//!
//! Takes nothing; gives `FaultKind` (a row) and `Fault` (a row and its evidence).
//!
//! Invariant: nothing else in the crate names a status of 400 or more; `dialect::refusal` renders these rows.

/// Who has to change something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Blame {
    Client,
    Upstream,
    Gateway,
}

impl Blame {
    /// As written into error bodies and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Blame::Client => "client",
            Blame::Upstream => "upstream",
            Blame::Gateway => "gateway",
        }
    }
}

/// One row of the table.
pub struct FaultRow {
    /// `error.code` in the answer and the `fault` label in metrics. A contract: never renamed.
    pub code: &'static str,
    pub status: u16,
    /// `error.type` in `OpenAI`'s shape.
    pub openai_type: &'static str,
    pub blame: Blame,
    /// What the client reads when there is no better detail.
    pub message: &'static str,
}

macro_rules! faults {
    ($($kind:ident $status:literal $code:literal $type:literal $blame:ident $message:literal;)*) => {
        /// Every way in which an exchange fails. Each has its own code, status and counter.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
        #[repr(u8)]
        pub enum FaultKind { $($kind),* }

        impl FaultKind {
            /// All kinds, in the order of their numbers.
            pub const ALL: &'static [FaultKind] = &[$(FaultKind::$kind),*];

            /// The kind's row.
            pub const fn row(self) -> &'static FaultRow {
                match self {
                    $(FaultKind::$kind => &FaultRow {
                        code: $code, status: $status, openai_type: $type, blame: Blame::$blame, message: $message,
                    }),*
                }
            }
        }
    };
}

faults! {
    // the client's head
    MalformedHead       400 "malformed_request"       "invalid_request_error" Client "The request is not valid HTTP.";
    HeadTooLarge        431 "head_too_large"          "invalid_request_error" Client "The request's headers are too large.";
    TargetTooLong       414 "uri_too_long"            "invalid_request_error" Client "The request's URL is too long.";
    VersionUnsupported  505 "http_version"            "invalid_request_error" Client "Only HTTP/1.0, HTTP/1.1 and HTTP/2 are spoken here.";
    ExpectationFailed   417 "expectation_failed"      "invalid_request_error" Client "Only `Expect: 100-continue` is understood.";
    UnknownPath         404 "unknown_url"             "invalid_request_error" Client "There is nothing at this URL.";
    MethodNotAllowed    405 "method_not_allowed"      "invalid_request_error" Client "This URL does not take this method.";
    // who is calling
    MissingKey          401 "missing_api_key"         "authentication_error"  Client "No API key was given. Send it as `Authorization: Bearer KEY`.";
    InvalidKey          401 "invalid_api_key"         "authentication_error"  Client "This API key is not known here.";
    ExpiredKey          401 "expired_api_key"         "authentication_error"  Client "This API key has expired.";
    ModelNotGranted     403 "model_not_granted"       "permission_error"      Client "This API key's group may not use the model.";
    // the client's body
    UnsupportedMedia    415 "unsupported_media_type"  "invalid_request_error" Client "The Content-Type does not fit this URL.";
    BodyTooLarge        413 "body_too_large"          "invalid_request_error" Client "The request's body is larger than this gateway takes.";
    MalformedChunk      400 "malformed_body"          "invalid_request_error" Client "The request's chunked body is not valid HTTP.";
    InvalidJson         400 "invalid_json"            "invalid_request_error" Client "The request's body is not valid JSON.";
    InvalidMultipart    400 "invalid_multipart"       "invalid_request_error" Client "The request's body is not a valid multipart form.";
    MissingModel        400 "missing_model"           "invalid_request_error" Client "The request names no model: add a string field `model`.";
    InvalidModel        400 "invalid_model"           "invalid_request_error" Client "The field `model` must be a string of 1 to 256 bytes without control characters.";
    DuplicateField      400 "duplicate_field"         "invalid_request_error" Client "A field that decides about the request occurs twice.";
    InvalidField        400 "invalid_field"           "invalid_request_error" Client "A field that decides about the request has the wrong type.";
    InvalidRequest      400 "invalid_request"         "invalid_request_error" Client "The request's body does not have the form of this API.";
    Untranslatable      400 "untranslatable"          "invalid_request_error" Client "The model's provider cannot be asked for this.";
    ModelNotFound       404 "model_not_found"         "invalid_request_error" Client "The model does not exist in this gateway's catalog.";
    MediaUnfetched      400 "media_unfetched"         "invalid_request_error" Client "An image or a document cannot be fetched from its URL.";
    FormatUnspoken      400 "format_not_spoken"       "invalid_request_error" Client "No provider of this model speaks the format of this URL.";
    HeadTimeout         408 "head_timeout"            "timeout_error"         Client "The request's headers did not arrive in time.";
    BodyTimeout         408 "body_timeout"            "timeout_error"         Client "The request's body did not arrive in time.";
    ClientGone          499 "client_gone"             "client_closed_request" Client "The client closed the connection.";
    ClientStalled       408 "client_stalled"          "timeout_error"         Client "The client stopped reading its answer.";
    TooManyConnections  429 "too_many_connections"    "rate_limit_error"      Client "Too many connections are open from this address. Close some, or use the open ones again.";
    // the provider
    UpstreamDns         502 "upstream_dns"            "upstream_error"        Upstream "The provider's host name could not be resolved.";
    UpstreamConnect     502 "upstream_connect"        "upstream_error"        Upstream "The provider could not be reached.";
    UpstreamConnectTime 504 "upstream_connect_timeout" "upstream_error"       Upstream "The provider did not accept a connection in time.";
    UpstreamTls         502 "upstream_tls"            "upstream_error"        Upstream "No secure connection to the provider could be made.";
    UpstreamFirstByte   504 "upstream_first_byte_timeout" "upstream_error"    Upstream "The provider did not begin to answer in time.";
    UpstreamIdle        504 "upstream_idle_timeout"   "upstream_error"        Upstream "The provider stopped in the middle of its answer.";
    UpstreamTotal       504 "upstream_total_timeout"  "upstream_error"        Upstream "The provider did not finish its answer in time.";
    UpstreamReset       502 "upstream_reset"          "upstream_error"        Upstream "The provider closed the connection before it answered.";
    UpstreamTruncated   502 "upstream_truncated"      "upstream_error"        Upstream "The provider's answer ended before it was complete.";
    UpstreamMalformed   502 "upstream_malformed"      "upstream_error"        Upstream "The provider's answer is not valid HTTP.";
    UpstreamUnreadable  502 "upstream_unreadable"     "upstream_error"        Upstream "The provider's answer does not have the form of its API.";
    UpstreamStreamError 502 "upstream_stream_error"   "upstream_error"        Upstream "The provider reported an error inside its stream.";
    UpstreamAccount     502 "upstream_account"        "upstream_error"        Upstream "The provider refused this gateway's own credentials. Tell the gateway's operator.";
    CredentialMissing   502 "credential_missing"      "upstream_error"        Gateway "The gateway has no valid credentials for the provider at the moment. Tell the gateway's operator.";
    // the gateway
    Overloaded          503 "overloaded"              "server_error"          Gateway "The gateway is overloaded. Try again shortly.";
    RecordBacklog       503 "record_backlog"          "server_error"          Gateway "The gateway cannot record requests fast enough. Try again shortly.";
    ShuttingDown        503 "shutting_down"           "server_error"          Gateway "The gateway is shutting down. Try again shortly.";
    Internal            500 "internal_error"          "server_error"          Gateway "The gateway failed. Its operator finds the reason under the request id.";
}

impl FaultKind {
    /// The kind of this number, as `kind as u8` gave it.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(number as usize).copied()
    }
}

/// A failure and its evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub kind: FaultKind,
    /// Out of the way: every step of an exchange gives a fault or what it is for.
    told: Option<Box<Told>>,
}

/// What the client may read. Never holds a secret or a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Told {
    /// In place of the row's message.
    message: Box<str>,
    /// The place in the request, from the body's root on, that has to be another.
    param: Option<Box<str>>,
}

impl Fault {
    pub fn new(kind: FaultKind) -> Self {
        Self { kind, told: None }
    }

    /// A fault whose message tells more than the row does.
    pub fn told(kind: FaultKind, message: impl Into<Box<str>>) -> Self {
        Self { kind, told: Some(Box::new(Told { message: message.into(), param: None })) }
    }

    /// The same, and which member of the request it is about.
    #[must_use]
    #[cold]
    pub fn about(mut self, param: impl Into<Box<str>>) -> Self {
        let row = self.kind.row();
        let told =
            self.told.get_or_insert_with(|| Box::new(Told { message: row.message.into(), param: None }));
        told.param = Some(param.into());
        self
    }

    pub fn message(&self) -> &str {
        self.told.as_ref().map_or(self.kind.row().message, |told| &told.message)
    }

    /// The member of the request that this fault is about, where it knows that better than its kind does.
    pub fn param(&self) -> Option<&str> {
        self.told.as_ref()?.param.as_deref()
    }
}

impl From<FaultKind> for Fault {
    fn from(kind: FaultKind) -> Self {
        Self::new(kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Codes are unique, statuses are errors, and numbers lead back to their kinds.
    #[test]
    fn the_table_is_sound() {
        let mut codes: Vec<_> = FaultKind::ALL.iter().map(|k| k.row().code).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), FaultKind::ALL.len());
        for (i, kind) in FaultKind::ALL.iter().enumerate() {
            assert!((400..600).contains(&kind.row().status));
            assert_eq!(FaultKind::from_number(i as u8), Some(*kind));
        }
    }

    /// Whoever looks a code up in the README finds it, with its status.
    #[test]
    fn every_code_is_told() {
        let readme = include_str!("../../README.md");
        for row in FaultKind::ALL.iter().map(|kind| kind.row()) {
            let told = format!("`{}` {}", row.code, row.status);
            assert!(readme.contains(&told), "{told}");
        }
    }
}
