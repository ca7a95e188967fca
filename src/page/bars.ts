/**
 * bars: a histogram by powers of two. Its data is what src/contract/profile.ts calls one: element k counts values from
 * 2^(k-1) to 2^k - 1.
 */
import { count, percent } from '../report/words.ts'
import { make } from './dom.ts'

/** Marks that there is room for. */
const MARKS = 8

export function bars(
  title: string,
  histogram: readonly number[],
  unit: string,
  format: (value: number) => string,
): HTMLElement {
  const from = Math.max(
    0,
    histogram.findIndex((n) => n > 0),
  )
  const shown = histogram.slice(from)
  const most = Math.max(0, ...shown)
  const total = shown.reduce((sum, n) => sum + n, 0)
  const heading = make('h2', {}, title)
  if (total === 0) return make('div', {}, heading, make('p', { class: 'note' }, 'none'))
  const list = shown.map((n, i) => {
    const range = rangeOf(from + i, format)
    const text = `${range}: ${count(Math.round(n))} ${unit} (${percent(n / total)})`
    const bar = make('i', { style: `height: ${n > 0 ? Math.max(1, (100 * n) / most) : 0}%` })
    return make('li', { title: text, 'aria-label': text }, bar)
  })
  const step = Math.max(1, Math.ceil(shown.length / MARKS))
  const marks = shown.map((_, i) => make('span', {}, i % step === 0 ? format(leastOf(from + i)) : ''))
  return make(
    'div',
    {},
    heading,
    make('p', { class: 'note' }, `${count(Math.round(most))} ${unit} in the highest bar; each bar doubles`),
    make('ul', { class: 'bars' }, ...list),
    make('div', { class: 'marks', 'aria-hidden': 'true' }, ...marks),
  )
}

const leastOf = (bucket: number) => (bucket === 0 ? 0 : 2 ** (bucket - 1))

function rangeOf(bucket: number, format: (value: number) => string): string {
  return bucket < 2 ? format(leastOf(bucket)) : `${format(leastOf(bucket))} to below ${format(2 ** bucket)}`
}
