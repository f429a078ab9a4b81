"""The packages' clients for clouds: Anthropic's and Google's for Vertex AI, of models that run anywhere."""

import anthropic
from google import genai
from google.genai import types
from google.oauth2.credentials import Credentials

from check import BASE_URL, CA, KEY, TIMEOUT_S, check, raises, trust

HELLO = [{"role": "user", "content": "Hello!"}]
# A model behind Anthropic's own format, that of its hosts, Google's and `OpenAI`'s.
BEHIND = ("claude/m", "vertex-anthropic/m", "bedrock-anthropic/m", "gemini/m", "mock/m")


def vertex(**options):
    http = anthropic.DefaultHttpxClient(verify=trust(), trust_env=False)
    own = {"access_token": KEY, "project_id": "any", "region": "anywhere", "max_retries": 0, "timeout": TIMEOUT_S}
    return anthropic.AnthropicVertex(base_url=BASE_URL, http_client=http, **own | options)


def google():
    http = types.HttpOptions(
        base_url=BASE_URL.removesuffix("/v1"),
        timeout=int(TIMEOUT_S * 1000),
        client_args={"trust_env": False} | ({"verify": CA} if CA else {}),
    )
    held = Credentials(token=KEY)
    return genai.Client(vertexai=True, project="any", location="anywhere", credentials=held, http_options=http)


@check
def messages_of_vertex():
    """clouds: Anthropic's client for Vertex AI has messages of models behind each format"""
    for model in BEHIND:
        answer = vertex().messages.create(model=model, max_tokens=64, messages=HELLO)
        assert answer.type == "message" and answer.content[0].text and answer.stop_reason == "end_turn", answer
        assert answer.usage.input_tokens > 0 and answer.usage.output_tokens > 0, answer.usage


@check
def streams_of_vertex():
    """clouds: Anthropic's client for Vertex AI has streams of models behind each format"""
    for model in BEHIND:
        with vertex().messages.stream(model=model, max_tokens=64, messages=HELLO) as stream:
            pieces = list(stream.text_stream)
            final = stream.get_final_message()
        assert "".join(pieces) == final.content[0].text and final.stop_reason == "end_turn", final


@check
def tokens_of_vertex():
    """clouds: Anthropic's client for Vertex AI counts tokens"""
    counted = vertex().messages.count_tokens(model="claude/m", messages=HELLO)
    assert counted.input_tokens > 0, counted


@check
def failures_of_vertex():
    """clouds: Anthropic's client for Vertex AI knows failures by their type"""
    asked = dict(max_tokens=64, messages=HELLO)
    raises(anthropic.NotFoundError, lambda: vertex().messages.create(model="unknown", **asked))
    stranger = vertex(access_token="nobody")
    raises(anthropic.AuthenticationError, lambda: stranger.messages.create(model="claude/m", **asked))


@check
def contents_of_vertex():
    """clouds: Google's client for Vertex AI has answers, streams and counted tokens"""
    client = google()
    for model in ("gemini%2Fm", "mock%2Fm", "claude%2Fm"):
        answer = client.models.generate_content(model=f"publishers/google/models/{model}", contents="Hello!")
        assert answer.text and answer.candidates[0].finish_reason == types.FinishReason.STOP, answer
        stream = client.models.generate_content_stream(model=f"publishers/google/models/{model}", contents="Hello!")
        assert "".join(part.text or "" for part in stream)
    assert client.models.count_tokens(model="publishers/google/models/gemini%2Fm", contents="Hello!").total_tokens > 0
