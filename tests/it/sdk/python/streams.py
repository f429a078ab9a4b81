"""Streams: every event in order, usage only where it was asked for, and an early end."""

from check import async_client, check, client, is_request_id

HELLO = [{"role": "user", "content": "Hello!"}]


def text_of(chunks):
    return "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)


@check
def chat_without_usage():
    """chat stream: the text is that of the whole answer, and no usage is there that was not asked for"""
    create = client().chat.completions.create
    chunks = list(create(model="chat", messages=HELLO, stream=True))
    assert text_of(chunks) == create(model="chat", messages=HELLO).choices[0].message.content
    assert all(chunk.choices and chunk.usage is None for chunk in chunks)
    assert chunks[0].choices[0].delta.role == "assistant" and chunks[-1].choices[0].finish_reason == "stop"
    refused = list(create(model="chat", messages=HELLO, stream=True, stream_options={"include_usage": False}))
    assert len(refused) == len(chunks) and all(chunk.usage is None for chunk in refused)


@check
def chat_with_usage():
    """chat stream: usage that was asked for comes last, without choices"""
    stream = client().chat.completions.create(
        model="chat", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    *body, last = list(stream)
    assert all(chunk.choices and chunk.usage is None for chunk in body)
    assert last.choices == [] and last.usage.completion_tokens == 8
    assert is_request_id(stream.response.headers["x-request-id"])


@check
def chat_helper():
    """chat stream: the package's own accumulator takes the events"""
    with client().chat.completions.stream(model="chat", messages=HELLO) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_completion()
    assert {"chunk", "content.delta", "content.done"} <= kinds and final.choices[0].message.content


@check
async def chat_async():
    """chat stream: async iteration"""
    async with async_client() as client:
        stream = await client.chat.completions.create(
            model="mock/m?chunks=200", messages=HELLO, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
    assert len([c for c in chunks if c.choices and c.choices[0].delta.content]) == 200
    assert chunks[-1].usage.completion_tokens == 200


@check
def long_stream():
    """chat stream: twenty thousand chunks, in order and complete"""
    stream = client().chat.completions.create(model="mock/m?chunks=20000&batch=7", messages=HELLO, stream=True)
    assert sum(1 for c in stream if c.choices[0].delta.content) == 20_000


@check
def completions():
    """completions stream: text and the reason of the end"""
    chunks = list(client().completions.create(model="chat", prompt="a", suffix="b", stream=True))
    assert "".join(c.choices[0].text for c in chunks) and chunks[-1].choices[0].finish_reason == "stop"


@check
def responses():
    """responses stream: every event once, numbered, ended by the completed answer"""
    events = list(client().responses.create(model="chat", input="Hello!", stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert events[0].type == "response.created" and events[-1].type == "response.completed"
    deltas = "".join(e.delta for e in events if e.type == "response.output_text.delta")
    assert events[-1].response.output_text == deltas and events[-1].response.usage.output_tokens == 8


@check
def responses_helper():
    """responses stream: the package's own accumulator takes the events"""
    with client().responses.stream(model="chat", input="Hello!") as stream:
        assert any(event.type == "response.output_text.delta" for event in stream)
        assert stream.get_final_response().output_text


@check
def responses_of_another_format():
    """responses stream: a model behind Anthropic's format, by hand and by the package's own accumulator"""
    events = list(client().responses.create(model="claude/m?chunks=50", input="Hello!", stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert len(deltas) == 50 and events[-1].type == "response.completed"
    assert events[-1].response.output_text == "".join(deltas) and events[-1].response.usage.output_tokens == 50
    with client().responses.stream(model="claude", input="Hello!") as stream:
        assert any(event.type == "response.output_text.delta" for event in stream)
        assert stream.get_final_response().output_text


@check
def transcription():
    """audio stream: a transcription of an upload in pieces"""
    stream = client().audio.transcriptions.create(model="chat", file=("a.wav", b"RIFF" * 99), stream=True)
    events = list(stream)
    assert events[-1].type == "transcript.text.done"
    assert "".join(e.delta for e in events if e.type == "transcript.text.delta") == events[-1].text


@check
def early_break():
    """chat stream: a client that has read enough leaves, and its next request is served"""
    one = client()
    for chunk in one.chat.completions.create(
        model="mock/m?chunks=100000&gap_ms=20", messages=HELLO, stream=True
    ):
        if chunk.choices[0].delta.content:
            break
    assert one.chat.completions.create(model="chat", messages=HELLO).choices


@check
async def early_break_async():
    """chat stream: the same with async iteration"""
    async with async_client() as client:
        stream = await client.chat.completions.create(
            model="mock/m?chunks=100000&gap_ms=20", messages=HELLO, stream=True
        )
        async with stream:
            async for chunk in stream:
                if chunk.choices[0].delta.content:
                    break
        assert (await client.chat.completions.create(model="chat", messages=HELLO)).choices
