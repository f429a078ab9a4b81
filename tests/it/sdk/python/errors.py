"""Failures: each is the exception that the package has for it, with what a program needs to act on it."""

import asyncio
import time

import openai

from check import NARROW_KEY, async_client, check, client, is_request_id, raises

HELLO = [{"role": "user", "content": "Hello!"}]


def chat(one, model, **options):
    return lambda: one.chat.completions.create(model=model, messages=HELLO, **options)


def streamed(one, model):
    return lambda: list(one.chat.completions.create(model=model, messages=HELLO, stream=True))


@check
def wrong_key():
    """AuthenticationError: a key that is not known"""
    error = raises(openai.AuthenticationError, chat(client(api_key="sk-wrong"), "chat"), code="invalid_api_key")
    assert is_request_id(error.request_id) and "sk-wrong" not in str(error)
    raises(openai.AuthenticationError, lambda: list(client(api_key="sk-wrong").models.list()))


@check
def model_not_granted():
    """PermissionDeniedError: a model that the key's group may not use"""
    narrow = client(api_key=NARROW_KEY)
    assert chat(narrow, "chat")().choices
    raises(openai.PermissionDeniedError, chat(narrow, "mock/m"), code="model_not_granted", param="model")
    assert [model.id for model in narrow.models.list()] == ["chat"]


@check
def not_found():
    """NotFoundError: a model, an entry of the catalog and a path that do not exist"""
    raises(openai.NotFoundError, chat(client(), "absent"), code="model_not_found", param="model")
    raises(openai.NotFoundError, lambda: client().models.retrieve("absent"), code="model_not_found")
    raises(openai.NotFoundError, lambda: client().files.list(), code="unknown_url")


@check
def bad_requests():
    """BadRequestError: refused by the gateway, and by the provider"""
    raises(openai.BadRequestError, chat(client(), ""), code="invalid_model", type="invalid_request_error")
    raises(openai.BadRequestError, chat(client(), "chat", extra_body={"stream": "yes"}), code="invalid_field")
    raises(openai.BadRequestError, chat(client(), "mock/m?fault=status:400"), type="invalid_request_error")


@check
def other_refusals():
    """ConflictError, UnprocessableEntityError: a provider's refusals pass as they are"""
    raises(openai.ConflictError, chat(client(), "mock/m?fault=status:409"))
    raises(openai.UnprocessableEntityError, chat(client(), "mock/m?fault=status:422"))


@check
def rate_limits():
    """RateLimitError: a provider's 429 passes with its time to wait"""
    error = raises(openai.RateLimitError, chat(client(), "mock/m?fault=status:429"), code="rate_limit_exceeded")
    assert error.response.headers["retry-after"] == "1" and is_request_id(error.request_id)


@check
def upstream_failures():
    """InternalServerError: a provider that is not there, breaks off, talks nonsense, or fails by itself"""
    for model, status, code in [
        ("nowhere", 502, "upstream_connect"),
        ("mock/m?fault=reset", 502, "upstream_reset"),
        ("mock/m?fault=garbage", 502, "upstream_malformed"),
        ("hurried/m?fault=stall", 504, "upstream_first_byte_timeout"),
    ]:
        error = raises(openai.InternalServerError, chat(client(), model), status_code=status, code=code)
        assert error.body["ringgate"]["blame"] == "upstream", error.body
    raises(openai.InternalServerError, chat(client(), "mock/m?fault=status:503"), status_code=503)


@check
def account_errors_stay():
    """InternalServerError: the provider refusing the gateway's key is no AuthenticationError, and no key is shown"""
    for model in ("mock/m?fault=echo_key", "mock/m?fault=status:403"):
        error = raises(openai.InternalServerError, chat(client(), model), status_code=502, code="upstream_account")
        assert "canary" not in str(error.body)


@check
def broken_streams():
    """APIError: a stream that the provider breaks off says so, and so does one with an error inside"""
    for fault in ("reset_after:3", "close_after:3", "bad_chunk", "error_event_after:3"):
        # With pauses: what breaks before the first byte is answered 502.
        error = raises(openai.APIError, streamed(client(), f"mock/m?gap_ms=30&fault={fault}"))
        assert error.message, fault
    stream = client().responses.create(model="mock/m?gap_ms=30&fault=close_after:3", input="a", stream=True)
    raises(openai.APIError, lambda: list(stream), code="upstream_truncated")


@check
def what_came_before_the_break():
    """APIError: what came before the break has been delivered"""
    stream = client().chat.completions.create(model="mock/m?fault=close_after:3", messages=HELLO, stream=True)
    chunks = []

    def read():
        for chunk in stream:
            chunks.append(chunk)

    raises(openai.APIError, read)
    assert len([chunk for chunk in chunks if chunk.choices[0].delta.content]) == 3


@check
def truncated_answers():
    """APIConnectionError: an answer that is cut short is never taken for a whole one"""
    raises(openai.APIConnectionError, chat(client(), "mock/m?fault=truncate"))
    raises(openai.APIConnectionError, chat(client(), "mock/m?answer_bytes=300000&fault=close_after:1"))


@check
def timeouts():
    """APITimeoutError: the client's own patience ends, before and inside an answer"""
    hasty = client(timeout=0.4)
    raises(openai.APITimeoutError, chat(hasty, "mock/m?fault=stall"))
    raises(openai.APITimeoutError, streamed(hasty, "mock/m?fault=stall_after:2"))


@check
def retries():
    """retries: the package tries again where it helps, after the time it was told, and not where it does not"""
    patient = client(max_retries=2)
    started = time.monotonic()
    assert chat(patient, f"mock/{time.time_ns()}?fault=status:429&times=1")().choices
    assert time.monotonic() - started >= 0.9, "retry-after is one second"
    started = time.monotonic()
    raises(openai.NotFoundError, chat(patient, "absent"))
    raw = client().chat.completions.with_raw_response
    error = raises(openai.NotFoundError, lambda: raw.create(model="absent", messages=HELLO))
    assert error.response.headers["x-should-retry"] == "false"
    assert time.monotonic() - started < 5


@check
async def errors_async():
    """errors: the same classes from the async client, fifty at once"""
    models = ["absent", "nowhere", "mock/m?fault=status:429", "", "mock/m?fault=reset"] * 10
    expected = [
        openai.NotFoundError,
        openai.InternalServerError,
        openai.RateLimitError,
        openai.BadRequestError,
        openai.InternalServerError,
    ] * 10
    async with async_client() as client:
        calls = (client.chat.completions.create(model=model, messages=HELLO) for model in models)
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == expected, outcomes
