"""Every package against a model of every provider's format: answers, streams, loops of tools with thoughts, objects,
images, and failures. What must come back in the next turn, the mock looks at."""

import pydantic

from check import check
from speakers import SPEAKERS

# A model of each format, named as its provider names those of its family.
MODELS = {
    "openai": "gpt-5-mini",
    "openai-responses": "gpt-5-mini",
    "anthropic": "claude-opus-5-5",
    "gemini": "gemini-3.1-pro",
    "bedrock": "us.anthropic.claude-sonnet-5-v1:0",
    "bedrock-anthropic": "anthropic.claude-haiku-5-5-v1:0",
    "vertex": "gemini-2.5-flash",
    "vertex-anthropic": "claude-opus-4-8@20260901",
    "cohere": "command-a-03-2025",
    "ollama": "qwen3:8b",
}
SENTENCE = "This is a canned answer of the mock provider."
THOUGHT = 'Both cities "matter" ☀.'
CITIES = [{"city": "Oslo", "n": 0}, {"city": "Riga", "n": 1}]


class Weather(pydantic.BaseModel):
    city: str
    degrees: int


def named(provider, settings=""):
    return f"{provider}/{MODELS[provider]}" + (f"?{settings}" if settings else "")


def matrix(function):
    """Registers a check for each package, of models of all formats; those that fail are told together."""
    for speaker in SPEAKERS:

        def run(speaker=speaker):
            failed = {}
            for provider in MODELS:
                try:
                    function(speaker, provider)
                except Exception as error:
                    failed[provider] = f"{type(error).__name__}: {error!s:.400}"
            assert not failed, "\n".join(["", *(f"  {provider}: {why}" for provider, why in failed.items())])

        run.__doc__ = f"matrix, {speaker.__doc__} {function.__doc__}"
        check(run)
    return function


@matrix
def answers(speaker, provider):
    """text, counts and ends, whole and streamed"""
    cached = 0 if provider == "ollama" else 20
    for stream in (False, True):
        model = named(provider, "prompt_tokens=50&cached_tokens=20")
        said = speaker.ask(model, speaker.user("Hello!"), stream=stream)
        assert (said.text, said.reason, said.calls) == (SENTENCE, "end", []), said
        assert said.counts == (50, cached, 8), said.counts
        assert said.pieces >= 8 or not stream, "a stream comes as it is made"
    # Whole: of a stream that was cut OpenAI's package makes an exception.
    cut = speaker.ask(named(provider, "chunks=64"), speaker.user("Hello!"), limit=16)
    assert (cut.reason, cut.counts[2]) == ("cut", 16), cut


@matrix
def loops(speaker, provider):
    """parallel tools over three turns, with thoughts and without, the answers fed back as the package gives them"""
    for stream in (False, True):
        for thinks in (False, True):
            model = named(provider, f"tools=2&thinks={int(thinks)}")
            options = {"stream": stream, "tools": True, "thinks": thinks}
            history = speaker.user("Weather in Oslo and Riga?")
            said = speaker.ask(model, history, **options)
            assert said.reason == "tools" and [call for _, call in said.calls] == CITIES, said
            assert (said.thought or "") == (THOUGHT if thinks else ""), said
            history += said.kept + speaker.results(said.calls)
            again = speaker.ask(model, history, **options)
            assert (again.text, again.reason, again.calls) == (SENTENCE, "end", []), again
            history += again.kept + speaker.user("And tomorrow?")
            assert speaker.ask(model, history, **options).text == SENTENCE


@matrix
def objects(speaker, provider):
    """structured output is parsed into its type, and the schema reaches the provider"""
    found = speaker.read(named(provider, "json=1&wants=schema"), Weather)
    assert found == Weather(city="Oslo", degrees=-3), found


@matrix
def images(speaker, provider):
    """an image reaches the provider"""
    assert speaker.ask(named(provider, "wants=image"), speaker.look()).text == SENTENCE


@matrix
def failures(speaker, provider):
    """each status is the package's own exception, whole and streamed, with the provider's hint when to come again"""
    for status in (400, 401, 403, 404, 429, 500, 502, 503):
        for ask in (lambda model: speaker.ask(model, speaker.user("?")), speaker.drain):
            try:
                ask(named(provider, f"fault=status:{status}&retry_after_s=7"))
            except speaker.broken as error:
                # What a provider says of the gateway's own key is no word on the client's.
                expected = speaker.failures.get(status, speaker.failure)
                assert type(error) is expected or issubclass(type(error), expected), f"{status}: {error!r}"
                seen = 502 if status in (401, 403) else status
                assert speaker.status(error) in (seen, 500 if status == 502 else seen), f"{status}: {error!r}"
                told = provider.startswith("bedrock") or provider == "ollama"
                assert status != 429 or speaker.hint(error) == (None if told else "7"), speaker.hint(error)
            else:
                raise AssertionError(f"{status} was not raised")


@matrix
def broken_streams(speaker, provider):
    """a stream that breaks, ends too early or has an error inside is an exception and no shorter answer"""
    faults = ["close_after:3", "error_event_after:3", "no_done"]
    # A chat that gave its reason is whole without its mark, and what passes as it is ends as its provider ends it.
    if provider == "openai" or (provider == "openai-responses" and speaker.__doc__ == "openai, responses."):
        faults.remove("no_done")
    for fault in faults:
        try:
            speaker.drain(named(provider, f"gap_ms=20&fault={fault}"))
        except speaker.broken as error:
            assert str(error), fault
        else:
            raise AssertionError(f"{fault} was not raised")
