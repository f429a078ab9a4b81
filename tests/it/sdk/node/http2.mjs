// HTTP/2 by Node's own client: many streams on one connection. The packages themselves speak HTTP/1.1.

import assert from 'node:assert/strict';
import http2 from 'node:http2';
import { BASE_URL, check, isRequestId } from './check.mjs';

const { origin } = new URL(BASE_URL);

// Posts a chat request as a stream of `connection`; gives the stream, its status and, at its end, its text.
function post(connection, request) {
  const stream = connection.request({
    ':method': 'POST',
    ':path': '/v1/chat/completions',
    authorization: `Bearer ${process.env.RINGGATE_KEY}`,
    'content-type': 'application/json',
  });
  stream.setEncoding('utf8').end(JSON.stringify({ messages: [], ...request }));
  const headers = new Promise((resolve, reject) => stream.once('response', resolve).once('error', reject));
  const text = new Promise((resolve, reject) => {
    let all = '';
    stream.on('data', (piece) => { all += piece; }).once('end', () => resolve(all)).once('error', reject);
  });
  // Whoever waits for neither does not mind either failure.
  for (const promise of [headers, text]) promise.catch(() => {});
  return { stream, headers, text };
}

async function connected(use) {
  const connection = http2.connect(origin);
  try {
    await use(connection);
  } finally {
    connection.destroy();
  }
}

check('HTTP/2: a hundred streams at once on one connection, each complete', () => connected(async (connection) => {
  const ids = new Set();
  await Promise.all(Array.from({ length: 100 }, async (_, number) => {
    const { headers, text } = post(connection, { model: `mock/m?chunks=${20 + number}&gap_ms=2`, stream: true });
    const [{ ':status': status, 'x-request-id': id }, events] = [await headers, await text];
    assert.ok(status === 200 && isRequestId(id) && events.endsWith('data: [DONE]\n\n'));
    assert.equal(events.split('"delta":{"content"').length - 1, 20 + number);
    ids.add(id);
  }));
  assert.equal(ids.size, 100);
}));

check('HTTP/2: a stream that the client takes back leaves the others alone', () => connected(async (connection) => {
  const endless = post(connection, { model: 'mock/m?chunks=100000&gap_ms=20', stream: true });
  const other = post(connection, { model: 'mock/m?chunks=50&gap_ms=5', stream: true });
  await endless.headers;
  endless.stream.close(http2.constants.NGHTTP2_CANCEL);
  assert.ok((await other.text).endsWith('data: [DONE]\n\n'));
  assert.equal((await post(connection, { model: 'chat' }).headers)[':status'], 200);
}));

check('HTTP/2: a broken answer is reset, never ended; a refusal is an answer', () => connected(async (connection) => {
  await assert.rejects(post(connection, { model: 'mock/m?fault=truncate' }).text);
  assert.equal((await post(connection, { model: 'absent' }).headers)[':status'], 404);
}));

check('HTTP/2: two megabytes go up and come down', () => connected(async (connection) => {
  const messages = [{ role: 'user', content: 'x'.repeat(2_000_000) }];
  const up = JSON.parse(await post(connection, { model: 'mock/m?fault=echo_headers', messages }).text);
  assert.ok(up.body_bytes > 2_000_000);
  const down = JSON.parse(await post(connection, { model: 'mock/m?answer_bytes=2000000' }).text);
  assert.ok(down.choices[0].message.content.length >= 1_999_000);
}));
