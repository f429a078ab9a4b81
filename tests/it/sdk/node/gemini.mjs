// Google's package: answers, streams, tools with signatures, the catalog and failures, of models behind every format.

import assert from 'node:assert/strict';
import { ApiError, BASE_URL, GoogleGenAI, NARROW_KEY, TIMEOUT_MS, all, check, raises } from './check.mjs';

const SCHEMA = { type: 'object', properties: { city: { type: 'string' } } };
const TOOLS = [{ functionDeclarations: [{ name: 'get_weather', description: 'The weather.', parametersJsonSchema: SCHEMA }] }];
const CITIES = [{ city: 'Oslo', n: 0 }, { city: 'Riga', n: 1 }];
// A model behind Google's own format, `OpenAI`'s and Anthropic's.
const BEHIND = ['gemini/m', 'mock/m', 'claude/m'];

function client(apiKey = process.env.RINGGATE_KEY) {
  const httpOptions = { baseUrl: BASE_URL.replace(/\/v1$/, ''), timeout: TIMEOUT_MS };
  return new GoogleGenAI({ apiKey, httpOptions, vertexai: false });
}

// The name of a model of the mock with its settings, as a path must have it: the package does not escape it.
const named = (model, settings) => `${model}%3F${settings.replaceAll('&', '%26')}`;
const ask = (model, options = {}, key) => client(key).models.generateContent({ model, contents: 'Hello!', ...options });
const stream = (model, options = {}) => client().models.generateContentStream({ model, contents: 'Hello!', ...options });

check('gemini: an answer with its text, usage and reason, of a model behind each format', async () => {
  for (const model of BEHIND) {
    const answer = await ask(named(model, 'prompt_tokens=50&cached_tokens=20'));
    assert.ok(answer.text && answer.candidates[0].finishReason === 'STOP');
    const usage = answer.usageMetadata;
    assert.deepEqual([usage.promptTokenCount, usage.cachedContentTokenCount, usage.totalTokenCount], [50, 20, 58]);
    const cut = await ask(model, { config: { maxOutputTokens: 3, systemInstruction: 'Be brief.' } });
    assert.equal(cut.candidates[0].finishReason, 'MAX_TOKENS');
  }
});

check('gemini stream: the pieces are the whole answer\'s text, and the last has reason and usage', async () => {
  for (const model of BEHIND) {
    const [whole, chunks] = [await ask(model), await all(await stream(model))];
    assert.equal(chunks.map((chunk) => chunk.text ?? '').join(''), whole.text);
    const last = chunks.at(-1);
    assert.deepEqual([last.candidates[0].finishReason, last.usageMetadata.candidatesTokenCount], ['STOP', 8]);
  }
});

const asks = {
  whole: async (model, contents, config) => (await ask(model, { contents, config })).candidates[0].content,
  streamed: async (model, contents, config) => {
    const chunks = await all(await stream(model, { contents, config }));
    return { role: 'model', parts: chunks.flatMap((chunk) => chunk.candidates[0].content.parts ?? []) };
  },
};

check('gemini: a loop of tools over three turns, thoughts and signatures fed back as the package gives them', async () => {
  const config = { tools: TOOLS, thinkingConfig: { includeThoughts: true } };
  for (const model of BEHIND) {
    for (const asked of Object.values(asks)) {
      for (const thinks of [0, 1]) {
        const name = named(model, `tools=2&thinks=${thinks}`);
        const history = [{ role: 'user', parts: [{ text: 'Weather in Oslo and Riga?' }] }];
        const said = await asked(name, history, config);
        const calls = said.parts.map((part) => part.functionCall).filter(Boolean);
        assert.deepEqual(calls.map((call) => call.args), CITIES);
        assert.equal(said.parts.some((part) => part.thought), Boolean(thinks));
        const results = calls.map((call) => ({ functionResponse: { id: call.id, name: call.name, response: { output: '-3' } } }));
        history.push(said, { role: 'user', parts: results });
        // The mock refuses a turn that called tools without the proof that it gave, as the providers do.
        const again = await asked(name, history, config);
        assert.ok(again.parts.some((part) => part.text) && !again.parts.some((part) => part.functionCall));
        history.push(again, { role: 'user', parts: [{ text: 'And tomorrow?' }] });
        assert.ok((await asked(name, history, config)).parts.length);
      }
    }
  }
});

check('gemini: tokens are counted where the provider can', async () => {
  const count = (model) => client().models.countTokens({ model, contents: 'Hello!' });
  assert.equal((await count(named('gemini/m', 'prompt_tokens=77'))).totalTokens, 77);
  await raises(ApiError, () => count('mock/m'), { status: 400 });
});

check('gemini: the catalog is listed, and an entry of it found', async () => {
  const names = (await all(await client().models.list())).map((model) => model.name);
  for (const name of ['models/chat', 'models/gemini/*', 'models/team/writer']) assert.ok(names.includes(name), names.join());
  assert.equal((await client().models.get({ model: 'team/writer' })).displayName, 'team/writer');
});

check('gemini: refusals and failures have the status that the package reads', async () => {
  for (const [status, call] of [
    [401, () => ask('gemini/m', {}, 'sk-wrong')],
    [403, () => ask('gemini/m', {}, NARROW_KEY)],
    [404, () => ask('absent')],
    [404, () => stream('absent')],
    ...BEHIND.flatMap((model) => [400, 404, 429, 503].map((code) => [code, () => ask(named(model, `fault=status:${code}`))])),
  ]) {
    const error = await raises(ApiError, call, { status });
    assert.equal(JSON.parse(error.message).error.code, status, error.message);
  }
});

check('gemini stream: a stream that breaks, or has an error inside, is an error and no shorter answer', async () => {
  for (const model of BEHIND) {
    for (const fault of ['close_after:3', 'error_event_after:3']) {
      await assert.rejects(async () => all(await stream(named(model, `gap_ms=30&fault=${fault}`))), `${model} ${fault}`);
    }
  }
});
