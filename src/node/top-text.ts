/**
 * top-text: names and figures as cells of a terminal: how many columns they take, and cut to as many as there are.
 *
 * A name comes from another program, so nothing in it may steer the terminal: what is not to be seen, as control
 * characters and marks that turn the direction of writing, stands as `?`. Wide characters take two columns, and those that
 * are put together from several take what the whole takes.
 */
import measure from 'fast-string-truncated-width'

const JOINER = '\u200d' // within emoji
const MORE = '~'
const SIZES = ['B', 'K', 'M', 'G', 'T', 'P']
const COUNTS = ['', 'k', 'M', 'G', 'T']

/** With `?` for everything that is no mark to be seen. */
export function visible(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu, (sign) => (sign === JOINER ? sign : '?'))
}

/** Columns that it takes. */
export function widthOf(text: string): number {
  return measure(text).width
}

/** At most so many columns of it; `~` at its end where something is missing. */
export function cut(text: string, columns: number): string {
  if (columns <= 0) return ''
  if (widthOf(text) <= columns) return text
  return text.slice(0, measure(text, { limit: columns - 1, ellipsis: '' }, {}).index) + MORE
}

/** Exactly so many columns. */
export function left(text: string, columns: number): string {
  const fit = cut(text, columns)
  return fit + ' '.repeat(Math.max(columns - widthOf(fit), 0))
}

export function right(text: string, columns: number): string {
  const fit = cut(text, columns)
  return ' '.repeat(Math.max(columns - widthOf(fit), 0)) + fit
}

/** Bytes in at most five columns: 512B, 1.5K, 1023K, 16.0M. */
export function sizeCell(bytes: number): string {
  if (bytes < 1024) return `${Math.round(bytes)}B`
  return inUnits(bytes, 1024, SIZES)
}

/** A count, or so many a second, in at most five columns: 0, 0.5, 12345, 123k, 1.2M. */
export function countCell(count: number): string {
  if (count < 9.95 && !Number.isInteger(count)) return count.toFixed(1)
  if (count < 99_999.5) return String(Math.round(count))
  return inUnits(count, 1000, COUNTS)
}

function inUnits(value: number, step: number, units: readonly string[]): string {
  let unit = 0
  for (; value >= step - 0.5 && unit < units.length - 1; unit++) value /= step
  return (value < 99.95 ? value.toFixed(1) : value.toFixed(0)) + units[unit]
}

/** Seconds as 9 s, 1:05 or 2:01:05. */
export function spanCell(seconds: number): string {
  const whole = Math.max(Math.floor(seconds), 0)
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60]
  const two = (n: number) => String(n).padStart(2, '0')
  if (whole < 60) return `${whole} s`
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`
}

/** `[####----]` in so many columns; full when `part` is 1 or more. */
export function bar(part: number, columns: number): string {
  const room = columns - 2
  const filled = Math.round(Math.min(Math.max(part, 0), 1) * room)
  return `[${'#'.repeat(filled)}${'-'.repeat(room - filled)}]`
}
