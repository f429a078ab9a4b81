// The official packages for Node against a gateway with a mock provider behind it.

import { ANTHROPIC_VERSION, BASE_URL, GOOGLE_VERSION, VERSION, runAll } from './check.mjs';
import './answers.mjs';
import './streams.mjs';
import './errors.mjs';
import './http2.mjs';
import './messages.mjs';
import './operations.mjs';
import './crossing.mjs';
import './gemini.mjs';
if (process.env.RINGGATE_MATRIX) await import('./matrix.mjs');

console.log(`openai ${VERSION}, anthropic ${ANTHROPIC_VERSION}, @google/genai ${GOOGLE_VERSION}, Node ${process.version}, ${BASE_URL}`);
const failed = await runAll();
// Connections that are kept alive would hold the process up.
process.exit(failed ? 1 : 0);
