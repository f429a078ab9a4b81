// Every package against a model of every provider's format: answers, streams, loops of tools with thoughts, objects,
// images, and failures. What must come back in the next turn, the mock looks at.

import assert from 'node:assert/strict';
import { check } from './check.mjs';
import { SPEAKERS } from './speakers.mjs';

// A model of each format, named as its provider names those of its family.
const MODELS = {
  openai: 'gpt-5-mini',
  'openai-responses': 'gpt-5-mini',
  anthropic: 'claude-opus-5-5',
  gemini: 'gemini-3.1-pro',
  bedrock: 'us.anthropic.claude-sonnet-5-v1:0',
  'bedrock-anthropic': 'anthropic.claude-haiku-5-5-v1:0',
  vertex: 'gemini-2.5-flash',
  'vertex-anthropic': 'claude-opus-4-8@20260901',
  cohere: 'command-a-03-2025',
  ollama: 'qwen3:8b',
};
const SENTENCE = 'This is a canned answer of the mock provider.';
const THOUGHT = 'Both cities "matter" ☀.';
const CITIES = [{ city: 'Oslo', n: 0 }, { city: 'Riga', n: 1 }];

const named = (provider, settings) => `${provider}/${MODELS[provider]}?${settings}`;

// Registers a check for each package, of models of all formats; those that fail are told together.
function matrix(line, run) {
  for (const speaker of SPEAKERS) {
    check(`matrix, ${speaker.name}: ${line}`, async () => {
      const failed = [];
      for (const provider of Object.keys(MODELS)) {
        await run(speaker, provider).catch((error) => failed.push(`  ${provider}: ${error.stack.slice(0, 600)}`));
      }
      assert.ok(!failed.length, `\n${failed.join('\n')}`);
    });
  }
}

matrix('text, counts and ends, whole and streamed', async (speaker, provider) => {
  for (const stream of [false, true]) {
    const said = await speaker.ask(named(provider, 'prompt_tokens=50&cached_tokens=20'), speaker.user('Hello!'), { stream });
    assert.deepEqual([said.text, said.reason, said.calls], [SENTENCE, 'end', []]);
    assert.deepEqual(said.counts, [50, provider === 'ollama' ? 0 : 20, 8]);
  }
  // Whole: of a stream that was cut OpenAI's package makes an error.
  const cut = await speaker.ask(named(provider, 'chunks=64'), speaker.user('Hello!'), { limit: 16 });
  assert.deepEqual([cut.reason, cut.counts[2]], ['cut', 16]);
});

matrix('parallel tools over three turns, with thoughts and without', async (speaker, provider) => {
  for (const stream of [false, true]) {
    for (const thinks of [false, true]) {
      const model = named(provider, `tools=2&thinks=${Number(thinks)}`);
      const options = { stream, thinks, tools: true };
      const history = speaker.user('Weather in Oslo and Riga?');
      const said = await speaker.ask(model, history, options);
      assert.deepEqual([said.reason, said.calls.map((call) => call.input)], ['tools', CITIES]);
      assert.equal(said.thought ?? '', thinks ? THOUGHT : '');
      history.push(...said.kept, ...speaker.results(said.calls));
      const again = await speaker.ask(model, history, options);
      assert.deepEqual([again.text, again.reason, again.calls], [SENTENCE, 'end', []]);
      history.push(...again.kept, ...speaker.user('And tomorrow?'));
      assert.equal((await speaker.ask(model, history, options)).text, SENTENCE);
    }
  }
});

matrix('a schema and an image reach the provider', async (speaker, provider) => {
  const said = await speaker.ask(named(provider, 'json=1&wants=schema'), speaker.user('?'), { object: true });
  assert.deepEqual(JSON.parse(said.text), { city: 'Oslo', degrees: -3 });
  assert.equal((await speaker.ask(named(provider, 'wants=image'), speaker.look())).text, SENTENCE);
});

matrix('each status is the package\'s own error, with the provider\'s hint when to come again', async (speaker, provider) => {
  for (const status of [400, 401, 403, 404, 429, 500, 502, 503]) {
    for (const ask of [(model) => speaker.ask(model, speaker.user('?')), speaker.drain]) {
      const error = await ask(named(provider, `fault=status:${status}&retry_after_s=7`)).then(
        () => assert.fail(`${status} was not raised`),
        (raised) => raised,
      );
      // What a provider says of the gateway's own key is no word on the client's.
      const expected = speaker.failures[status] ?? speaker.failure;
      assert.ok(error instanceof expected, `${status}: ${error.stack}`);
      const seen = status === 401 || status === 403 ? 502 : status;
      assert.ok(error.status === seen || (status === 502 && error.status === 500), `${status} is ${error.status}`);
      const tells = !provider.startsWith('bedrock') && provider !== 'ollama';
      if (status === 429) assert.equal(speaker.hint(error), tells ? '7' : null);
    }
  }
});

matrix('a stream that breaks, ends too early or has an error inside is an error and no shorter answer', async (speaker, provider) => {
  const faults = ['close_after:3', 'error_event_after:3', 'no_done'];
  // A chat that gave its reason is whole without its mark, and what passes as it is ends as its provider ends it.
  if (provider === 'openai' || (provider === 'openai-responses' && speaker.name === 'openai, responses')) faults.pop();
  for (const fault of faults) {
    await assert.rejects(speaker.drain(named(provider, `gap_ms=20&fault=${fault}`)), speaker.broken, fault);
  }
});
