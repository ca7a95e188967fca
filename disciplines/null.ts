/**
 * null: has no memory and refuses every request. The smallest discipline there is; read it first.
 */
import type { Discipline, DisciplineDef } from '../src/contract/discipline.ts'

const nothing = new ArrayBuffer(0)

export const none: DisciplineDef = {
  name: 'null',
  about: 'refuses every request',
  create: (): Discipline => ({ name: 'null', memory: () => 0, buffer: () => nothing }),
}
