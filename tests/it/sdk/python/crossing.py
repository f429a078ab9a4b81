"""Either package against models behind the other's format: answers, streams, tools over several turns, thoughts."""

import json

import anthropic
import openai
import pydantic

import messages as native
from check import async_client, check, client, raises

HELLO = [{"role": "user", "content": "Weather in Oslo and Riga?"}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
FUNCTION = {"type": "function", "function": {"name": "get_weather", "parameters": SCHEMA}}
TOOL = {"name": "get_weather", "input_schema": SCHEMA}
CITIES = [{"city": "Oslo", "n": 0}, {"city": "Riga", "n": 1}]


def chat(model, **options):
    return client().chat.completions.create(**{"model": model, "messages": HELLO} | options)


def message(model, **options):
    return native.create(native.client(), model, **{"messages": HELLO} | options)()


def results(calls):
    return [{"role": "tool", "tool_call_id": call.id, "content": "-3 degrees"} for call in reversed(calls)]


@check
def chat_of_a_claude():
    """crossing: a chat completion of a model behind messages, with its usage and how it ended"""
    answer = chat("claude/m?prompt_tokens=50&cached_tokens=20")
    choice = answer.choices[0]
    assert answer.id.startswith("chatcmpl-") and answer.model == "m" and answer.object == "chat.completion"
    assert choice.message.role == "assistant" and choice.message.content and choice.finish_reason == "stop"
    usage = answer.usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (50, 8, 58), usage
    assert usage.prompt_tokens_details.cached_tokens == 20, usage
    assert chat("claude/m", max_completion_tokens=3).choices[0].finish_reason == "length"
    assert chat("claude/m?stop=refusal").choices[0].finish_reason == "content_filter"
    assert chat("claude/m?stop=pause_turn").choices[0].finish_reason == "stop"


@check
def chat_stream_of_a_claude():
    """crossing: a chat stream of a model behind messages, with usage only where it was asked for"""
    chunks = list(chat("claude/m", stream=True))
    assert all(len(chunk.choices) == 1 and chunk.usage is None for chunk in chunks)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text == chat("claude/m").choices[0].message.content
    assert len({chunk.id for chunk in chunks}) == 1 and chunks[-1].choices[0].finish_reason == "stop"
    chunks = list(chat("claude/m?prompt_tokens=5", stream=True, stream_options={"include_usage": True}))
    assert chunks[-1].choices == [] and chunks[-1].usage.total_tokens == 13


@check
async def chat_stream_of_a_claude_async():
    """crossing: two thousand chunks, by async iteration"""
    async with async_client() as one:
        stream = await one.chat.completions.create(model="claude/m?chunks=2000", messages=HELLO, stream=True)
        assert len([c async for c in stream if c.choices[0].delta.content]) == 2000


def _chat_loop(thinks, ask, keep):
    """Asks, keeps the answer in the way of `keep`, gives the results of its tools, and asks again."""
    model = f"claude/m?tools=2&thinks={thinks}"
    history = list(HELLO)
    said, reason = ask(model, history)
    assert reason == "tool_calls", reason
    assert [json.loads(call.function.arguments) for call in said.tool_calls] == CITIES, said
    assert len({call.id for call in said.tool_calls}) == 2
    assert bool(getattr(said, "reasoning_content", None)) == bool(thinks)
    history += [keep(said), *results(said.tool_calls)]
    # The mock refuses a turn that called tools without the thought before it, as the provider does.
    again, reason = ask(model, history)
    assert reason == "stop" and again.content and not again.tool_calls
    history += [keep(again), {"role": "user", "content": "And tomorrow?"}]
    assert ask(model, history)[1] == "stop"


def _whole(model, history):
    choice = chat(model, messages=history, tools=[FUNCTION]).choices[0]
    return choice.message, choice.finish_reason


def _helped(model, history):
    with client().chat.completions.stream(model=model, messages=history, tools=[FUNCTION]) as stream:
        choice = stream.get_final_completion().choices[0]
    return choice.message, choice.finish_reason


def _kept_in_ways():
    yield lambda said: said
    yield lambda said: said.model_dump()
    yield lambda said: said.model_dump(exclude_none=True)
    yield lambda said: json.loads(said.model_dump_json())


@check
def chat_tools_of_a_claude():
    """crossing: a loop of tools in chat completions, the answer fed back as the package gives it"""
    for keep in _kept_in_ways():
        _chat_loop(0, _whole, keep)
        _chat_loop(0, _helped, keep)


@check
def chat_thoughts_of_a_claude():
    """crossing: thoughts and their proof survive a client of chat completions over two turns, whole and streamed"""
    for keep in _kept_in_ways():
        _chat_loop(1, _whole, keep)
        _chat_loop(1, _helped, keep)


@check
def chat_objects_of_a_claude():
    """crossing: structured output is parsed into its type"""

    class Weather(pydantic.BaseModel):
        city: str
        degrees: int

    parsed = client().chat.completions.parse(model="claude/m?json=1", messages=HELLO, response_format=Weather)
    assert parsed.choices[0].message.parsed == Weather(city="Oslo", degrees=-3), parsed


@check
def chat_errors_of_a_claude():
    """crossing: failures behind messages are the exceptions of the other package, with its codes"""
    for status, kind, code in [
        (400, openai.BadRequestError, "invalid_request_error"),
        (404, openai.NotFoundError, "model_not_found"),
        (429, openai.RateLimitError, "rate_limit_exceeded"),
        (500, openai.InternalServerError, "api_error"),
        (529, openai.InternalServerError, "server_is_overloaded"),
    ]:
        error = raises(kind, lambda: chat(f"claude/m?fault=status:{status}"), code=code)
        assert error.type and error.body["message"], error.body
    raises(openai.InternalServerError, lambda: chat("claude/m?fault=echo_key"), status_code=502)
    audio = [{"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}]
    raises(openai.BadRequestError, lambda: chat("claude/m", messages=[{"role": "user", "content": audio}]))
    for fault in ("reset_after:3", "close_after:3", "error_event_after:3"):
        raises(openai.APIError, lambda: list(chat(f"claude/m?gap_ms=30&fault={fault}", stream=True)))


@check
def message_of_a_gpt():
    """crossing: a message of a model behind chat completions, with its usage and how it ended"""
    answer = message("mock/m?prompt_tokens=50&cached_tokens=20")
    assert answer.type == "message" and answer.id.startswith("msg_") and answer.content[0].text
    usage = answer.usage
    assert (usage.input_tokens, usage.cache_read_input_tokens, usage.output_tokens) == (30, 20, 8), usage
    assert answer.stop_reason == "end_turn" and answer.stop_sequence is None
    assert message("mock/m", max_tokens=3).stop_reason == "max_tokens"
    assert message("mock/m?stop=content_filter").stop_reason == "refusal"


@check
def message_stream_of_a_gpt():
    """crossing: a message stream of a model behind chat completions, event by event and by the package's helper"""
    events = [event.type for event in message("mock/m?thinks=1&tools=1", stream=True)]
    assert events[:2] == ["message_start", "content_block_start"], events
    assert events[-2:] == ["message_delta", "message_stop"], events
    assert events.count("content_block_start") == events.count("content_block_stop") == 3, events
    with native.client().messages.stream(model="mock/m", max_tokens=64, messages=HELLO) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert final.content[0].text == text and final.usage.output_tokens == 8 and final.usage.input_tokens > 0


def _message_whole(model, history):
    return message(model, messages=history, tools=[TOOL])


def _message_helped(model, history):
    options = {"model": model, "max_tokens": 64, "messages": history, "tools": [TOOL]}
    with native.client().messages.stream(**options) as stream:
        return stream.get_final_message()


@check
def message_tools_of_a_gpt():
    """crossing: a loop of tools in messages, the answer's blocks fed back as the package gives them"""
    for ask in (_message_whole, _message_helped):
        for keep in (lambda content: content, lambda content: [block.model_dump() for block in content]):
            model = "mock/m?tools=2&thinks=1"
            history = list(HELLO)
            answer = ask(model, history)
            assert [block.type for block in answer.content] == ["thinking", "text", "tool_use", "tool_use"], answer
            assert [block.input for block in answer.content[2:]] == CITIES, answer
            assert answer.stop_reason == "tool_use"
            given = [
                {"type": "tool_result", "tool_use_id": block.id, "content": [{"type": "text", "text": "-3"}]}
                for block in answer.content[2:]
            ]
            history += [{"role": "assistant", "content": keep(answer.content)}, {"role": "user", "content": given}]
            again = ask(model, history)
            assert again.stop_reason == "end_turn" and again.content[-1].text, again


@check
def message_errors_of_a_gpt():
    """crossing: failures behind chat completions are the exceptions of the other package, with its types"""
    for status, kind, name in [
        (400, anthropic.BadRequestError, "invalid_request_error"),
        (404, anthropic.NotFoundError, "not_found_error"),
        (429, anthropic.RateLimitError, "rate_limit_error"),
        (500, anthropic.InternalServerError, "api_error"),
    ]:
        error = raises(kind, lambda: message(f"mock/m?fault=status:{status}"))
        assert error.body["type"] == "error" and error.body["error"]["type"] == name, error.body
    fetch = [{"role": "assistant", "content": [{"type": "server_tool_use", "id": "s", "name": "web_fetch", "input": {}}]}]
    raises(anthropic.BadRequestError, lambda: message("mock/m", messages=[*HELLO, *fetch]))
    for fault in ("close_after:3", "error_event_after:3"):
        try:
            events = list(message(f"mock/m?gap_ms=30&fault={fault}", stream=True))
        except anthropic.APIError as error:
            assert error.body["type"] == "error", error.body
        else:
            raise AssertionError(f"{fault}: {events}")
