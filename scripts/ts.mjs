/**
 * ts: `node --import ./scripts/ts.mjs file.ts` runs sources as they are, in workers too (on Node 20 `--import tsx` serves
 * the main thread alone). Modules stay ES modules: one instance each, whether imported statically or dynamically.
 */
import * as threads from 'node:worker_threads'
import { register } from 'tsx/esm/api'

if (!threads.isInternalThread) register()
