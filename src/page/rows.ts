/**
 * rows: a table that sorts by the column whose head is pressed, and shows the first twenty lines until asked for more.
 */
import { make } from './dom.ts'

export interface Column<Row> {
  readonly title: string
  readonly value: (row: Row) => number | string
  /** What is shown; the value as it is when absent. */
  readonly cell?: (row: Row) => Node | string
}

const FIRST = 20

export function sortable<Row>(columns: readonly Column<Row>[], rows: readonly Row[], sortBy: number): HTMLElement {
  const body = make('tbody')
  const heads = columns.map(({ title }, at) => {
    return make(
      'th',
      { class: kindOf(at), scope: 'col' },
      make('button', { type: 'button', click: () => press(at) }, title),
    )
  })
  const more = make('button', { type: 'button', click: () => fill(Infinity) }, `Show all ${rows.length}`)
  let sorted = [...rows]
  let by = -1
  let isDown = true

  function kindOf(at: number): string {
    return rows.length > 0 && typeof columns[at]!.value(rows[0]!) === 'string' ? 'text' : 'number'
  }

  function press(at: number): void {
    isDown = at === by ? !isDown : kindOf(at) === 'number'
    by = at
    const { value } = columns[at]!
    const compare = (a: Row, b: Row) => (value(a) < value(b) ? -1 : value(a) > value(b) ? 1 : 0)
    sorted = [...rows].sort((a, b) => (isDown ? compare(b, a) : compare(a, b)))
    for (const [i, head] of heads.entries()) {
      if (i === at) head.setAttribute('aria-sort', isDown ? 'descending' : 'ascending')
      else head.removeAttribute('aria-sort')
    }
    fill(FIRST)
  }

  function fill(most: number): void {
    const lines = sorted
      .slice(0, most)
      .map((row) =>
        make(
          'tr',
          {},
          ...columns.map(({ value, cell }, at) => make('td', { class: kindOf(at) }, cell?.(row) ?? `${value(row)}`)),
        ),
      )
    body.replaceChildren(...lines)
    more.hidden = sorted.length <= most
  }

  press(sortBy)
  const table = make('table', { class: 'rows' }, make('thead', {}, make('tr', {}, ...heads)), body)
  return make('div', {}, make('div', { class: 'scroll' }, table), more)
}
