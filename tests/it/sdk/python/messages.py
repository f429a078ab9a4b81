"""Anthropic's package: messages, streams, counted tokens, the catalog, and its typed failures."""

import json

import anthropic

from check import BASE_URL, KEY, NARROW_KEY, TIMEOUT_S, check, is_request_id, raises, trust

HELLO = [{"role": "user", "content": "Hello!"}]


def _options(options):
    return {
        "base_url": BASE_URL.removesuffix("/v1"),
        "api_key": KEY,
        "max_retries": 0,
        "timeout": TIMEOUT_S,
    } | options


def client(**options):
    http = anthropic.DefaultHttpxClient(verify=trust(), trust_env=False)
    return anthropic.Anthropic(http_client=http, **_options(options))


def async_client(**options):
    http = anthropic.DefaultAsyncHttpxClient(verify=trust(), trust_env=False)
    return anthropic.AsyncAnthropic(http_client=http, **_options(options))


def create(one, model, **options):
    return lambda: one.messages.create(**{"model": model, "max_tokens": 64, "messages": HELLO} | options)


@check
def message():
    """messages: an answer with its text, usage and request id"""
    answer = create(client(), "claude")()
    assert answer.type == "message" and answer.content[0].text and answer.stop_reason == "end_turn"
    assert answer.usage.output_tokens == 8 and answer.usage.input_tokens > 0
    assert is_request_id(answer._request_id), answer._request_id


@check
def everything_of_a_message_passes():
    """messages: tools, thinking, system blocks and members that nobody knows reach the provider"""
    tools = [{"name": "näme", "input_schema": {"type": "object", "properties": {}}}]
    system = [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]
    raw = client().messages.with_raw_response.create(
        model="claude/other?fault=echo_body",
        max_tokens=2048,
        messages=HELLO,
        system=system,
        tools=tools,
        thinking={"type": "adaptive"},
        extra_body={"vendor": {"model": "inner", "big": 12345678901234567890}},
    )
    body = json.loads(raw.text())
    assert body["model"] == "other?fault=echo_body" and body["max_tokens"] == 2048
    assert body["tools"] == tools and body["system"] == system and body["messages"] == HELLO
    assert body["vendor"] == {"model": "inner", "big": 12345678901234567890}


@check
def only_the_providers_key_passes():
    """messages: the provider sees its own key, and the version and betas that the package names"""
    for keys in ({"api_key": KEY}, {"api_key": None, "auth_token": KEY}):
        raw = client(**keys).messages.with_raw_response.create(
            model="claude/m?fault=echo_headers",
            max_tokens=64,
            messages=HELLO,
            extra_headers={"anthropic-beta": "context-1m-2025-08-07"},
        )
        seen = json.loads(raw.text())
        received = dict(seen["headers"])
        assert seen["request_line"] == "POST /v1/messages HTTP/1.1"
        assert "canary-client" not in raw.text() and "authorization" not in received
        assert received["x-api-key"].startswith("canary-upstream")
        assert received["anthropic-version"][:2] == "20"
        assert received["anthropic-beta"] == "context-1m-2025-08-07" and "x-stainless-lang" not in received


@check
def message_stream():
    """messages stream: every event once and in order, the text that of the whole answer"""
    events = list(create(client(), "claude", stream=True)())
    assert [events[0].type, events[-1].type] == ["message_start", "message_stop"]
    text = "".join(e.delta.text for e in events if e.type == "content_block_delta")
    assert text == create(client(), "claude")().content[0].text
    assert events[-2].type == "message_delta" and events[-2].usage.output_tokens == 8


@check
def message_helper():
    """messages stream: the package's own accumulator takes the events"""
    with client().messages.stream(model="claude", max_tokens=64, messages=HELLO) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text and final.content[0].text == text and final.stop_reason == "end_turn"
    assert final.usage.output_tokens == 8 and is_request_id(stream.request_id), stream.request_id


@check
async def message_async():
    """messages stream: async iteration over two thousand chunks"""
    async with async_client() as one:
        async with one.messages.stream(model="claude/m?chunks=2000", max_tokens=4096, messages=HELLO) as stream:
            pieces = [text async for text in stream.text_stream]
            final = await stream.get_final_message()
    assert len(pieces) == 2000 and final.usage.output_tokens == 2000


@check
def count_tokens():
    """messages: tokens are counted"""
    counted = client().messages.count_tokens(model="claude/m?prompt_tokens=77", messages=HELLO)
    assert counted.input_tokens == 77


@check
def anthropic_models():
    """models: the catalog in Anthropic's shape, and one entry of it"""
    listed = {model.id: model for model in client().models.list()}
    assert {"claude", "claude/*", "chat"} <= set(listed), listed
    assert listed["claude"].type == "model" and listed["claude"].created_at.year >= 2026
    assert client().models.retrieve("claude").display_name == "claude"
    assert [model.id for model in client(api_key=NARROW_KEY).models.list()] == ["chat"]


@check
def refused_messages():
    """messages: each refusal of the gateway is the exception that the package has for it"""
    error = raises(anthropic.AuthenticationError, create(client(api_key="sk-wrong"), "claude"), status_code=401)
    assert error.body["error"]["type"] == "authentication_error" and is_request_id(error.request_id)
    assert error.body["error"]["ringgate"] == {"blame": "client", "code": "invalid_api_key"}, error.body
    raises(anthropic.AuthenticationError, create(client(api_key=None, auth_token="sk-wrong"), "claude"))
    raises(anthropic.PermissionDeniedError, create(client(api_key=NARROW_KEY), "claude"), status_code=403)
    raises(anthropic.NotFoundError, create(client(), "absent"), status_code=404)
    raises(anthropic.NotFoundError, lambda: client().models.retrieve("absent"))
    raises(anthropic.BadRequestError, create(client(), ""), status_code=400)
    counting = client(api_key="sk-wrong").messages
    raises(anthropic.AuthenticationError, lambda: counting.count_tokens(model="claude", messages=HELLO))


@check
def failed_messages():
    """messages: a provider's failures are typed, and its word on the gateway's key stays"""
    raises(anthropic.RateLimitError, create(client(), "claude/m?fault=status:429"))
    raises(anthropic.BadRequestError, create(client(), "claude/m?fault=status:400"))
    for model, status, kind in [
        ("claude/m?fault=status:500", 500, "api_error"),
        ("claude/m?fault=status:529", 503, "overloaded_error"),
        ("claude/m?fault=reset", 502, "api_error"),
        ("claude/m?fault=echo_key", 502, "api_error"),
    ]:
        try:
            create(client(), model)()
        except anthropic.InternalServerError as error:
            assert error.status_code == status and error.body["error"]["type"] == kind, error.body
            assert "canary" not in str(error.body)
        else:
            raise AssertionError(f"{model} did not fail")


@check
def broken_messages():
    """messages stream: a stream that breaks, or has an error inside, is an exception and no shorter answer"""
    for fault in ("reset_after:3", "close_after:3", "error_event_after:3"):
        stream = create(client(), f"claude/m?gap_ms=30&fault={fault}", stream=True)()
        try:
            pieces = list(stream)
        except anthropic.APIStatusError as error:
            assert error.body["type"] == "error", error.body
        else:
            raise AssertionError(f"{fault}: {pieces}")


@check
def message_early_break():
    """messages stream: a client that has read enough leaves, and its next request is served"""
    one = client()
    with one.messages.stream(
        model="claude/m?chunks=100000&gap_ms=20", max_tokens=64, messages=HELLO
    ) as stream:
        next(iter(stream.text_stream))
    assert create(one, "claude")().content
