"""Answers that are no streams: every endpoint, typed as the package types it."""

import asyncio
import base64
import hashlib
import json

from check import async_client, check, client, is_request_id

HELLO = [{"role": "user", "content": "Hello!"}]
WAV = b"RIFF\x24\x00\x00\x00WAVEfmt \x00\r\n--not-a-boundary\r\n\xff\xfe" * 64
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


@check
def chat():
    """chat: an answer with its text, usage and request id"""
    answer = client().chat.completions.create(model="chat", messages=HELLO)
    assert answer.object == "chat.completion" and answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert is_request_id(answer._request_id), answer._request_id


@check
def headers_of_an_answer():
    """chat: raw headers show request id and overhead, and nothing of the upstream's connection"""
    raw = client().chat.completions.with_raw_response.create(model="chat", messages=HELLO)
    assert is_request_id(raw.headers["x-request-id"]) and raw.http_version == "HTTP/1.1"
    assert int(raw.headers["x-ringgate-overhead-us"]) >= 0
    assert raw.parse().choices[0].message.content


@check
def everything_of_a_request_passes():
    """chat: tools, nested schemas and members that nobody knows reach the provider; only the model is another"""
    tools = [{"type": "function", "function": {"name": "näme \"x\"", "parameters": {"type": "object"}}}]
    raw = client().chat.completions.with_raw_response.create(
        model="mock/other?fault=echo_body",
        messages=HELLO,
        tools=tools,
        tool_choice="auto",
        temperature=0.1,
        extra_body={"vendor": {"model": "inner", "deep": [[1, {"stream": True}]], "big": 12345678901234567890}},
    )
    body = json.loads(raw.content)
    assert body["model"] == "other?fault=echo_body"
    assert body["tools"] == tools and body["messages"] == HELLO and body["temperature"] == 0.1
    assert body["vendor"] == {"model": "inner", "deep": [[1, {"stream": True}]], "big": 12345678901234567890}


@check
def no_client_credential_passes():
    """chat: the provider sees its own key, and neither the client's key nor its own headers"""
    raw = client(default_headers={"x-secret": "s"}).chat.completions.with_raw_response.create(
        model="mock/m?fault=echo_headers", messages=HELLO
    )
    received = dict(json.loads(raw.content)["headers"])
    assert "canary-client" not in raw.text and "x-secret" not in received
    assert received["authorization"].startswith("Bearer canary-upstream") and "x-stainless-lang" not in received


@check
def large_bodies():
    """chat: a prompt of two megabytes goes up, an answer of two megabytes comes down"""
    prompt = "€uro " * 300_000
    raw = client().chat.completions.with_raw_response.create(
        model="mock/m?fault=echo_headers", messages=[{"role": "user", "content": prompt}]
    )
    assert json.loads(raw.content)["body_bytes"] > 2_000_000
    answer = client().chat.completions.create(model="mock/m?answer_bytes=2000000", messages=HELLO)
    assert len(answer.choices[0].message.content) >= 1_999_000


@check
def completions():
    """completions: a suffix reaches the provider"""
    create = client().completions.create
    plain = create(model="chat", prompt="def f(x):")
    both = create(model="chat", prompt="def f(x):", suffix="    return x\n" * 8)
    assert plain.choices[0].text and both.object == "text_completion"
    assert both.usage.prompt_tokens > plain.usage.prompt_tokens


@check
def embeddings():
    """embeddings: base64, which the package asks for by itself, gives the right numbers, as plain lists do"""
    create = client().embeddings.create
    for options in ({}, {"encoding_format": "float"}):
        found = create(model="chat", input=["a", "b"], dimensions=6, **options)
        assert [e.embedding for e in found.data] == [[1, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0]], found.data
    sent = client().embeddings.with_raw_response.create(model="mock/m?fault=echo_body", input="a")
    assert json.loads(sent.content)["encoding_format"] == "base64"


@check
def responses():
    """responses: text, usage and status"""
    answer = client().responses.create(model="chat", input="Hello!", instructions="Be brief.")
    assert answer.output_text and answer.status == "completed" and answer.usage.output_tokens == 8
    assert is_request_id(answer._request_id)


@check
def responses_of_another_format():
    """responses: a model behind Anthropic's format answers, with what was asked for repeated"""
    answer = client().responses.create(model="claude", input="Hello!", temperature=0.5, metadata={"a": "b"})
    assert answer.output_text and answer.status == "completed" and answer.error is None
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens > 0
    assert (answer.temperature, answer.metadata, answer.tools) == (0.5, {"a": "b"}, [])
    assert [item.type for item in answer.output] == ["message"] and answer.output[0].status == "completed"


@check
def models():
    """models: the catalog is listed and each entry found, names with slashes too"""
    listed = {model.id: model for model in client().models.list()}
    assert {"chat", "mock/*", "team/writer"} <= set(listed), listed
    assert listed["chat"].object == "model" and listed["chat"].ringgate["tags"] == ["demo"]
    assert client().models.retrieve("chat").id == "chat"
    assert client().models.retrieve("team/writer").id == "team/writer"


@check
def moderations():
    """moderations: every input has a result"""
    found = client().moderations.create(model="chat", input=["a", "b"])
    assert [result.flagged for result in found.results] == [False, False]
    assert found.results[0].category_scores.violence_graphic == 0.0001


@check
def images():
    """images: one is made, and one is edited from an upload"""
    made = client().images.generate(model="chat", prompt="a dot")
    assert base64.b64decode(made.data[0].b64_json).startswith(b"\x89PNG")
    edited = client().images.edit(model="chat", image=("dot.png", PNG, "image/png"), prompt="bigger")
    assert edited.data[0].b64_json == made.data[0].b64_json


@check
def transcriptions():
    """audio: an upload is transcribed, as an object and as text, and translated"""
    audio = client().audio
    heard = audio.transcriptions.create(model="chat", file=("a.wav", WAV))
    text = audio.transcriptions.create(model="chat", file=("a.wav", WAV), response_format="text")
    assert heard.text and text.strip() == heard.text
    assert audio.translations.create(model="chat", file=("a.wav", WAV)).text == heard.text


@check
def uploads_pass_unchanged():
    """audio: every byte of an upload reaches the provider, and the form's model is the provider's"""
    sent = client().audio.transcriptions.with_raw_response.create(
        model="mock/whisper?fault=echo_body", file=("ü \"x\".wav", WAV), prompt="p"
    )
    assert WAV in sent.content and b"whisper?fault=echo_body" in sent.content
    assert b"mock/whisper" not in sent.content


@check
def speech():
    """audio: speech comes as the bytes that were sent, whole and in pieces"""
    def expected(count):
        return bytes(at * 167 % 251 for at in range(count))

    answer = client().audio.speech.create(model="chat", voice="alloy", input="Hello!")
    assert answer.content == expected(4096) and answer.response.headers["content-type"] == "audio/mpeg"
    create = client().audio.speech.with_streaming_response.create
    with create(model="mock/m?answer_bytes=700000", voice="alloy", input="Hello!") as stream:
        digest = hashlib.sha256(b"".join(stream.iter_bytes())).digest()
    assert digest == hashlib.sha256(expected(700_000)).digest()


@check
def one_connection_serves_many():
    """a connection is kept: thirty requests of different kinds on one client"""
    one = client()
    ids = set()
    for turn in range(10):
        ids.add(one.chat.completions.create(model="chat", messages=HELLO)._request_id)
        ids.add(one.embeddings.create(model="chat", input=str(turn))._request_id)
        ids.add(one.models.retrieve("chat")._request_id)
    assert len(ids) == 30


@check
async def fifty_at_once():
    """fifty concurrent requests, half of them streams: each has its own answer"""
    async with async_client() as client:

        async def whole(number):
            size = 1000 + number
            answer = await client.chat.completions.create(model=f"mock/m?answer_bytes={size}", messages=HELLO)
            return len(answer.choices[0].message.content) == size

        async def streamed(number):
            model = f"mock/m?chunks={10 + number}&gap_ms=1"
            stream = await client.chat.completions.create(model=model, messages=HELLO, stream=True)
            return len([c async for c in stream if c.choices and c.choices[0].delta.content]) == 10 + number

        outcomes = await asyncio.gather(*(streamed(n) if n % 2 else whole(n) for n in range(50)))
    assert outcomes == [True] * 50
