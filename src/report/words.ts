/**
 * words: numbers as people read them, on the terminal and in the page.
 */
/** 1234567.8 as 1,234,567.8. */
export const count = (n: number, decimals = 0) =>
  n.toLocaleString('en-US', { minimumFractionDigits: decimals, maximumFractionDigits: decimals })
export const percent = (part: number) => `${(100 * part).toFixed(1)} %`

/** Microseconds, in the unit that suits. */
export function formatTime(us: number): string {
  if (us < 1000) return `${Number(us.toFixed(1))} µs`
  return us < 1e6 ? `${Number((us / 1e3).toFixed(1))} ms` : `${Number((us / 1e6).toFixed(1))} s`
}

/** 12,500,000 as 12.5 M, for places that are narrow. */
export function short(n: number): string {
  if (n < 10_000) return count(n)
  return n < 1e6 ? `${Number((n / 1e3).toFixed(1))} k` : `${Number((n / 1e6).toFixed(2))} M`
}
