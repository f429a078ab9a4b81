"""The packages behind one face: each asks, streams, gives its last answer and results of tools back, and fails in its way."""

import base64
import dataclasses
import json

import anthropic
import openai
from google.genai import errors as google
from google.genai import types

import gemini
import messages
from check import client

# One of each, as programs have them.
_openai, _anthropic, _google = client(), messages.client(), gemini.client()

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}, "n": {"type": "integer"}}, "required": ["city"]}
NAME, WHAT = "get_weather", "The weather in a city."
LIMIT = 2048


@dataclasses.dataclass
class Said:
    """What a model said, in no package's words."""

    text: str
    # One of `end`, `cut` and `tools`.
    reason: str
    # Input with what of it was cached, output.
    counts: tuple
    thought: str
    # Ids and arguments.
    calls: list
    # What the package is given back of it.
    kept: list
    # How many pieces of text came, of a stream.
    pieces: int = 0


class Chat:
    """openai, chat completions."""

    names = {"stop": "end", "length": "cut", "tool_calls": "tools"}
    failures = {400: openai.BadRequestError, 404: openai.NotFoundError, 429: openai.RateLimitError}
    failure, broken = openai.InternalServerError, openai.APIError

    def user(self, text):
        return [{"role": "user", "content": text}]

    def look(self):
        url = {"url": f"data:image/png;base64,{PNG}"}
        return [{"role": "user", "content": [{"type": "text", "text": "?"}, {"type": "image_url", "image_url": url}]}]

    def results(self, calls):
        return [{"role": "tool", "tool_call_id": id, "content": "-3 degrees"} for id, _ in reversed(calls)]

    def options(self, model, history, tools, thinks, limit):
        function = {"type": "function", "function": {"name": NAME, "description": WHAT, "parameters": SCHEMA}}
        options = {"model": model, "messages": history, "max_completion_tokens": limit}
        if tools:
            options |= {"tools": [function], "tool_choice": "auto", "parallel_tool_calls": True}
        return options | ({"reasoning_effort": "low"} if thinks else {})

    def ask(self, model, history, stream=False, tools=False, thinks=False, limit=LIMIT):
        options, pieces = self.options(model, history, tools, thinks, limit), 0
        if stream:
            with _openai.chat.completions.stream(**options, stream_options={"include_usage": True}) as events:
                pieces = sum(event.type == "content.delta" for event in events)
                answer = events.get_final_completion()
        else:
            answer = _openai.chat.completions.create(**options)
        said, usage = answer.choices[0].message, answer.usage
        counts = (usage.prompt_tokens, usage.prompt_tokens_details.cached_tokens, usage.completion_tokens)
        calls = [(call.id, json.loads(call.function.arguments)) for call in said.tool_calls or []]
        thought = getattr(said, "reasoning_content", None)
        return Said(said.content, self.names[answer.choices[0].finish_reason], counts, thought, calls, [said], pieces)

    def read(self, model, kind):
        options = self.options(model, self.user("?"), False, False, LIMIT)
        return _openai.chat.completions.parse(**options, response_format=kind).choices[0].message.parsed

    def drain(self, model):
        list(_openai.chat.completions.create(model=model, messages=self.user("?"), stream=True))

    def status(self, error):
        return error.status_code

    def hint(self, error):
        return error.response.headers.get("retry-after")


class Responses(Chat):
    """openai, responses."""

    def look(self):
        image = {"type": "input_image", "detail": "auto", "image_url": f"data:image/png;base64,{PNG}"}
        return [{"role": "user", "content": [{"type": "input_text", "text": "?"}, image]}]

    def results(self, calls):
        return [{"type": "function_call_output", "call_id": id, "output": "-3 degrees"} for id, _ in reversed(calls)]

    def options(self, model, history, tools, thinks, limit):
        function = {"type": "function", "name": NAME, "description": WHAT, "parameters": SCHEMA, "strict": False}
        options = {"model": model, "input": history, "store": False, "max_output_tokens": limit}
        if thinks:
            options["reasoning"] = {"effort": "low", "summary": "auto"}
            options["include"] = ["reasoning.encrypted_content"]
        if tools:
            options |= {"tools": [function], "tool_choice": "auto", "parallel_tool_calls": True}
        return options

    def ask(self, model, history, stream=False, tools=False, thinks=False, limit=LIMIT):
        options, pieces = self.options(model, history, tools, thinks, limit), 0
        if stream:
            with _openai.responses.stream(**options) as events:
                pieces = sum(event.type == "response.output_text.delta" for event in events)
                answer = events.get_final_response()
        else:
            answer = _openai.responses.create(**options)
        usage = answer.usage
        counts = (usage.input_tokens, usage.input_tokens_details.cached_tokens, usage.output_tokens)
        calls = [(i.call_id, json.loads(i.arguments)) for i in answer.output if i.type == "function_call"]
        thoughts = [part.text for i in answer.output if i.type == "reasoning" for part in i.summary]
        reason = "cut" if answer.status == "incomplete" else "tools" if calls else "end"
        return Said(answer.output_text, reason, counts, "".join(thoughts), calls, answer.output, pieces)

    def read(self, model, kind):
        options = self.options(model, self.user("?"), False, False, LIMIT)
        return _openai.responses.parse(**options, text_format=kind).output_parsed

    def drain(self, model):
        list(_openai.responses.create(model=model, input="?", stream=True))


class Messages(Chat):
    """anthropic."""

    names = {"end_turn": "end", "max_tokens": "cut", "tool_use": "tools"}
    failures = {400: anthropic.BadRequestError, 404: anthropic.NotFoundError, 429: anthropic.RateLimitError}
    failure, broken = anthropic.InternalServerError, anthropic.APIError

    def look(self):
        source = {"type": "base64", "media_type": "image/png", "data": PNG}
        return [{"role": "user", "content": [{"type": "text", "text": "?"}, {"type": "image", "source": source}]}]

    def results(self, calls):
        blocks = [{"type": "tool_result", "tool_use_id": id, "content": "-3 degrees"} for id, _ in calls]
        return [{"role": "user", "content": blocks}]

    def options(self, model, history, tools, thinks, limit):
        tool = {"name": NAME, "description": WHAT, "input_schema": SCHEMA}
        options = {"model": model, "messages": history, "max_tokens": limit}
        if thinks:
            options["thinking"] = {"type": "enabled", "budget_tokens": 1024}
        return options | ({"tools": [tool], "tool_choice": {"type": "auto"}} if tools else {})

    def ask(self, model, history, stream=False, tools=False, thinks=False, limit=LIMIT):
        options, pieces = self.options(model, history, tools, thinks, limit), 0
        if stream:
            with _anthropic.messages.stream(**options) as events:
                pieces = sum(event.type == "text" for event in events)
                answer = events.get_final_message()
        else:
            answer = _anthropic.messages.create(**options)
        usage = answer.usage
        counts = (
            usage.input_tokens + usage.cache_read_input_tokens,
            usage.cache_read_input_tokens,
            usage.output_tokens,
        )
        text = "".join(block.text for block in answer.content if block.type == "text")
        thought = "".join(block.thinking for block in answer.content if block.type == "thinking")
        calls = [(block.id, block.input) for block in answer.content if block.type == "tool_use"]
        kept = [{"role": "assistant", "content": answer.content}]
        return Said(text, self.names[answer.stop_reason], counts, thought, calls, kept, pieces)

    def read(self, model, kind):
        options = self.options(model, self.user("?"), False, False, LIMIT)
        return _anthropic.messages.parse(**options, output_format=kind).parsed_output

    def drain(self, model):
        list(messages.create(_anthropic, model, stream=True)())


class Gemini(Chat):
    """google-genai."""

    names = {types.FinishReason.STOP: "end", types.FinishReason.MAX_TOKENS: "cut"}
    failures = {400: google.ClientError, 404: google.ClientError, 429: google.ClientError}
    failure, broken = google.ServerError, google.APIError

    def user(self, text):
        return [types.UserContent(text)]

    def look(self):
        image = types.Blob(mime_type="image/png", data=base64.b64decode(PNG))
        return [types.UserContent([types.Part(text="?"), types.Part(inline_data=image)])]

    def results(self, calls):
        # Of parallel calls without ids the order tells which is which.
        responses = [types.FunctionResponse(id=id, name=NAME, response={"output": "-3"}) for id, _ in calls]
        return [types.Content(role="user", parts=[types.Part(function_response=one) for one in responses])]

    def config(self, tools, thinks, limit, **more):
        function = types.FunctionDeclaration(name=NAME, description=WHAT, parameters_json_schema=SCHEMA)
        return types.GenerateContentConfig(
            max_output_tokens=limit,
            tools=[types.Tool(function_declarations=[function])] if tools else None,
            thinking_config=types.ThinkingConfig(include_thoughts=True) if thinks else None,
            automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
            **more,
        )

    def path(self, model):
        """The package does not escape a model's name, which stands in a path."""
        return model.replace("?", "%3F").replace("&", "%26")

    def ask(self, model, history, stream=False, tools=False, thinks=False, limit=LIMIT):
        options = {"model": self.path(model), "contents": history, "config": self.config(tools, thinks, limit)}
        models = _google.models
        answers = list(models.generate_content_stream(**options)) if stream else [models.generate_content(**options)]
        parts = [part for answer in answers for part in answer.candidates[0].content.parts or []]
        usage, reason = answers[-1].usage_metadata, self.names[answers[-1].candidates[0].finish_reason]
        cached = usage.cached_content_token_count or 0
        counts = (usage.prompt_token_count, cached, usage.candidates_token_count)
        texts = [part.text for part in parts if part.text and not part.thought]
        thought = "".join(part.text for part in parts if part.thought)
        calls = [(part.function_call.id, part.function_call.args) for part in parts if part.function_call]
        kept = [types.Content(role="model", parts=parts)]
        return Said("".join(texts), "tools" if calls else reason, counts, thought, calls, kept, len(texts))

    def read(self, model, kind):
        config = self.config(False, False, LIMIT, response_mime_type="application/json", response_schema=kind)
        return _google.models.generate_content(model=self.path(model), contents="?", config=config).parsed

    def drain(self, model):
        list(_google.models.generate_content_stream(model=self.path(model), contents="?"))

    def status(self, error):
        return error.code

    def hint(self, error):
        details = error.details["error"].get("details", [])
        return next((one["retryDelay"].split(".")[0].rstrip("s") for one in details if "retryDelay" in one), None)


SPEAKERS = [Chat(), Responses(), Messages(), Gemini()]
