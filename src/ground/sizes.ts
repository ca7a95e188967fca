/**
 * sizes: numbers of bytes as people write them. k, m and g are powers of 1024, spelled k, kb or kib in any case.
 */
const SIZE = /^(?:(0x[\da-f]+|\d+)|(\d+(?:\.\d+)?)([kmg])(?:i?b)?)$/i
const POWERS = { k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 }
const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

/** Bytes, rounded to a whole number; undefined for what is no size, or beyond the safe integers. */
export function parseSize(text: string): number | undefined {
  const [, plain, amount, unit] = SIZE.exec(text) ?? []
  const bytes = plain ? Number(plain) : Math.round(Number(amount) * POWERS[unit?.toLowerCase() as keyof typeof POWERS])
  return Number.isSafeInteger(bytes) ? bytes : undefined
}

/** At most one decimal: `512 B`, `1.5 MiB`. */
export function formatSize(bytes: number): string {
  let value = bytes
  let unit = 0
  for (; Math.abs(value) >= 1023.95 && unit < UNITS.length - 1; unit++) value /= 1024
  return `${Number(value.toFixed(1))} ${UNITS[unit]}`
}
