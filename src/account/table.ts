/**
 * table: what the texts of reports are made of: columns, sizes, names.
 *
 * Columns are those of a terminal: characters of East Asian writing and emoji take two of them, marks that stand upon
 * others none. What a terminal makes of rarer ones is not known here.
 */
import { formatSize } from '../ground/sizes.ts'

export const INDENT = '  '

export interface TextOptions {
  /** Bytes to the last one (`1,536 B`) instead of rounded (`1.5 KiB`). */
  exact?: boolean
}

/** Writes a number of bytes. */
export type SizeText = (bytes: number) => string

export function sizeText({ exact = false }: TextOptions): SizeText {
  return exact ? (bytes) => `${count(bytes)} B` : formatSize
}

/** A number of things: `1,536`. */
export const count = (n: number): string => n.toLocaleString('en-US')

/** `3 blocks`, `1 block`. */
export const blocks = (n: number): string => `${count(n)} ${n === 1 ? 'block' : 'blocks'}`

/** What grew has a plus before it. */
export const signed = (n: number, text: SizeText = count): string => `${n > 0 ? '+' : ''}${text(n)}`

/** The path of an account, or a name in it; the region's own has none. */
export const accountText = (path: string): string => (path === '' ? '(none)' : nameText(path))

/** A name on one line, whatever is in it. */
export const nameText = (name: string): string =>
  name.replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`)

const PLAIN = /^[\x20-\x7e]*$/
const NO_COLUMN = /\u200d\p{Extended_Pictographic}|\p{Emoji_Modifier}|[\p{Mn}\p{Me}\p{Cf}]/gu
const TWO_COLUMNS =
  /(?!\p{RI})\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]/gu

/** Columns that a text takes. */
export function widthOf(text: string): number {
  if (PLAIN.test(text)) return text.length
  return [...text.replace(NO_COLUMN, '').replace(TWO_COLUMNS, '  ')].length
}

/** Lines of a table: the first `left` columns begin below each other, the others end so. */
export function columns(rows: readonly (readonly string[])[], left = 1): string[] {
  const widths: number[] = []
  for (const row of rows) for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, widthOf(cell))
  return rows.map((row) =>
    row
      .map((cell, i) => {
        const rest = ' '.repeat(widths[i]! - widthOf(cell))
        return i < left ? cell + rest : rest + cell
      })
      .join('  ')
      .trimEnd(),
  )
}

/** `2026-01-31 12:00:00.000 UTC`. */
export const timeText = (ms: number): string => `${new Date(ms).toISOString().replace('T', ' ').slice(0, -1)} UTC`

export const indented = (lines: readonly string[]): string[] => lines.map((line) => (line === '' ? '' : INDENT + line))

/** A text that ends with one newline, and has no two empty lines after each other. */
export const linesText = (lines: readonly string[]): string =>
  `${lines
    .filter((line, i) => line !== '' || lines[i - 1] !== '')
    .join('\n')
    .trimEnd()}\n`
