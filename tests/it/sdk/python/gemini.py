"""Google's package: answers, streams, tools with signatures, the catalog and failures, of models behind every format."""

import json

from google import genai
from google.genai import errors, types

from check import BASE_URL, CA, KEY, NARROW_KEY, TIMEOUT_S, check

CITIES = [{"city": "Oslo", "n": 0}, {"city": "Riga", "n": 1}]
WEATHER = types.FunctionDeclaration(
    name="get_weather",
    description="The weather in a city.",
    parameters_json_schema={"type": "object", "properties": {"city": {"type": "string"}}},
)
# A model behind Google's own format, `OpenAI`'s and Anthropic's.
BEHIND = ("gemini/m", "mock/m", "claude/m")


# The package closes a client that nobody holds, while its answers may still come.
_clients = []


def client(**options):
    http = types.HttpOptions(
        base_url=BASE_URL.removesuffix("/v1"),
        timeout=int(TIMEOUT_S * 1000),
        client_args={"trust_env": False} | ({"verify": CA} if CA else {}),
        async_client_args={"trust_env": False} | ({"verify": CA} if CA else {}),
    )
    _clients.append(genai.Client(**{"api_key": KEY, "http_options": http, "vertexai": False} | options))
    return _clients[-1]


def named(model, **settings):
    """The name of a model of the mock with its settings, as a path must have it: the package does not escape it."""
    query = "%26".join(f"{name}={value}" for name, value in settings.items())
    return f"{model}%3F{query}" if settings else model


def fails(kind, call, code, status):
    try:
        outcome = call()
    except errors.APIError as error:
        assert type(error) is kind, f"{type(error).__name__}: {error}"
        assert (error.code, error.status) == (code, status), error
        assert error.message, error
        return error
    raise AssertionError(f"{status} was not raised; the outcome is {outcome!r}")


@check
def gemini_answer():
    """gemini: an answer with its text, usage and reason, of a model behind each format"""
    for model in BEHIND:
        name = named(model, prompt_tokens=50, cached_tokens=20)
        answer = client().models.generate_content(model=name, contents="Hello!")
        assert answer.text and answer.candidates[0].finish_reason == types.FinishReason.STOP, answer
        usage = answer.usage_metadata
        counts = (usage.prompt_token_count, usage.cached_content_token_count, usage.total_token_count)
        assert counts == (50, 20, 58), usage
        config = types.GenerateContentConfig(max_output_tokens=3, system_instruction="Be brief.")
        answer = client().models.generate_content(model=model, contents="Hello!", config=config)
        assert answer.candidates[0].finish_reason == types.FinishReason.MAX_TOKENS, answer


@check
def gemini_names():
    """gemini: the provider sees its own key and its own name for the model, and nothing of the client's"""
    name = named("gemini/m", fault="echo_headers")
    options = {"should_return_http_response": True}
    answer = client().models.generate_content(model=name, contents="Hello!", config=options)
    seen = json.loads(answer.sdk_http_response.body)
    assert seen["request_line"] == "POST /v1beta/models/m%3Ffault%3Decho_headers:generateContent HTTP/1.1", seen
    assert dict(seen["headers"])["x-goog-api-key"].startswith("canary-upstream"), seen
    assert "canary-client" not in json.dumps(seen), seen


@check
def gemini_stream():
    """gemini stream: the pieces are the whole answer's text, and the last has reason and usage"""
    for model in BEHIND:
        whole = client().models.generate_content(model=model, contents="Hello!")
        chunks = list(client().models.generate_content_stream(model=model, contents="Hello!"))
        assert "".join(chunk.text or "" for chunk in chunks) == whole.text, chunks
        assert len(chunks) > 5 and chunks[-1].candidates[0].finish_reason == types.FinishReason.STOP
        assert chunks[-1].usage_metadata.candidates_token_count == 8, chunks[-1]


@check
async def gemini_async():
    """gemini stream: two thousand chunks, by async iteration"""
    one = client().aio
    for model in BEHIND:
        stream = await one.models.generate_content_stream(model=named(model, chunks=2000), contents="Hello!")
        assert len([chunk async for chunk in stream if chunk.text]) == 2000, model
    await one.aclose()


def _whole(model, history, config):
    return client().models.generate_content(model=model, contents=history, config=config).candidates[0].content


def _streamed(model, history, config):
    chunks = client().models.generate_content_stream(model=model, contents=history, config=config)
    parts = [part for chunk in chunks for part in chunk.candidates[0].content.parts or []]
    return types.Content(role="model", parts=parts)


@check
def gemini_tools():
    """gemini: a loop of tools over three turns, thoughts and signatures fed back as the package gives them"""
    config = types.GenerateContentConfig(
        tools=[types.Tool(function_declarations=[WEATHER])],
        thinking_config=types.ThinkingConfig(include_thoughts=True),
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )
    for model in BEHIND:
        for ask in (_whole, _streamed):
            for thinks in (0, 1):
                name = named(model, tools=2, thinks=thinks)
                history = [types.UserContent("Weather in Oslo and Riga?")]
                said = ask(name, history, config)
                calls = [part.function_call for part in said.parts if part.function_call]
                assert [call.args for call in calls] == CITIES, said
                assert any(part.thought for part in said.parts) == bool(thinks), said
                results = [
                    types.Part(
                        function_response=types.FunctionResponse(id=call.id, name=call.name, response={"output": "-3"})
                    )
                    for call in calls
                ]
                history += [said, types.Content(role="user", parts=results)]
                # The mock refuses a turn that called tools without the proof that it gave, as the providers do.
                again = ask(name, history, config)
                assert "".join(part.text or "" for part in again.parts), again
                assert not any(part.function_call for part in again.parts), again
                history += [again, types.UserContent("And tomorrow?")]
                assert ask(name, history, config).parts


@check
def gemini_chat():
    """gemini: a chat of the package keeps its own history, with functions that it calls by itself"""

    asked = []

    def get_weather(city: str, n: int) -> str:
        """The weather in a city."""
        asked.append(city)
        return f"-{n} degrees"

    for model in BEHIND:
        config = types.GenerateContentConfig(tools=[get_weather])
        chat = client().chats.create(model=named(model, tools=2, thinks=1), config=config)
        assert chat.send_message("Weather in Oslo and Riga?").text, model
    assert asked == ["Oslo", "Riga"] * len(BEHIND), asked


@check
def gemini_count():
    """gemini: tokens are counted where the provider can, and the refusal elsewhere is named"""
    counted = client().models.count_tokens(model=named("gemini/m", prompt_tokens=77), contents="Hello!")
    assert counted.total_tokens == 77
    count = lambda: client().models.count_tokens(model="mock/m", contents="Hello!")
    error = fails(errors.ClientError, count, 400, "INVALID_ARGUMENT")
    assert ":countTokens" in error.message, error


@check
def gemini_models():
    """gemini: the catalog is listed, also in pages, and an entry of it found"""
    listed = {model.name: model for model in client().models.list(config={"page_size": 2})}
    assert {"models/chat", "models/gemini/*", "models/team/writer"} <= set(listed), listed
    assert "generateContent" in listed["models/chat"].supported_actions
    assert client().models.get(model="team/writer").display_name == "team/writer"
    assert [model.name for model in client(api_key=NARROW_KEY).models.list()] == ["models/chat"]


@check
def gemini_refusals():
    """gemini: each refusal of the gateway has the code, the status and the message that the package reads"""
    ask = lambda model, **options: lambda: client(**options).models.generate_content(model=model, contents="Hello!")
    fails(errors.ClientError, ask("gemini/m", api_key="sk-wrong"), 401, "UNAUTHENTICATED")
    fails(errors.ClientError, ask("gemini/m", api_key=NARROW_KEY), 403, "PERMISSION_DENIED")
    fails(errors.ClientError, ask("absent"), 404, "NOT_FOUND")
    fails(errors.ClientError, lambda: client().models.get(model="absent"), 404, "NOT_FOUND")
    fails(errors.ServerError, ask("nowhere"), 502, "UNAVAILABLE")
    stream = lambda: list(client().models.generate_content_stream(model="absent", contents="Hello!"))
    fails(errors.ClientError, stream, 404, "NOT_FOUND")


@check
def gemini_failures():
    """gemini: a provider's failures are what they mean, whatever its format; its word on the gateway's key stays"""
    for model in BEHIND:
        for status, kind, word in [
            (400, errors.ClientError, "INVALID_ARGUMENT"),
            (404, errors.ClientError, "NOT_FOUND"),
            (429, errors.ClientError, "RESOURCE_EXHAUSTED"),
            (503, errors.ServerError, "UNAVAILABLE"),
        ]:
            name = named(model, fault=f"status:{status}")
            ask = lambda: client().models.generate_content(model=name, contents="Hello!")
            error = fails(kind, ask, status, word)
            if status == 429:
                assert error.details["error"]["details"][0]["retryDelay"].startswith("1"), error.details
        name = named(model, fault="echo_key")
        ask = lambda: client().models.generate_content(model=name, contents="Hello!")
        error = fails(errors.ServerError, ask, 502, "UNAVAILABLE")
        assert "canary" not in str(error.details), error.details


@check
def gemini_broken_streams():
    """gemini stream: a stream that breaks, or has an error inside, is an exception and no shorter answer"""
    for model in BEHIND:
        for fault in ("reset_after:3", "close_after:3", "error_event_after:3", "no_done"):
            if fault == "no_done" and model != "gemini/m":
                continue
            name = named(model, gap_ms=30, fault=fault)
            try:
                chunks = list(client().models.generate_content_stream(model=name, contents="Hello!"))
            except errors.APIError as error:
                assert error.code in (500, 502, 503), error
            else:
                raise AssertionError(f"{name}: {chunks}")
