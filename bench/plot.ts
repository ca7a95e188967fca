/**
 * plot: a picture of time and space, as SVG that reads on light and dark paper.
 *
 *            ns an operation (each step doubles)            space
 *            10      20      40      80     160        0.0       1.0
 *   best     |    . .:| :. .                           =======|  0.93
 *   glibc    |  . .|:                                  ====|     0.80
 *
 * A dot is a trace, a bar across them the geometric mean; where it is missing, not all traces were finished.
 */
export interface Line {
  readonly name: string
  readonly isOurs: boolean
  /** Called from C, not from JavaScript. */
  readonly isNative: boolean
  readonly times: readonly number[]
  readonly mean: number | undefined
  readonly space: number | undefined
  /** How many traces there are. */
  readonly of: number
}

const ROW = 26
const TOP = 56
const LEFT = 128
const TIMES = { from: LEFT, to: 560 }
const SPACE = { from: 660, to: 800 }
const WIDTH = 860
/** Beyond this a dot stands at the edge. */
const MOST_NS = 640
const LEAST_NS = 2.5

const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .small { font-size: 11px; fill: #59636e }
  .ours { fill: #0969da } text.ours { font-weight: 600 }
  .theirs { fill: #818b98 }
  .dot { fill-opacity: .55 }
  .rule { stroke: #d1d9e0; stroke-width: 1 }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc }
    .small { fill: #9198a1 }
    .ours, text.ours { fill: #4493f8 }
    .theirs { fill: #9198a1 }
    .rule { stroke: #3d444d }
  }`

const round = (n: number) => Number(n.toFixed(1))

function timeAt(ns: number): number {
  const part = Math.log(Math.min(Math.max(ns, LEAST_NS), MOST_NS) / LEAST_NS) / Math.log(MOST_NS / LEAST_NS)
  return round(TIMES.from + part * (TIMES.to - TIMES.from))
}

function spaceAt(part: number): number {
  return round(SPACE.from + part * (SPACE.to - SPACE.from))
}

export function plot(lines: readonly Line[]): string {
  const sorted = [...lines].sort((a, b) => (a.mean ?? Infinity) - (b.mean ?? Infinity))
  const bottom = TOP + ROW * sorted.length
  const rules = [
    ...[2.5, 5, 10, 20, 40, 80, 160, 320, 640].map((ns) =>
      rule(timeAt(ns), bottom, ns === MOST_NS ? `${ns}+` : `${ns}`),
    ),
    ...[0, 0.5, 1].map((part) => rule(spaceAt(part), bottom, part.toFixed(1))),
  ]
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${bottom + 14}" role="img">`,
    '<title>Time and space of allocators over recorded traces</title>',
    `<style>${STYLE}\n</style>`,
    `<text x="${TIMES.from}" y="18">ns an operation, a dot a trace, the bar their mean</text>`,
    `<text x="${SPACE.from}" y="18">live bytes / bytes held</text>`,
    ...rules,
    ...sorted.flatMap((line, at) => row(line, TOP + ROW * (at + 0.5))),
    '</svg>',
    '',
  ].join('\n')
}

function rule(x: number, bottom: number, word: string): string {
  return `<path class="rule" d="M${x} ${TOP - 12}V${bottom}"/><text class="small" x="${x}" y="${TOP - 18}" text-anchor="middle">${word}</text>`
}

function row({ name, isOurs, isNative, times, mean, space, of }: Line, y: number): string[] {
  const who = isOurs ? 'ours' : 'theirs'
  const label = `<text${isOurs ? ' class="ours"' : ''} x="${LEFT - 14}" y="${y + 4}" text-anchor="end">${name}${isNative ? ' (in C)' : ''}</text>`
  const dots = times.map((ns) => `<circle class="${who} dot" cx="${timeAt(ns)}" cy="${y}" r="4"/>`)
  const beside = `x="${TIMES.to + 14}" y="${y + 4}"`
  const figure =
    mean === undefined
      ? [`<text class="small" ${beside}>${times.length} of ${of} traces</text>`]
      : [
          `<rect class="${who}" x="${timeAt(mean) - 2}" y="${y - 9}" width="4" height="18" rx="1"/>`,
          `<text${isOurs ? ' class="ours"' : ''} ${beside}>${mean.toFixed(mean < 100 ? 1 : 0)} ns</text>`,
        ]
  const bar =
    space === undefined
      ? []
      : [
          `<rect class="${who} dot" x="${SPACE.from}" y="${y - 6}" width="${round(Math.max(0, spaceAt(space) - SPACE.from))}" height="12"/>`,
          `<text${isOurs ? ' class="ours"' : ''} x="${SPACE.to + 12}" y="${y + 4}">${space.toFixed(2)}</text>`,
        ]
  return [label, ...dots, ...figure, ...bar]
}
