/**
 * conformance: the suites that hold methods and disciplines to their contracts, as the package's own are held.
 *
 * To check a discipline of your own, with mocha, vitest, node:test or whatever else has `describe` and `it`:
 *
 *   import { describe, it } from 'node:test'
 *   import 'vmalloc'                                              // registers what comes with the package
 *   import { disciplineSuite, methodSuite } from 'vmalloc/conformance'
 *   import { mine } from './mine.ts'
 *
 *   const seed = process.env.SEED                                 // repeats a failure, whose title names it
 *   disciplineSuite('mine', () => mine(2 ** 20), { describe, it, seed })
 *
 * `disciplineSuite` makes the four requests by hand and then lets every registered method live on it; `methodSuite`
 * takes a definition, registered or not. Both throw plain errors with a sentence that says what was seen and what was
 * expected. For tests of your own there are their parts: `randomLife`, a whole life of a region drawn from a seed;
 * `Watched`, a region held against a model at each step; `Ledger`, which writes down every request to a discipline and
 * can refuse any; `Pieces`, a discipline as awkward as the contract allows.
 */
export { type DisciplineHooks, disciplineOver, disciplineSuite } from './discipline.ts'
export type { Runner } from './expect.ts'
export { type Call, Ledger } from './ledger.ts'
export { type MethodHooks, methodSuite } from './method.ts'
export { type Live, Model } from './model.ts'
export { type Piece, Pieces, type PiecesOptions } from './pieces.ts'
export { type Life, randomLife } from './region.ts'
export { Rng, seedFrom } from './rng.ts'
export { type Ask, type Claims, claimsOf, Watched } from './watched.ts'
