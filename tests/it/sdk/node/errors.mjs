// Failures: each is the class that the package has for it, with what a program needs to act on it.

import assert from 'node:assert/strict';
import { HELLO, NARROW_KEY, OpenAI, all, check, client, isRequestId, raises } from './check.mjs';

const chat = (one, model, more = {}) => () => one.chat.completions.create({ model, messages: HELLO, ...more });
const streamed = (one, model) => async () => all(await chat(one, model, { stream: true })());

check('AuthenticationError: a key that is not known', async () => {
  const one = client({ apiKey: 'sk-wrong' });
  const error = await raises(OpenAI.AuthenticationError, chat(one, 'chat'), { status: 401, code: 'invalid_api_key' });
  assert.ok(isRequestId(error.requestID) && !error.message.includes('sk-wrong'));
  await raises(OpenAI.AuthenticationError, () => one.models.list());
});

check('PermissionDeniedError: a model that the key\'s group may not use', async () => {
  const narrow = client({ apiKey: NARROW_KEY });
  assert.ok((await chat(narrow, 'chat')()).choices.length);
  await raises(OpenAI.PermissionDeniedError, chat(narrow, 'mock/m'), { code: 'model_not_granted', param: 'model' });
  assert.deepEqual((await all(narrow.models.list())).map((model) => model.id), ['chat']);
});

check('NotFoundError: a model, an entry of the catalog and a path that do not exist', async () => {
  await raises(OpenAI.NotFoundError, chat(client(), 'absent'), { code: 'model_not_found', param: 'model' });
  await raises(OpenAI.NotFoundError, () => client().models.retrieve('absent'), { code: 'model_not_found' });
  await raises(OpenAI.NotFoundError, () => client().files.list(), { code: 'unknown_url' });
});

check('BadRequestError: refused by the gateway, and by the provider', async () => {
  await raises(OpenAI.BadRequestError, chat(client(), ''), { code: 'invalid_model', type: 'invalid_request_error' });
  await raises(OpenAI.BadRequestError, chat(client(), 'mock/m?fault=status:400'), { status: 400 });
});

check('ConflictError, UnprocessableEntityError: a provider\'s refusals pass as they are', async () => {
  await raises(OpenAI.ConflictError, chat(client(), 'mock/m?fault=status:409'));
  await raises(OpenAI.UnprocessableEntityError, chat(client(), 'mock/m?fault=status:422'));
});

check('RateLimitError: a provider\'s 429 passes with its time to wait', async () => {
  const error = await raises(OpenAI.RateLimitError, chat(client(), 'mock/m?fault=status:429'), { code: 'rate_limit_exceeded' });
  assert.equal(error.headers.get('retry-after'), '1');
  assert.ok(isRequestId(error.requestID));
});

check('InternalServerError: a provider that is not there, breaks off, talks nonsense, or fails by itself', async () => {
  for (const [model, status, code] of [
    ['nowhere', 502, 'upstream_connect'],
    ['mock/m?fault=reset', 502, 'upstream_reset'],
    ['mock/m?fault=garbage', 502, 'upstream_malformed'],
    ['hurried/m?fault=stall', 504, 'upstream_first_byte_timeout'],
  ]) {
    const error = await raises(OpenAI.InternalServerError, chat(client(), model), { status, code });
    assert.equal(error.error.ringgate.blame, 'upstream');
  }
  await raises(OpenAI.InternalServerError, chat(client(), 'mock/m?fault=status:503'), { status: 503 });
});

check('InternalServerError: the provider refusing the gateway\'s key is no AuthenticationError, and no key is shown', async () => {
  for (const model of ['mock/m?fault=echo_key', 'mock/m?fault=status:403']) {
    const error = await raises(OpenAI.InternalServerError, chat(client(), model), { status: 502, code: 'upstream_account' });
    assert.ok(!JSON.stringify(error.error).includes('canary'));
  }
});

check('APIError: a stream that the provider breaks off says so, and so does one with an error inside', async () => {
  for (const fault of ['reset_after:3', 'close_after:3', 'bad_chunk', 'error_event_after:3']) {
    // With pauses: what breaks before the first byte is answered 502.
    const error = await raises(OpenAI.APIError, streamed(client(), `mock/m?gap_ms=30&fault=${fault}`));
    assert.ok(error.message, fault);
  }
  const request = { model: 'mock/m?gap_ms=30&fault=close_after:3', input: 'a', stream: true };
  await raises(OpenAI.APIError, async () => all(await client().responses.create(request)), { code: 'upstream_truncated' });
});

check('APIError: what came before the break has been delivered', async () => {
  let texts = 0;
  await raises(OpenAI.APIError, async () => {
    for await (const chunk of await chat(client(), 'mock/m?fault=close_after:3', { stream: true })()) {
      texts += chunk.choices[0].delta.content ? 1 : 0;
    }
  });
  assert.equal(texts, 3);
});

check('truncated answers: an answer that is cut short is never taken for a whole one', async () => {
  for (const model of ['mock/m?fault=truncate', 'mock/m?answer_bytes=300000&fault=close_after:1']) {
    await assert.rejects(chat(client(), model)(), model);
  }
});

check('APIConnectionTimeoutError: the client\'s own patience ends', async () => {
  await raises(OpenAI.APIConnectionTimeoutError, chat(client({ timeout: 400 }), 'mock/m?fault=stall'));
});

check('APIUserAbortError: the program takes its request back', async () => {
  const signal = AbortSignal.timeout(300);
  const request = { model: 'mock/m?fault=stall', messages: HELLO };
  await raises(OpenAI.APIUserAbortError, () => client().chat.completions.create(request, { signal }));
});

check('retries: the package tries again where it helps, after the time it was told, and not where it does not', async () => {
  const patient = client({ maxRetries: 2 });
  const started = performance.now();
  assert.ok((await chat(patient, `mock/${Date.now()}?fault=status:429&times=1`)()).choices.length);
  assert.ok(performance.now() - started >= 900, 'retry-after is one second');
  const error = await raises(OpenAI.NotFoundError, chat(patient, 'absent'));
  assert.equal(error.headers.get('x-should-retry'), 'false');
});

check('errors: the same classes, fifty at once', async () => {
  const one = client();
  const models = Array(10).fill(['absent', 'nowhere', 'mock/m?fault=status:429', '', 'mock/m?fault=reset']).flat();
  const outcomes = await Promise.allSettled(models.map((model) => chat(one, model)()));
  const expected = ['NotFoundError', 'InternalServerError', 'RateLimitError', 'BadRequestError', 'InternalServerError'];
  assert.deepEqual(outcomes.map((outcome) => outcome.reason?.constructor.name), Array(10).fill(expected).flat());
});
