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

export const disciplines: DisciplineDef[] = [memory, resizable, buffer, shared, region, none]
