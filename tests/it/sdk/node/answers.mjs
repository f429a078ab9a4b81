// Answers that are no streams: every endpoint, as the package reads it.

import assert from 'node:assert/strict';
import { HELLO, OpenAI, all, check, client, isRequestId } from './check.mjs';

const WAV = Buffer.concat(Array(64).fill(Buffer.from('RIFF\x24\0\0\0WAVEfmt \0\r\n--not-a-boundary\r\n\xff', 'latin1')));
const wav = (name = 'a.wav') => OpenAI.toFile(WAV, name);

// The bytes of a provider's answer, as they came.
async function raw(call) {
  const response = await call.asResponse();
  return Buffer.from(await response.arrayBuffer());
}

check('chat: an answer with its text, usage and request id', async () => {
  const answer = await client().chat.completions.create({ model: 'chat', messages: HELLO });
  assert.ok(answer.choices[0].message.content);
  assert.equal(answer.choices[0].finish_reason, 'stop');
  assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
  assert.ok(isRequestId(answer._request_id), answer._request_id);
});

check('chat: raw headers show request id and overhead', async () => {
  const call = client().chat.completions.create({ model: 'chat', messages: HELLO });
  const { data, response, request_id: id } = await call.withResponse();
  assert.equal(response.headers.get('x-request-id'), data._request_id);
  assert.equal(id, data._request_id);
  assert.ok(Number(response.headers.get('x-ringgate-overhead-us')) >= 0);
});

check('chat: tools and members that nobody knows reach the provider; only the model is another', async () => {
  const tools = [{ type: 'function', function: { name: 'näme "x"', parameters: { type: 'object' } } }];
  const vendor = { model: 'inner', deep: [[1, { stream: true }]] };
  const request = { model: 'mock/other?fault=echo_body', messages: HELLO, tools, vendor };
  const body = JSON.parse(await raw(client().chat.completions.create(request)));
  assert.deepEqual(body, { ...request, model: 'other?fault=echo_body' });
});

check('chat: the provider sees its own key, and neither the client\'s key nor its own headers', async () => {
  const request = { model: 'mock/m?fault=echo_headers', messages: HELLO };
  const text = String(await raw(client({ defaultHeaders: { 'x-secret': 's' } }).chat.completions.create(request)));
  assert.ok(!text.includes('canary-client') && !text.includes('x-secret') && !text.includes('x-stainless'), text);
  assert.ok(text.includes('Bearer canary-upstream'), text);
});

check('chat: two megabytes go up, two megabytes come down', async () => {
  const messages = [{ role: 'user', content: '€uro '.repeat(300_000) }];
  const echo = JSON.parse(await raw(client().chat.completions.create({ model: 'mock/m?fault=echo_headers', messages })));
  assert.ok(echo.body_bytes > 2_000_000);
  const answer = await client().chat.completions.create({ model: 'mock/m?answer_bytes=2000000', messages: HELLO });
  assert.ok(answer.choices[0].message.content.length >= 1_999_000);
});

check('completions: a suffix reaches the provider', async () => {
  const create = (suffix) => client().completions.create({ model: 'chat', prompt: 'def f(x):', suffix });
  const [plain, both] = [await create(undefined), await create('    return x\n'.repeat(8))];
  assert.ok(plain.choices[0].text && both.usage.prompt_tokens > plain.usage.prompt_tokens);
});

check('embeddings: base64, which the package asks for by itself, gives the right numbers, as plain lists do', async () => {
  for (const options of [{}, { encoding_format: 'float' }]) {
    const found = await client().embeddings.create({ model: 'chat', input: ['a', 'b'], dimensions: 4, ...options });
    assert.deepEqual(found.data.map((e) => Array.from(e.embedding)), [[1, 0, 0, 0], [0, 1, 0, 0]]);
  }
});

check('responses: text, usage and status', async () => {
  const answer = await client().responses.create({ model: 'chat', input: 'Hello!', instructions: 'Be brief.' });
  assert.ok(answer.output_text && isRequestId(answer._request_id));
  assert.deepEqual([answer.status, answer.usage.output_tokens], ['completed', 8]);
});

check('models: the catalog is listed and each entry found, names with slashes too', async () => {
  const listed = (await all(client().models.list())).map((model) => model.id);
  for (const name of ['chat', 'mock/*', 'team/writer']) assert.ok(listed.includes(name), listed.join());
  for (const name of ['chat', 'team/writer']) assert.equal((await client().models.retrieve(name)).id, name);
});

check('moderations: every input has a result', async () => {
  const found = await client().moderations.create({ model: 'chat', input: ['a', 'b'] });
  assert.deepEqual(found.results.map((result) => result.flagged), [false, false]);
});

check('images: one is made, and one is edited from an upload', async () => {
  const made = await client().images.generate({ model: 'chat', prompt: 'a dot' });
  assert.ok(Buffer.from(made.data[0].b64_json, 'base64').subarray(1, 4).equals(Buffer.from('PNG')));
  const image = await OpenAI.toFile(Buffer.from([0x89, 0x50, 0x4e, 0x47, 13, 10]), 'dot.png', { type: 'image/png' });
  const edited = await client().images.edit({ model: 'chat', image, prompt: 'bigger' });
  assert.equal(edited.data[0].b64_json, made.data[0].b64_json);
});

check('audio: an upload is transcribed, as an object and as text, and translated', async () => {
  const { transcriptions, translations } = client().audio;
  const heard = await transcriptions.create({ model: 'chat', file: await wav() });
  const text = await transcriptions.create({ model: 'chat', file: await wav(), response_format: 'text' });
  assert.ok(heard.text);
  assert.equal(text.trim(), heard.text);
  assert.equal((await translations.create({ model: 'chat', file: await wav() })).text, heard.text);
});

check('audio: every byte of an upload reaches the provider, and the form\'s model is the provider\'s', async () => {
  const file = await wav('ü "x".wav');
  const sent = await raw(client().audio.transcriptions.create({ model: 'mock/whisper?fault=echo_body', file, prompt: 'p' }));
  assert.ok(sent.includes(WAV) && sent.includes('whisper?fault=echo_body') && !sent.includes('mock/whisper'));
});

check('audio: speech comes as the bytes that were sent', async () => {
  for (const [model, size] of [['chat', 4096], ['mock/m?answer_bytes=700000', 700_000]]) {
    const answer = await client().audio.speech.create({ model, voice: 'alloy', input: 'Hello!' });
    assert.equal(answer.headers.get('content-type'), 'audio/mpeg');
    const bytes = Buffer.from(await answer.arrayBuffer());
    assert.ok(bytes.equals(Buffer.from(Array.from({ length: size }, (_, at) => (at * 167) % 251))), model);
  }
});

check('fifty concurrent requests, half of them streams: each has its own answer', async () => {
  const one = client();
  const whole = async (number) => {
    const size = 1000 + number;
    const answer = await one.chat.completions.create({ model: `mock/m?answer_bytes=${size}`, messages: HELLO });
    return answer.choices[0].message.content.length === size;
  };
  const streamed = async (number) => {
    const model = `mock/m?chunks=${10 + number}&gap_ms=1`;
    const chunks = await all(await one.chat.completions.create({ model, messages: HELLO, stream: true }));
    return chunks.filter((chunk) => chunk.choices[0].delta.content).length === 10 + number;
  };
  const outcomes = await Promise.all(Array.from({ length: 50 }, (_, n) => (n % 2 ? streamed(n) : whole(n))));
  assert.deepEqual(outcomes, Array(50).fill(true));
});
