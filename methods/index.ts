/**
 * The table of methods that come with the package.
 */
import type { MethodDef } from '../src/contract/method.ts'
import { best } from './best.ts'
import { debug } from './debug.ts'
import { last } from './last.ts'
import { none } from './null.ts'
import { pool } from './pool.ts'
import { profile } from './profile.ts'

export const methods: MethodDef[] = [best, last, pool, debug, profile, none]

/** Other names: what wmem calls its allocators. */
export const aliases: readonly [name: string, of: string][] = [
  ['simple', 'best'],
  ['block', 'best'],
  ['block_fast', 'last'],
  ['strict', 'debug'],
]
