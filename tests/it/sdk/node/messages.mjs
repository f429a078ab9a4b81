// Anthropic's package: messages, streams, counted tokens, the catalog, and its typed failures.

import assert from 'node:assert/strict';
import { Anthropic, BASE_URL, HELLO, NARROW_KEY, TIMEOUT_MS, all, check, isRequestId, raises } from './check.mjs';

function client(options = {}) {
  const baseURL = BASE_URL.replace(/\/v1$/, '');
  return new Anthropic({ baseURL, apiKey: process.env.RINGGATE_KEY, maxRetries: 0, timeout: TIMEOUT_MS, ...options });
}

const request = (model, more = {}) => ({ model, max_tokens: 64, messages: HELLO, ...more });
const create = (one, model, more) => () => one.messages.create(request(model, more));

check('messages: an answer with its text, usage and request id', async () => {
  const answer = await create(client(), 'claude')();
  assert.ok(answer.content[0].text && answer.stop_reason === 'end_turn' && answer.usage.output_tokens === 8);
  assert.ok(isRequestId(answer._request_id), answer._request_id);
});

check('messages: only the provider\'s key reaches it, whichever way the client\'s came', async () => {
  for (const keys of [{}, { apiKey: null, authToken: process.env.RINGGATE_KEY }]) {
    const seen = await create(client(keys), 'claude/m?fault=echo_headers')();
    const received = Object.fromEntries(seen.headers);
    assert.equal(seen.request_line, 'POST /v1/messages HTTP/1.1');
    assert.ok(received['x-api-key'].startsWith('canary-upstream') && received['anthropic-version']);
    assert.ok(!JSON.stringify(seen).includes('canary-client') && !('authorization' in received));
  }
});

check('messages stream: every event once and in order', async () => {
  const events = await all(await create(client(), 'claude', { stream: true })());
  assert.deepEqual([events[0].type, events.at(-1).type], ['message_start', 'message_stop']);
  assert.equal(events.at(-2).usage.output_tokens, 8);
});

check('messages stream: the package\'s own accumulator takes the events', async () => {
  const stream = client().messages.stream(request('claude'));
  const pieces = [];
  stream.on('text', (text) => pieces.push(text));
  const final = await stream.finalMessage();
  assert.equal(final.content[0].text, pieces.join(''));
  assert.ok(pieces.length === 8 && isRequestId(stream.request_id), stream.request_id);
});

check('messages: tokens are counted', async () => {
  const counted = await client().messages.countTokens({ model: 'claude/m?prompt_tokens=77', messages: HELLO });
  assert.equal(counted.input_tokens, 77);
});

check('models: the catalog in Anthropic\'s shape', async () => {
  const listed = await all(client().models.list());
  assert.ok(listed.some((model) => model.id === 'claude' && model.type === 'model'));
  assert.equal((await client().models.retrieve('claude')).display_name, 'claude');
});

check('messages: each refusal is the class that the package has for it', async () => {
  const error = await raises(Anthropic.AuthenticationError, create(client({ apiKey: 'sk-wrong' }), 'claude'), { status: 401 });
  assert.ok(isRequestId(error.requestID) && error.error.error.type === 'authentication_error');
  await raises(Anthropic.PermissionDeniedError, create(client({ apiKey: NARROW_KEY }), 'claude'));
  await raises(Anthropic.NotFoundError, create(client(), 'absent'));
  await raises(Anthropic.BadRequestError, create(client(), ''));
  await raises(Anthropic.RateLimitError, create(client(), 'claude/m?fault=status:429'));
  await raises(Anthropic.ServiceUnavailableError, create(client(), 'claude/m?fault=status:529'), { status: 503 });
  await raises(Anthropic.InternalServerError, create(client(), 'claude/m?fault=echo_key'), { status: 502 });
});

check('messages stream: a stream that breaks, or has an error inside, is an error and no shorter answer', async () => {
  for (const fault of ['close_after:3', 'error_event_after:3']) {
    const stream = await create(client(), `claude/m?gap_ms=30&fault=${fault}`, { stream: true })();
    await assert.rejects(all(stream), Anthropic.APIError, fault);
  }
});
