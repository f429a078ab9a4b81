// Streams: every event in order, usage only where it was asked for, and an early end.

import assert from 'node:assert/strict';
import { HELLO, all, check, client } from './check.mjs';

const chat = (options) => client().chat.completions.create({ model: 'chat', messages: HELLO, stream: true, ...options });
const texts = (chunks) => chunks.map((chunk) => chunk.choices[0]?.delta.content).filter(Boolean);

check('chat stream: the text is that of the whole answer, and no usage is there that was not asked for', async () => {
  const whole = await client().chat.completions.create({ model: 'chat', messages: HELLO });
  const chunks = await all(await chat());
  assert.equal(texts(chunks).join(''), whole.choices[0].message.content);
  assert.ok(chunks.every((chunk) => chunk.choices.length === 1 && !chunk.usage));
  assert.equal(chunks.at(-1).choices[0].finish_reason, 'stop');
});

check('chat stream: usage that was asked for comes last, without choices', async () => {
  const chunks = await all(await chat({ stream_options: { include_usage: true } }));
  assert.deepEqual(chunks.at(-1).choices, []);
  assert.equal(chunks.at(-1).usage.completion_tokens, 8);
  assert.ok(chunks.slice(0, -1).every((chunk) => chunk.choices.length === 1 && !chunk.usage));
});

check('chat stream: the package\'s own accumulator takes the events', async () => {
  const stream = client().chat.completions.stream({ model: 'chat', messages: HELLO });
  let deltas = '';
  stream.on('content', (delta) => { deltas += delta; });
  assert.equal((await stream.finalChatCompletion()).choices[0].message.content, deltas);
});

check('chat stream: twenty thousand chunks, in order and complete', async () => {
  assert.equal(texts(await all(await chat({ model: 'mock/m?chunks=20000&batch=7' }))).length, 20_000);
});

check('completions stream: text and the reason of the end', async () => {
  const chunks = await all(await client().completions.create({ model: 'chat', prompt: 'a', suffix: 'b', stream: true }));
  assert.ok(chunks.map((chunk) => chunk.choices[0].text).join(''));
  assert.equal(chunks.at(-1).choices[0].finish_reason, 'stop');
});

check('responses stream: every event once, numbered, ended by the completed answer', async () => {
  const events = await all(await client().responses.create({ model: 'chat', input: 'Hello!', stream: true }));
  assert.deepEqual(events.map((event) => event.sequence_number), events.map((_, at) => at));
  assert.deepEqual([events[0].type, events.at(-1).type], ['response.created', 'response.completed']);
  const deltas = events.filter((event) => event.type === 'response.output_text.delta').map((event) => event.delta);
  assert.equal(deltas.join(''), events.at(-1).response.output[0].content[0].text);
});

check('responses stream: the package\'s own accumulator takes the events', async () => {
  const final = await client().responses.stream({ model: 'chat', input: 'Hello!' }).finalResponse();
  assert.ok(final.output_text);
});

check('responses stream: a model behind Anthropic\'s format, by the package\'s own accumulator', async () => {
  const final = await client().responses.stream({ model: 'claude', input: 'Hello!' }).finalResponse();
  assert.ok(final.output_text);
  assert.equal(final.usage.total_tokens, final.usage.input_tokens + final.usage.output_tokens);
});

check('chat stream: a client that has read enough leaves, and its next request is served', async () => {
  const one = client();
  const request = { model: 'mock/m?chunks=100000&gap_ms=20', messages: HELLO, stream: true };
  for await (const chunk of await one.chat.completions.create(request)) {
    if (chunk.choices[0].delta.content) break;
  }
  const stopped = await one.chat.completions.create(request);
  stopped.controller.abort();
  assert.ok((await one.chat.completions.create({ model: 'chat', messages: HELLO })).choices.length);
});
