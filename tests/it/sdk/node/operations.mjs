// The package's embeddings and completions against models behind formats that have neither as it asks for them.

import assert from 'node:assert/strict';
import { OpenAI, all, check, client, raises } from './check.mjs';

const MODELS = ['ollama/m', 'cohere/m', 'gemini/m'];

check('operations: embeddings, packed as the package asks for them by itself, and as numbers', async () => {
  for (const model of MODELS) {
    // Without a word from its user the package asks for base64, and unpacks it.
    const packed = await client().embeddings.create({ model, input: ['a', 'bc'] });
    assert.deepEqual(packed.data.map((one) => one.embedding), [[1, 0, 0, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0, 0, 0]]);
    assert.deepEqual([packed.object, packed.model], ['list', 'm']);
    assert.ok(packed.usage.prompt_tokens > 0);
    const plain = await client().embeddings.create({ model, input: 'abc', encoding_format: 'float' });
    assert.deepEqual(plain.data[0].embedding, [1, 0, 0, 0, 0, 0, 0, 0]);
    await raises(OpenAI.BadRequestError, () => client().embeddings.create({ model, input: [1, 2] }), { code: 'untranslatable' });
  }
});

check('operations: completions, whole and streamed, with usage where it was asked for', async () => {
  for (const model of [...MODELS, 'claude/m']) {
    const ask = (options) => client().completions.create({ model, prompt: 'Capital of Latvia?', max_tokens: 64, ...options });
    const { choices: [choice], usage } = await ask({});
    assert.ok(choice.text && choice.finish_reason === 'stop' && usage.completion_tokens > 0);
    const chunks = await all(await ask({ stream: true, stream_options: { include_usage: true } }));
    assert.equal(chunks.map((chunk) => chunk.choices[0]?.text ?? '').join(''), choice.text);
    assert.ok(chunks.at(-1).choices.length === 0 && chunks.at(-1).usage.completion_tokens > 0);
  }
});
