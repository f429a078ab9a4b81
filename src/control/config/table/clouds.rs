//! The keys of a provider's `auth` block.

use super::row;
use crate::control::config::shape::Presence::{Default, Required};
use crate::control::config::shape::{Field, Kind};

pub const AUTH: &[Field] = &[
    row("aws", Kind::Section(AWS_AUTH), Default(""), "Requests are signed (AWS Signature Version 4)."),
    row("google", Kind::Section(GOOGLE_AUTH), Default(""), "Requests carry a token of Google Cloud."),
    row("entra", Kind::Section(ENTRA_AUTH), Default(""), "Requests carry a token of Microsoft Entra ID."),
];

const AWS_AUTH: &[Field] = &[
    row("region", Kind::Text, Required, "The region that is signed for, e.g. eu-west-1."),
    row("service", Kind::Text, Default("bedrock"), "The service that is signed for."),
    row(
        "source",
        Kind::Choice(&["static", "env", "profile", "container", "imds", "web_identity"]),
        Required,
        "Where the keys come from: the keys below; AWS_ACCESS_KEY_ID and the like; a profile of a shared file; the agent of ECS or EKS; the metadata service of EC2; a role for a token in a file (IRSA).",
    ),
    row("access_key_id", Kind::Secret, Default(""), "Source static: needed."),
    row("secret_access_key", Kind::Secret, Default(""), "Source static: needed."),
    row("session_token", Kind::Secret, Default(""), "Source static: of keys that end."),
    row("profile", Kind::Text, Default(""), "Source profile: its name. Default: AWS_PROFILE, else default."),
    row(
        "profile_file",
        Kind::File,
        Default(""),
        "Source profile: where it is. Default: AWS_SHARED_CREDENTIALS_FILE, else ~/.aws/credentials, and beside that AWS_CONFIG_FILE, else ~/.aws/config. A profile may have a role_arn with a source_profile or credential_source.",
    ),
    row(
        "role_arn",
        Kind::Text,
        Default(""),
        "The role for the token of source web_identity (default: AWS_ROLE_ARN). With any other source: a role that its keys are to assume (STS AssumeRole).",
    ),
    row(
        "role_session_name",
        Kind::Text,
        Default(""),
        "With role_arn. Default: ringgate (source web_identity: AWS_ROLE_SESSION_NAME before that).",
    ),
    row(
        "external_id",
        Kind::Text,
        Default(""),
        "With role_arn that is assumed: what the role's owner wants to be told.",
    ),
    row(
        "sts_url",
        Kind::Text,
        Default(""),
        "With a role that is assumed: who is asked. Default: as AWS has it.",
    ),
    row(
        "token_file",
        Kind::Text,
        Default(""),
        "Sources web_identity and container: a file that is read each time keys are asked for. Default: AWS_WEB_IDENTITY_TOKEN_FILE, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE.",
    ),
    row(
        "token_url",
        Kind::Text,
        Default(""),
        "Who is asked: of container the whole URL, of imds its scheme and host, of web_identity STS. Default: as AWS has it.",
    ),
    row("ca", Kind::File, Default(""), "PEM: who may sign its certificate, besides the public authorities."),
];

const GOOGLE_AUTH: &[Field] = &[
    row(
        "service_account",
        Kind::Secret,
        Default(""),
        "The JSON of a service account's key, file:/path as a rule. Either this or metadata.",
    ),
    row(
        "metadata",
        Kind::Flag,
        Default("false"),
        "Whether the machine's metadata server gives the tokens (Compute Engine, Kubernetes Engine, Cloud Run).",
    ),
    row("account", Kind::Text, Default("default"), "With metadata: which of the machine's accounts."),
    row(
        "scope",
        Kind::Text,
        Default("https://www.googleapis.com/auth/cloud-platform"),
        "What the token is for.",
    ),
    row(
        "token_url",
        Kind::Text,
        Default(""),
        "Who is asked; of metadata its scheme and host. Default: as the key says, else as Google has it.",
    ),
    row("ca", Kind::File, Default(""), "PEM: who may sign its certificate, besides the public authorities."),
];

const ENTRA_AUTH: &[Field] = &[
    row("tenant", Kind::Text, Default(""), "The directory's id or domain; needed without managed_identity."),
    row("client_id", Kind::Text, Default(""), "The application's, or which of the machine's identities."),
    row("client_secret", Kind::Secret, Default(""), "The application's; needed without managed_identity."),
    row(
        "managed_identity",
        Kind::Flag,
        Default("false"),
        "Whether the machine's metadata service gives the tokens.",
    ),
    row(
        "scope",
        Kind::Text,
        Default("https://cognitiveservices.azure.com/.default"),
        "What the token is for.",
    ),
    row(
        "token_url",
        Kind::Text,
        Default(""),
        "Who is asked, of managed_identity its scheme and host. Default: https://login.microsoftonline.com/TENANT/oauth2/v2.0/token.",
    ),
    row("ca", Kind::File, Default(""), "PEM: who may sign its certificate, besides the public authorities."),
];
