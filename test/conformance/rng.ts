/**
 * rng: random numbers that come again: the same seed, the same numbers, everywhere.
 *
 * Lives of regions are drawn with it. Their titles and failures name the seed, and a caller that passes the SEED of its
 * environment to `seedFrom` repeats one:
 *
 *   SEED=12345 npx mocha test/random.test.ts
 *
 * What is drawn is skewed as programs are: most sizes are small and a few large, often just at a power of two; most
 * blocks that go are young, a few are the oldest.
 *
 * The generator is Chris Doty-Humphrey's sfc32 (public domain): 128 bits of state, of which one word is a counter.
 */
export class Rng {
  readonly seed: number
  #a = 0
  #b = 0
  #c: number
  #counter = 1

  constructor(seed: number) {
    this.seed = seed >>> 0
    this.#c = this.seed
    for (let i = 0; i < 12; i++) this.word()
  }

  /** A whole number from 0 to 2^32 - 1. */
  word(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return sum >>> 0
  }

  /** A number from 0 up to 1, which it never is. */
  fraction(): number {
    return this.word() / 2 ** 32
  }

  /** A whole number from 0 to `n` - 1. */
  below(n: number): number {
    return Math.floor(this.fraction() * n)
  }

  /** A whole number from `least` to `most`. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1)
  }

  /** True in `part` of all cases: 0 never, 1 always. */
  chance(part: number): boolean {
    return this.fraction() < part
  }

  /** One of a list that is not empty. */
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!
  }

  /** A size from 0 to `most`: as many from each power of two to the next, a quarter of them right beside one. */
  size(most: number): number {
    const power = 2 ** this.below(Math.log2(most + 1) + 1)
    const size = this.chance(1 / 4) ? power + this.between(-1, 1) : power - 1 + this.below(power)
    return Math.min(size, most)
  }

  /** A place in a list of `count` ordered from old to young: mostly near its end, now and then the oldest. */
  age(count: number): number {
    if (this.chance(1 / 16)) return 0
    return count - 1 - Math.floor(count * this.fraction() ** 3)
  }
}

/** The seed that a text names; one of the moment where there is none. */
export function seedFrom(text: string | number | undefined): number {
  if (text === undefined || text === '') return Math.floor(Math.random() * 2 ** 32)
  const seed = Number(text)
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) {
    throw new Error(`SEED: ${text}, expected a whole number from 0 to ${2 ** 32 - 1}`)
  }
  return seed
}
