// What the checks share: where the gateway is, clients for it, and one line of output for each check.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

// The packages stand beside the build, not beside these files.
const require = createRequire(join(process.env.RINGGATE_NODE_SDK, 'package.json'));
export const OpenAI = require('openai');
export const VERSION = require('openai/version').VERSION;
export const { Anthropic } = require('@anthropic-ai/sdk');
export const ANTHROPIC_VERSION = require('@anthropic-ai/sdk/version').VERSION;

export const { ApiError, GoogleGenAI } = require('@google/genai');
export const GOOGLE_VERSION = JSON.parse(readFileSync(join(process.env.RINGGATE_NODE_SDK, 'node_modules/@google/genai/package.json'))).version;

export const BASE_URL = process.env.RINGGATE_URL;
// A key whose group may use the model `chat` and no other.
export const NARROW_KEY = process.env.RINGGATE_NARROW_KEY;
export const HELLO = [{ role: 'user', content: 'Hello!' }];

// No answer of the mock takes long; what does not come is a failure and no wait.
export const TIMEOUT_MS = 20_000;

export function client(options = {}) {
  const apiKey = process.env.RINGGATE_KEY;
  return new OpenAI({ baseURL: BASE_URL, apiKey, maxRetries: 0, timeout: TIMEOUT_MS, ...options });
}

const checks = [];

// Registers a check under the line that is printed.
export function check(line, run) {
  checks.push({ line, run });
}

// Asserts that a call fails with exactly this class and these members; gives the error.
export async function raises(kind, call, members = {}) {
  let outcome;
  try {
    outcome = await call();
  } catch (error) {
    assert.equal(error.constructor.name, kind.name, `${error.constructor.name}: ${error.message}`);
    for (const [name, expected] of Object.entries(members)) {
      assert.deepEqual(error[name], expected, `${name} of ${error.message}`);
    }
    return error;
  }
  assert.fail(`${kind.name} was not raised; the outcome is ${JSON.stringify(outcome)}`);
}

export async function all(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

export function isRequestId(text) {
  return typeof text === 'string' && /^req_[0-9a-f]{32}$/.test(text);
}

// Runs every check; gives the number of those that failed.
export async function runAll() {
  let failed = 0;
  for (const { line, run } of checks) {
    try {
      await run();
      console.log(`ok      ${line}`);
    } catch (error) {
      failed += 1;
      console.log(`FAILED  ${line}\n${error.stack}`);
    }
  }
  console.log(`${checks.length - failed} of ${checks.length} checks passed`);
  return failed;
}
