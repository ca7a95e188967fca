/**
 * option: one row of the table of options. The parser, the help text and docs/options.md all read these rows.
 */
export type OptionValue = string | number | boolean

export interface OptionRow {
  readonly name: string
  /** flag: name or noname. number, size (k m g): a number of at least 0. text: anything. file: a path, %p %t replaced. */
  readonly kind: 'flag' | 'number' | 'size' | 'text' | 'file' | 'choice'
  /** process: one value for all; region: shapes a region, and can be prefixed by a region's name or by `*`. */
  readonly scope: 'process' | 'region'
  /** The values allowed, for kind choice. */
  readonly choices?: readonly string[]
  /** The size of a payload: a wrapper makes the size of its own blocks of it before the wrapped method hears it. */
  readonly isPayload?: boolean
  /** Bounds, inclusive, for number and size. */
  readonly min?: number
  readonly max?: number
  /** What holds when nothing is said, in words. */
  readonly otherwise: string
  /** One sentence, for help and documents. */
  readonly about: string
  readonly example: string
}
