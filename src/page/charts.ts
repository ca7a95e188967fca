/**
 * charts: bytes and blocks over the length of a trace, with a line at the moment that the slider shows.
 *
 * A press in a chart moves the slider there; the legend tells the values under the pointer. Where the trace has times, the axis may count milliseconds instead of
 * operations.
 */
import uPlot from 'uplot'
import { formatSize } from '../ground/sizes.ts'
import type { Curves } from '../report/data.ts'
import { count, formatTime, short } from '../report/words.ts'
import { colour, make, onScheme, onWidth } from './dom.ts'

export type Axis = 'events' | 'ms'

interface Line {
  readonly label: string
  readonly values: readonly number[]
  readonly colour: string
}

interface Chart {
  readonly host: HTMLElement
  readonly lines: readonly Line[]
  readonly height: number
  readonly unit: string
  readonly format: (value: number) => string
  readonly increments: number[] | undefined
  /** Only the lowest has an axis for both. */
  readonly isLast: boolean
  plot: uPlot | undefined
  readonly now: HTMLElement
}

/** Steps of an axis that counts bytes. */
const BINARY = Array.from({ length: 45 }, (_, power) => 2 ** power)

export class Charts {
  readonly element = make('div', { class: 'charts' })
  readonly legend: HTMLElement
  readonly #told: readonly {
    readonly line: Line
    readonly text: HTMLElement
    readonly format: (value: number) => string
  }[]
  readonly #curves: Curves
  readonly #charts: Chart[]
  readonly #moved: (moment: number) => void
  #axis: Axis = 'events'
  #moment = 0
  #width = 0

  constructor(curves: Curves, moved: (moment: number) => void) {
    this.#curves = curves
    this.#moved = moved
    const bytes: Line[] = [
      { label: 'bytes held', values: curves.extent, colour: 'held' },
      { label: 'bytes live', values: curves.live, colour: 'live' },
    ]
    const blocks: Line[] = [{ label: 'blocks live', values: curves.blocks, colour: 'count' }]
    this.#charts = [
      this.#chart('bytes-chart', 'Bytes', bytes, 210, formatSize, BINARY),
      this.#chart('blocks-chart', 'Blocks', blocks, 134, (value) => count(value), undefined),
    ]
    this.#told = this.#charts.flatMap(({ lines, format }) => lines.map((line) => ({ line, format, text: make('b') })))
    this.legend = make('span', { class: 'choice' })
    for (const { line, text } of this.#told) {
      const sign = make('i', { style: `background: var(--${line.colour})` })
      this.legend.append(make('span', { class: 'legend' }, sign, line.label, text))
    }
    onWidth(this.element, (width) => {
      this.#width = width
      this.#build()
    })
    onScheme(() => this.#build())
  }

  /** Puts the line at the moment after so many operations. */
  mark(moment: number): void {
    this.#moment = moment
    const x = this.#at(moment)
    for (const { plot, now } of this.#charts) if (plot !== undefined) now.style.left = `${plot.valToPos(x, 'x')}px`
  }

  setAxis(axis: Axis): void {
    this.#axis = axis
    this.#build()
  }

  #chart(
    id: string,
    unit: string,
    lines: readonly Line[],
    height: number,
    format: (value: number) => string,
    increments: number[] | undefined,
  ): Chart {
    const host = make('div', { class: 'chart', id, role: 'img', 'aria-label': `${unit} over the length of the trace` })
    this.element.append(host)
    const isLast = increments === undefined
    return {
      host,
      lines,
      height,
      unit,
      format,
      increments,
      isLast,
      plot: undefined,
      now: make('div', { class: 'now' }),
    }
  }

  #build(): void {
    if (this.#width === 0) return
    for (const chart of this.#charts) {
      chart.plot?.destroy()
      const xs = this.#axis === 'ms' ? this.#curves.ms! : this.#curves.events
      const data = [xs, ...chart.lines.map(({ values }) => values)] as unknown as uPlot.AlignedData
      chart.plot = new uPlot(this.#options(chart), data, chart.host)
      chart.plot.over.append(chart.now)
      this.#listen(chart.plot)
    }
  }

  #tell(point: number | null | undefined): void {
    for (const { line, text, format } of this.#told) text.textContent = point == null ? '' : format(line.values[point]!)
  }

  #options({ lines, height, unit, format, increments, isLast }: Chart): uPlot.Options {
    const isTime = this.#axis === 'ms'
    const place = (x: number) => (isTime ? formatTime(x * 1000) : short(x))
    const axis = {
      stroke: colour('soft'),
      font: '12px system-ui, sans-serif',
      labelFont: '12px system-ui, sans-serif',
      grid: { stroke: colour('rule'), width: 1 },
      ticks: { show: false },
    }
    return {
      width: this.#width,
      height,
      padding: [10, 16, isLast ? 0 : 10, 0],
      cursor: { drag: { x: false, y: false }, y: false, sync: { key: 'time' }, points: { size: 6 } },
      scales: { x: { time: false }, y: { range: (_, __, most) => [0, most > 0 ? most * 1.06 : 1] } },
      legend: { show: false },
      hooks: {
        ready: [() => this.mark(this.#moment)],
        setCursor: [
          ({ cursor: { idx } }) => {
            this.#tell(idx)
          },
        ],
      },
      series: [
        {},
        ...lines.map(({ label, colour: name }) => ({
          label,
          stroke: colour(name),
          fill: colour(`${name}-fill`),
          width: 1.5,
          points: { show: false },
        })),
      ],
      axes: [
        {
          ...axis,
          show: isLast,
          space: 80,
          values: (_, xs) => xs.map(place),
          label: isTime ? 'time' : 'operations',
          labelSize: 18,
          size: 26,
        },
        {
          ...axis,
          values: (_, ys) => ys.map(format),
          label: unit,
          labelSize: 18,
          size: 58,
          ...(increments && { incrs: increments }),
        },
      ],
    }
  }

  #listen(plot: uPlot): void {
    const { over } = plot
    const move = (event: PointerEvent) => {
      const x = event.clientX - over.getBoundingClientRect().left
      this.#moved(this.#momentAt(plot.posToVal(x, 'x')))
    }
    over.addEventListener('pointerdown', (event) => {
      over.setPointerCapture(event.pointerId)
      move(event)
    })
    over.addEventListener('pointermove', (event) => {
      if (over.hasPointerCapture(event.pointerId)) move(event)
    })
  }

  /** Where a moment is on the axis. */
  #at(moment: number): number {
    const { events, ms } = this.#curves
    return this.#axis === 'ms' ? between(events, ms!, moment) : moment
  }

  #momentAt(x: number): number {
    const { events, ms } = this.#curves
    return Math.round(this.#axis === 'ms' ? between(ms!, events, x) : x)
  }
}

/** The value at `x` of a curve through points whose first coordinates ascend. */
export function between(xs: readonly number[], ys: readonly number[], x: number): number {
  let [least, most] = [0, xs.length - 1]
  while (least < most) {
    const middle = (least + most) >> 1
    if (xs[middle]! < x) least = middle + 1
    else most = middle
  }
  const [x0, x1] = [xs[Math.max(0, least - 1)] ?? 0, xs[least] ?? 0]
  const [y0, y1] = [ys[Math.max(0, least - 1)] ?? 0, ys[least] ?? 0]
  return x1 === x0 ? y1 : y0 + (y1 - y0) * Math.min(1, Math.max(0, (x - x0) / (x1 - x0)))
}
