// The packages behind one face: each asks, streams, gives its last answer and results of tools back, and fails in its way.

import { Anthropic, ApiError, BASE_URL, GoogleGenAI, OpenAI, TIMEOUT_MS, all, client } from './check.mjs';

const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII=';
const URL_OF_PNG = `data:image/png;base64,${PNG}`;
const SCHEMA = { type: 'object', properties: { city: { type: 'string' }, n: { type: 'integer' } }, required: ['city'] };
const OBJECT = { ...SCHEMA, properties: { city: { type: 'string' }, degrees: { type: 'integer' } }, additionalProperties: false };
const NAME = 'get_weather';
const LIMIT = 2048;
const RESULT = '-3 degrees';

// One of each, as programs have them.
const origin = BASE_URL.replace(/\/v1$/, '');
const apiKey = process.env.RINGGATE_KEY;
const openai = client();
const anthropic = new Anthropic({ baseURL: origin, apiKey, maxRetries: 0, timeout: TIMEOUT_MS });
const google = new GoogleGenAI({ apiKey, httpOptions: { baseUrl: origin, timeout: TIMEOUT_MS }, vertexai: false });

const failuresOf = (kind) => ({ 400: kind.BadRequestError, 404: kind.NotFoundError, 429: kind.RateLimitError });

// What a model said, in no package's words: `text`, `reason` (`end`, `cut` or `tools`), `counts` (input with what of it was
// cached, output), `thought`, `calls` (ids and arguments), and `kept`, what the package is given back of it.
const chat = {
  name: 'openai, chat completions',
  failures: failuresOf(OpenAI),
  failure: OpenAI.InternalServerError,
  broken: OpenAI.APIError,
  user: (text) => [{ role: 'user', content: text }],
  look: () => [{ role: 'user', content: [{ type: 'image_url', image_url: { url: URL_OF_PNG } }] }],
  results: (calls) => calls.map(({ id }) => ({ role: 'tool', tool_call_id: id, content: RESULT })).reverse(),
  async ask(model, messages, { stream, tools, thinks, object, limit = LIMIT } = {}) {
    const request = { model, messages, max_completion_tokens: limit };
    if (tools) Object.assign(request, { tools: [{ type: 'function', function: { name: NAME, parameters: SCHEMA } }], tool_choice: 'auto' });
    if (thinks) request.reasoning_effort = 'low';
    if (object) request.response_format = { type: 'json_schema', json_schema: { name: 'weather', schema: OBJECT, strict: true } };
    const answer = stream
      ? await openai.chat.completions.stream({ ...request, stream_options: { include_usage: true } }).finalChatCompletion()
      : await openai.chat.completions.create(request);
    const { choices: [{ message, finish_reason: reason }], usage } = answer;
    return {
      text: message.content,
      reason: { stop: 'end', length: 'cut', tool_calls: 'tools' }[reason],
      counts: [usage.prompt_tokens, usage.prompt_tokens_details.cached_tokens, usage.completion_tokens],
      thought: message.reasoning_content,
      calls: (message.tool_calls ?? []).map((call) => ({ id: call.id, input: JSON.parse(call.function.arguments) })),
      kept: [message],
    };
  },
  drain: async (model) => all(await openai.chat.completions.create({ model, messages: chat.user('?'), stream: true })),
  hint: (error) => error.headers.get('retry-after'),
};

const responses = {
  ...chat,
  name: 'openai, responses',
  look: () => [{ role: 'user', content: [{ type: 'input_image', detail: 'auto', image_url: URL_OF_PNG }] }],
  results: (calls) => calls.map(({ id }) => ({ type: 'function_call_output', call_id: id, output: RESULT })).reverse(),
  async ask(model, input, { stream, tools, thinks, object, limit = LIMIT } = {}) {
    const request = { model, input, store: false, max_output_tokens: limit };
    if (tools) Object.assign(request, { tools: [{ type: 'function', name: NAME, parameters: SCHEMA, strict: false }], tool_choice: 'auto' });
    if (thinks) Object.assign(request, { reasoning: { effort: 'low', summary: 'auto' }, include: ['reasoning.encrypted_content'] });
    if (object) request.text = { format: { type: 'json_schema', name: 'weather', schema: OBJECT, strict: true } };
    const answer = stream ? await openai.responses.stream(request).finalResponse() : await openai.responses.create(request);
    const of = (type) => answer.output.filter((item) => item.type === type);
    const calls = of('function_call').map((call) => ({ id: call.call_id, input: JSON.parse(call.arguments) }));
    return {
      text: answer.output_text,
      reason: answer.status === 'incomplete' ? 'cut' : calls.length ? 'tools' : 'end',
      counts: [answer.usage.input_tokens, answer.usage.input_tokens_details.cached_tokens, answer.usage.output_tokens],
      thought: of('reasoning').flatMap((item) => item.summary.map((part) => part.text)).join(''),
      calls,
      // The helper's own members are no part of an item.
      kept: answer.output.map(({ parsed_arguments: _, ...item }) => item),
    };
  },
  drain: async (model) => all(await openai.responses.create({ model, input: '?', stream: true })),
};

const messages = {
  ...chat,
  name: 'anthropic',
  failures: failuresOf(Anthropic),
  failure: Anthropic.InternalServerError,
  broken: Anthropic.APIError,
  look: () => [{ role: 'user', content: [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: PNG } }] }],
  results: (calls) => [{ role: 'user', content: calls.map(({ id }) => ({ type: 'tool_result', tool_use_id: id, content: RESULT })) }],
  async ask(model, history, { stream, tools, thinks, object, limit = LIMIT } = {}) {
    const request = { model, messages: history, max_tokens: limit };
    if (tools) request.tools = [{ name: NAME, input_schema: SCHEMA }];
    if (thinks) request.thinking = { type: 'enabled', budget_tokens: 1024 };
    if (object) request.output_config = { format: { type: 'json_schema', schema: OBJECT } };
    const answer = stream ? await anthropic.messages.stream(request).finalMessage() : await anthropic.messages.create(request);
    const of = (type) => answer.content.filter((block) => block.type === type);
    const { input_tokens: input, cache_read_input_tokens: cached, output_tokens: output } = answer.usage;
    return {
      text: of('text').map((block) => block.text).join(''),
      reason: { end_turn: 'end', max_tokens: 'cut', tool_use: 'tools' }[answer.stop_reason],
      counts: [input + cached, cached, output],
      thought: of('thinking').map((block) => block.thinking).join(''),
      calls: of('tool_use'),
      kept: [{ role: 'assistant', content: answer.content }],
    };
  },
  drain: async (model) => all(await anthropic.messages.create({ model, max_tokens: 64, messages: chat.user('?'), stream: true })),
};

// The package does not escape a model's name, which stands in a path.
const path = (model) => model.replace('?', '%3F').replaceAll('&', '%26');

const gemini = {
  name: '@google/genai',
  failures: {},
  failure: ApiError,
  broken: Error,
  user: (text) => [{ role: 'user', parts: [{ text }] }],
  look: () => [{ role: 'user', parts: [{ inlineData: { mimeType: 'image/png', data: PNG } }] }],
  results: (calls) => [{ role: 'user', parts: calls.map(({ id }) => ({ functionResponse: { id, name: NAME, response: { output: RESULT } } })) }],
  async ask(model, contents, { stream, tools, thinks, object, limit = LIMIT } = {}) {
    const config = { maxOutputTokens: limit };
    if (tools) config.tools = [{ functionDeclarations: [{ name: NAME, parametersJsonSchema: SCHEMA }] }];
    if (thinks) config.thinkingConfig = { includeThoughts: true };
    if (object) Object.assign(config, { responseMimeType: 'application/json', responseJsonSchema: OBJECT });
    const request = { model: path(model), contents, config };
    const answers = stream
      ? await all(await google.models.generateContentStream(request))
      : [await google.models.generateContent(request)];
    const parts = answers.flatMap((answer) => answer.candidates[0].content.parts ?? []);
    const { usageMetadata: usage, candidates: [{ finishReason: reason }] } = answers.at(-1);
    const join = (some) => some.map((part) => part.text ?? '').join('');
    const calls = parts.filter((part) => part.functionCall).map(({ functionCall: { id, args } }) => ({ id, input: args }));
    return {
      text: join(parts.filter((part) => !part.thought)),
      reason: calls.length ? 'tools' : { STOP: 'end', MAX_TOKENS: 'cut' }[reason],
      counts: [usage.promptTokenCount, usage.cachedContentTokenCount ?? 0, usage.candidatesTokenCount],
      thought: join(parts.filter((part) => part.thought)),
      calls,
      kept: [{ role: 'model', parts }],
    };
  },
  drain: async (model) => all(await google.models.generateContentStream({ model: path(model), contents: '?' })),
  hint(error) {
    const details = JSON.parse(error.message).error.details ?? [];
    return details.find((one) => one.retryDelay)?.retryDelay.split('.')[0].replace('s', '') ?? null;
  },
};

export const SPEAKERS = [chat, responses, messages, gemini];
