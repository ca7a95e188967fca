/**
 * frames: calls inside of rewritten modules, as they are called in the module's own file.
 *
 *   the engine says   wasm://wasm/vm1~sqlite-wasm-00361ade, byte 0xbc975 of the rewritten module
 *   a stack says      sqlite3_step (wasm://sqlite-wasm:0xbc9a1), byte of the original file
 *
 * Functions without a name are called wasm-function[2720], by their number in the original file, which is the same.
 */
import { type Frame, readFramesOf } from '../ground/stacks.ts'
import type { Facts } from './facts.ts'

const factsById = new Map<string, { facts: Facts; label: string }>()

/** Frames of a rewritten module can be read from now on. */
export function keepFacts(facts: Facts, label: string): void {
  factsById.set(facts.id, { facts, label })
}

/** Stacks are told where calls inside of modules are. */
export function nameFrames(): void {
  readFramesOf(/^wasm:\/\/wasm\/(.*)-[0-9a-f]{8}$/, (found, frame, offset) => {
    const known = factsById.get(found[1]!)
    const place = known?.facts.place(offset)
    if (known === undefined || place === undefined) return { ...frame, line: offset, column: 0 }
    return { name: place.name, file: `wasm://${known.label}`, line: place.offset, column: 0 } satisfies Frame
  })
}
