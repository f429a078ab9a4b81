//! Keys of `LiteLLM` that nothing here corresponds to, and what to know about that.

use crate::control::import::report::Report;
use crate::control::import::source::Item;

const ALERTS: &str = "nobody is alerted: watch /metrics";
const BODIES: &str =
    "bodies pass unchanged: a provider refuses what it does not know, and the client says what it wants";
const CACHE: &str = "answers are not cached";
const CALLBACKS: &str =
    "nothing is called: every request is a line of the access log and counted in /metrics";
const COOLDOWN: &str = "no target is set aside after failures";
const DATABASE: &str = "there is no database: keys, teams and budgets in it do not come along";
const ENTRA: &str = "it is not carried: write the provider's auth.entra by hand";
const GUARDRAILS: &str = "bodies are not looked at";
const HEADERS: &str = "no header can be added to what a provider gets";
const JWT: &str = "tokens are not accepted in this version: clients need keys";
const LIMITS: &str = "rates and budgets are not enforced by this version";
const NOT_NEEDED: &str = "it is not needed here: any endpoint can be asked for any model";
const OTHER_FALLBACKS: &str = "why a provider refused is not looked at";
const REDIS: &str = "several gateways share nothing in this version";
const RETRIES: &str =
    "a request that was answered is not sent again: 429 and 5xx go to the client, whose package retries";
const SEVERAL_FILES: &str = "other files are not read: import each by itself";
const TAGS: &str = "targets are not chosen by tags";
const TOOLS: &str = "tools and agents are not served";
const VERBOSE: &str = "there is no such log";

const WHY: &[(&str, &[&str])] = &[
    (ALERTS, &["alerting", "alerting_threshold", "alerting_args", "alert_types", "alert_to_webhook_url"]),
    (
        BODIES,
        &[
            "additional_drop_params",
            "allowed_openai_params",
            "default_litellm_params",
            "drop_params",
            "extra_body",
            "frequency_penalty",
            "max_completion_tokens",
            "max_tokens",
            "modify_params",
            "presence_penalty",
            "reasoning_effort",
            "response_format",
            "seed",
            "stop",
            "temperature",
            "thinking",
            "top_k",
            "top_p",
        ],
    ),
    (CACHE, &["cache", "cache_kwargs", "cache_params", "cache_responses", "caching_groups"]),
    (
        CALLBACKS,
        &[
            "callback_settings",
            "callbacks",
            "failure_callback",
            "langfuse_default_tags",
            "service_callbacks",
            "success_callback",
        ],
    ),
    (COOLDOWN, &["allowed_fails", "allowed_fails_policy", "cooldown_time", "disable_cooldowns"]),
    (
        DATABASE,
        &[
            "allow_requests_on_db_unavailable",
            "database_connection_pool_limit",
            "database_connection_timeout",
            "database_url",
            "disable_spend_logs",
            "proxy_batch_write_at",
            "store_model_in_db",
            "store_prompts_in_spend_logs",
        ],
    ),
    (
        ENTRA,
        &[
            "azure_ad_token",
            "azure_password",
            "azure_scope",
            "azure_username",
            "client_id",
            "client_secret",
            "tenant_id",
        ],
    ),
    (GUARDRAILS, &["guardrails"]),
    (HEADERS, &["extra_headers", "forward_client_headers_to_llm_api", "headers", "organization"]),
    (JWT, &["enable_jwt_auth", "enable_oauth2_auth", "litellm_jwtauth"]),
    (
        LIMITS,
        &[
            "budget_duration",
            "default_max_parallel_requests",
            "global_max_parallel_requests",
            "max_budget",
            "max_parallel_requests",
            "provider_budget_config",
            "rpm",
            "tpm",
        ],
    ),
    (NOT_NEEDED, &["base_model", "id", "mode"]),
    (OTHER_FALLBACKS, &["content_policy_fallbacks", "context_window_fallbacks"]),
    (REDIS, &["redis_db", "redis_host", "redis_password", "redis_port", "redis_startup_nodes", "redis_url"]),
    (
        RETRIES,
        &[
            "max_fallbacks",
            "max_retries",
            "model_group_retry_policy",
            "num_retries",
            "retry_after",
            "retry_policy",
        ],
    ),
    (SEVERAL_FILES, &["include"]),
    (TAGS, &["enable_tag_filtering", "tag_filtering_match_any", "tags"]),
    (TOOLS, &["assistant_settings", "mcp_aliases", "mcp_servers", "vector_store_registry"]),
    (VERBOSE, &["debug_level", "detailed_debug", "json_logs", "set_verbose"]),
];

/// Reports a key that is not carried, unless it asks for nothing.
pub fn report(key: &str, item: &Item<'_>, report: &mut Report) {
    let why = WHY.iter().find(|(_, keys)| keys.contains(&key)).map(|(why, _)| *why);
    let nothing = item.is_off() || (why == Some(RETRIES) && item.number() == Some(0.0));
    if !nothing {
        report
            .not_carried(item, why.unwrap_or("nothing here corresponds to it, as far as this version knows"));
    }
}

/// Reports every key of a section but those that somebody reads.
pub fn report_others(section: &Item<'_>, read: &[&[&str]], lines: &mut Report) {
    for (key, item) in section.entries() {
        if !read.iter().any(|keys| keys.contains(&key)) {
            report(key, &item, lines);
        }
    }
}
