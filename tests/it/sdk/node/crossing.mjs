// Either package against models behind the other's format: answers, streams, tools over several turns, thoughts.

import assert from 'node:assert/strict';
import { Anthropic, BASE_URL, OpenAI, TIMEOUT_MS, all, check, client, raises } from './check.mjs';

const HELLO = [{ role: 'user', content: 'Weather in Oslo and Riga?' }];
const SCHEMA = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
const FUNCTION = { type: 'function', function: { name: 'get_weather', parameters: SCHEMA } };
const TOOL = { name: 'get_weather', input_schema: SCHEMA };
const CITIES = [{ city: 'Oslo', n: 0 }, { city: 'Riga', n: 1 }];

const chat = (model, options = {}) => client().chat.completions.create({ model, messages: HELLO, ...options });

function other() {
  const baseURL = BASE_URL.replace(/\/v1$/, '');
  return new Anthropic({ baseURL, apiKey: process.env.RINGGATE_KEY, maxRetries: 0, timeout: TIMEOUT_MS });
}

const message = (model, options = {}) => other().messages.create({ model, max_tokens: 64, messages: HELLO, ...options });

check('crossing: a chat completion of a model behind messages, whole and streamed', async () => {
  const answer = await chat('claude/m?prompt_tokens=50&cached_tokens=20');
  assert.ok(answer.choices[0].message.content && answer.choices[0].finish_reason === 'stop');
  assert.deepEqual([answer.usage.prompt_tokens, answer.usage.prompt_tokens_details.cached_tokens], [50, 20]);
  const chunks = await all(await chat('claude/m', { stream: true, stream_options: { include_usage: true } }));
  const text = chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('');
  assert.equal(text, answer.choices[0].message.content);
  assert.ok(chunks.at(-1).choices.length === 0 && chunks.at(-1).usage.completion_tokens === 8);
});

const asks = {
  whole: async (model, messages) => (await chat(model, { messages, tools: [FUNCTION] })).choices[0],
  helped: async (model, messages) => {
    const stream = client().chat.completions.stream({ model, messages, tools: [FUNCTION] });
    return (await stream.finalChatCompletion()).choices[0];
  },
};

check('crossing: a loop of tools in chat completions, with thoughts and without, the answer fed back as it is', async () => {
  for (const ask of Object.values(asks)) {
    for (const thinks of [0, 1]) {
      const model = `claude/m?tools=2&thinks=${thinks}`;
      const { message: said, finish_reason: reason } = await ask(model, HELLO);
      assert.equal(reason, 'tool_calls');
      assert.deepEqual(said.tool_calls.map((call) => JSON.parse(call.function.arguments)), CITIES);
      const results = said.tool_calls.map(({ id }) => ({ role: 'tool', tool_call_id: id, content: '-3 degrees' }));
      const history = [...HELLO, said, ...results];
      // The mock refuses a turn that called tools without the thought before it, as the provider does.
      const again = await ask(model, history);
      assert.ok(again.finish_reason === 'stop' && again.message.content);
      const more = [...history, again.message, { role: 'user', content: 'And tomorrow?' }];
      assert.equal((await ask(model, more)).finish_reason, 'stop');
    }
  }
});

check('crossing: failures behind messages are the errors of the other package', async () => {
  for (const [status, kind, code] of [
    [400, OpenAI.BadRequestError, 'invalid_request_error'],
    [404, OpenAI.NotFoundError, 'model_not_found'],
    [429, OpenAI.RateLimitError, 'rate_limit_exceeded'],
    [529, OpenAI.InternalServerError, 'server_is_overloaded'],
  ]) {
    await raises(kind, () => chat(`claude/m?fault=status:${status}`), { code });
  }
  for (const fault of ['close_after:3', 'error_event_after:3']) {
    await raises(OpenAI.APIError, async () => all(await chat(`claude/m?gap_ms=30&fault=${fault}`, { stream: true })));
  }
});

check('crossing: a message of a model behind chat completions, whole and streamed', async () => {
  const answer = await message('mock/m?prompt_tokens=50&cached_tokens=20');
  assert.deepEqual([answer.usage.input_tokens, answer.usage.cache_read_input_tokens], [30, 20]);
  const final = await other().messages.stream({ model: 'mock/m', max_tokens: 64, messages: HELLO }).finalMessage();
  assert.equal(final.content[0].text, answer.content[0].text);
  assert.ok(final.stop_reason === 'end_turn' && final.usage.output_tokens === 8);
});

const messageAsks = {
  whole: (model, messages) => message(model, { messages, tools: [TOOL] }),
  helped: (model, messages) => other().messages.stream({ model, max_tokens: 64, messages, tools: [TOOL] }).finalMessage(),
};

check('crossing: a loop of tools in messages, the blocks fed back as they are', async () => {
  for (const ask of Object.values(messageAsks)) {
    const model = 'mock/m?tools=2&thinks=1';
    const answer = await ask(model, HELLO);
    assert.deepEqual(answer.content.map((block) => block.type), ['thinking', 'text', 'tool_use', 'tool_use']);
    assert.deepEqual(answer.content.slice(2).map((block) => block.input), CITIES);
    const results = answer.content.slice(2).map(({ id }) => ({ type: 'tool_result', tool_use_id: id, content: '-3' }));
    const history = [...HELLO, { role: 'assistant', content: answer.content }, { role: 'user', content: results }];
    const again = await ask(model, history);
    assert.ok(again.stop_reason === 'end_turn' && again.content.at(-1).text);
  }
});

check('crossing: failures behind chat completions are the errors of the other package', async () => {
  for (const [status, kind] of [[400, Anthropic.BadRequestError], [404, Anthropic.NotFoundError], [429, Anthropic.RateLimitError]]) {
    const error = await raises(kind, () => message(`mock/m?fault=status:${status}`));
    assert.equal(error.error.type, 'error');
  }
  for (const fault of ['close_after:3', 'error_event_after:3']) {
    await raises(Anthropic.APIError, async () => all(await message(`mock/m?gap_ms=30&fault=${fault}`, { stream: true })));
  }
});
