"""The package's embeddings and completions against models behind formats that have neither as it asks for them."""

import base64
import json
import struct

import openai

from check import async_client, check, client, raises

OTHERS = ["anthropic", "openai-responses", "bedrock", "bedrock-anthropic", "vertex", "vertex-anthropic"]
MODELS = ["ollama/m", "cohere/m", "gemini/m"]


@check
def embeddings_cross():
    """operations: embeddings, packed as the package asks for them by itself, and as numbers"""
    for model in MODELS:
        # Without a word from its user the package asks for base64, and unpacks it.
        answer = client().embeddings.create(model=model, input=["a", "bc"])
        assert [one.index for one in answer.data] == [0, 1], answer
        assert [one.embedding[:3] for one in answer.data] == [[1, 0, 0], [0, 1, 0]], answer
        assert answer.object == "list" and answer.model == "m", answer
        answer = client().embeddings.create(model=f"{model}?prompt_tokens=5", input="a")
        assert (answer.usage.prompt_tokens, answer.usage.total_tokens) == (5, 5), answer
        answer = client().embeddings.create(model=model, input="abc", encoding_format="float")
        assert answer.data[0].embedding == [1, 0, 0, 0, 0, 0, 0, 0], answer
        raw = client().embeddings.with_raw_response.create(model=model, input="abc", encoding_format="base64")
        packed = json.loads(raw.text)["data"][0]["embedding"]
        assert struct.unpack("<8f", base64.b64decode(packed, validate=True)) == (1, 0, 0, 0, 0, 0, 0, 0)
        ask = lambda: client().embeddings.create(model=model, input=[1, 2])  # noqa: B023
        raises(openai.BadRequestError, ask, code="untranslatable")
        name = f"{model}?fault=status:429&retry_after_s=7"
        raises(openai.RateLimitError, lambda: client().embeddings.create(model=name, input="a"))  # noqa: B023
    for model in ("ollama/m", "cohere/m"):
        answer = client().embeddings.create(model=model, input="abc", dimensions=3)
        assert answer.data[0].embedding == [1, 0, 0], answer
    client().embeddings.create(model="cohere/m", input="a", extra_body={"input_type": "search_query"})


@check
async def embeddings_cross_async():
    """operations: embeddings by the asynchronous client"""
    async with async_client() as one:
        answer = await one.embeddings.create(model="ollama/m", input="abcd")
    assert answer.data[0].embedding[0] == 1, answer


@check
def completions_cross():
    """operations: completions, whole and streamed, with usage where it was asked for"""
    for model in [*MODELS, *(f"{name}/m" for name in OTHERS)]:
        answer = client().completions.create(model=model, prompt="Capital of Latvia?", max_tokens=64)
        choice = answer.choices[0]
        assert answer.object == "text_completion" and answer.id.startswith("cmpl-"), answer
        assert choice.text and choice.finish_reason == "stop" and choice.logprobs is None, answer
        assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
        chunks = list(client().completions.create(model=model, prompt=["Capital of Latvia?"], stream=True))
        assert "".join(chunk.choices[0].text for chunk in chunks) == choice.text, chunks
        assert chunks[-1].choices[0].finish_reason == "stop" and all(chunk.usage is None for chunk in chunks)
        counted = {"stream": True, "stream_options": {"include_usage": True}}
        chunks = list(client().completions.create(model=model, prompt="Capital?", **counted))
        assert chunks[-1].choices == [] and chunks[-1].usage.completion_tokens > 0, chunks[-1]


@check
def the_middle_is_filled():
    """operations: a completion with a suffix, where the provider fills in the middle"""
    raw = client().completions.with_raw_response.create
    answer = raw(model="ollama/m", prompt="return ", suffix="\n\nprint(add(1, 2))").parse()
    assert answer.choices[0].text and answer.choices[0].finish_reason == "stop", answer
    told = raw(model="gemini/m", prompt="return ", suffix="x").headers
    assert told["x-ringgate-dropped"] == "suffix", told
    for prompt in ([1, 2], [[1], [2]], ["a", "b"]):
        ask = lambda: client().completions.create(model="ollama/m", prompt=prompt)  # noqa: B023
        raises(openai.BadRequestError, ask, code="untranslatable")
