/**
 * picture: numbers as columns of block elements, for a terminal.
 *
 *   1.5 MiB |      ▂▇█▅
 *           |   ▃▇██████▄▁
 *         0 |▂▇███████████▅▃
 */
const EIGHTHS = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']

export interface PictureOptions {
  /** Lines. */
  height: number
  /** What stands beside the highest value. */
  top: string
}

/** One column a number, none below 0. */
export function picture(values: ArrayLike<number>, { height, top }: PictureOptions): string {
  const columns = Array.from(values)
  const highest = Math.max(...columns, 1)
  const lines = Array.from({ length: height }, (_, line) => {
    const below = 8 * (height - 1 - line)
    const signs = columns.map((value) => {
      const eighths = Math.ceil((8 * height * value) / highest) - below
      return EIGHTHS[Math.min(8, Math.max(0, eighths))]!
    })
    const label = line === 0 ? top : line === height - 1 ? '0' : ''
    return `${label.padStart(top.length)} |${signs.join('')}`.trimEnd()
  })
  return lines.join('\n')
}
