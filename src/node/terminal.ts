/**
 * terminal: what the command shows: words with a colour where one is wanted, tables, numbers.
 *
 * Colour goes to a terminal that has it, unless NO_COLOR is set. Nothing depends on it: every table and picture reads
 * the same without.
 */
import { styleText } from 'node:util'
import Table from 'cli-table3'

export type Style = 'bold' | 'dim' | 'cyan' | 'yellow'

const colours = process.stdout.isTTY && process.stdout.hasColors()

export function paint(style: Style, text: string): string {
  return colours ? styleText(style, text) : text
}

export function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** A remark beside the results, on standard error. */
export function remark(text: string): void {
  process.stderr.write(`vmalloc: ${text}\n`)
}

/** 1234567.8 as 1,234,567.8. */
export function count(n: number, decimals = 0): string {
  return n.toLocaleString('en-US', { minimumFractionDigits: decimals, maximumFractionDigits: decimals })
}

export function percent(part: number): string {
  return `${(100 * part).toFixed(1)} %`
}

export interface Column<Row> {
  readonly title: string
  readonly cell: (row: Row) => string
  /** Numbers stand at the right. */
  readonly right?: boolean
}

export function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const none = { top: '', 'top-mid': '', 'top-left': '', 'top-right': '', bottom: '', 'bottom-mid': '' }
  const sides = { 'bottom-left': '', 'bottom-right': '', left: '', 'left-mid': '', right: '', 'right-mid': '' }
  const lines = new Table({
    head: columns.map(({ title }) => paint('bold', title)),
    chars: { ...none, ...sides, mid: '', 'mid-mid': '', middle: '  ' },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
    colAligns: columns.map(({ right }) => (right ? 'right' : 'left')),
  })
  for (const row of rows) lines.push(columns.map(({ cell }) => cell(row)))
  return lines
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
}
