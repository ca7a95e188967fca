/**
 * The table of disciplines that come with the package.
 */
import type { DisciplineDef } from '../src/contract/discipline.ts'
import { buffer } from './buffer.ts'
import { memory } from './memory.ts'
import { none } from './null.ts'
import { region } from './region.ts'
import { resizable } from './resizable.ts'
import { shared } from './shared.ts'
import { definition as wasm } from './wasm.ts'

export const disciplines: DisciplineDef[] = [memory, resizable, buffer, shared, wasm, region, none]
