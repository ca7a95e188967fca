/**
 * strings-hand: a thread that appends lines to a builder of a shared region: `{ memory, at, name, lines }`. Each line is a
 * turn of three calls, so that lines of several threads do not mix.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { StringBuilder } from '../../src/collections/string-builder.ts'
import { attach } from '../../src/index.ts'

const { memory, at, name, lines } = workerData as { memory: ArrayBufferLike; at: number; name: string; lines: number }
const builder = new StringBuilder(attach(memory), { at })
for (let i = 0; i < lines; i++) builder.locked(() => builder.append(name).format` ${i} ä`.appendChar('\n'))
parentPort!.postMessage(lines)
