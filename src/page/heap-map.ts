/**
 * heap-map: the heap as a picture, a cell for so many bytes, lines from the lowest address to the highest.
 *
 * The picture has one pixel for a cell and is drawn enlarged, so a moment costs as much as its pieces that changed and a
 * few thousand pixels.
 */
import { formatSize } from '../ground/sizes.ts'
import { count, percent } from '../report/words.ts'
import { colour, make, onFrame, onScheme, onWidth, sized } from './dom.ts'
import type { HeapState } from './heap-state.ts'

export const CELLS_A_LINE = 224
export const MOST_LINES = 40
const CELL_HEIGHT = 8
/** Blocks of a cell that are told in words. */
const TOLD = 3

type Rgb = readonly [number, number, number]

export class HeapMap {
  readonly element: HTMLElement
  readonly figures = make('p', { class: 'note', 'aria-live': 'polite' })
  readonly #canvas = make('canvas', { class: 'map', role: 'img' })
  readonly #under = make('p', { class: 'under' })
  readonly #state: HeapState
  readonly #tellBlock: (piece: number) => string
  readonly #pixels: ImageData
  readonly #picture = document.createElement('canvas')
  readonly #draw = onFrame(() => this.#paint())
  #shades: Rgb[] = []
  #none: Rgb = [0, 0, 0]
  #line = ''
  #width = 0
  #pointed = -1

  /** `tellBlock` says what is known of a block besides where it lies. */
  constructor(state: HeapState, tellBlock: (piece: number) => string) {
    const { columns, rows } = state.grid
    this.#state = state
    this.#tellBlock = tellBlock
    this.#pixels = new ImageData(columns, rows)
    this.#picture.width = columns
    this.#picture.height = rows
    this.element = make('div', {}, this.#canvas, this.#under)
    this.#readColours()
    onWidth(this.element, (width) => {
      this.#width = width
      this.#draw()
    })
    onScheme(() => {
      this.#readColours()
      this.#draw()
    })
    this.#canvas.addEventListener('mousemove', (event) => this.#point(this.#cellAt(event)))
    this.#canvas.addEventListener('mouseleave', () => this.#point(-1))
    this.#point(-1)
  }

  /** Shows the moment after so many events. */
  seek(moment: number): void {
    const { blocks, held } = this.#state
    this.#state.seek(moment)
    const part = held.bytes > 0 ? ` (${percent(blocks.bytes / held.bytes)})` : ''
    const text = `${count(blocks.pieces)} blocks, ${formatSize(blocks.bytes)} busy of ${formatSize(held.bytes)} held${part}`
    this.figures.textContent = text
    this.#canvas.setAttribute('aria-label', `Map of the heap: ${text}`)
    this.#draw()
    if (this.#pointed >= 0) this.#tellSoon()
  }

  /** From an empty cell to a full one, in 32 steps. */
  #readColours(): void {
    const [none, free, busy] = ['map-none', 'map-free', 'map-busy'].map((name) => rgbOf(colour(name)))
    this.#none = none!
    this.#line = colour('paper')
    this.#shades = Array.from({ length: 33 }, (_, step) =>
      mixed(free!, busy!, step === 0 ? 0 : 0.15 + (0.85 * step) / 32),
    )
  }

  #paint(): void {
    if (this.#width === 0) return
    const { grid, busyBytes, heldBytes } = this.#state
    const { data } = this.#pixels
    for (let cell = 0; cell < busyBytes.length; cell++) {
      const held = heldBytes[cell]!
      const part = held > 0 ? Math.min(1, busyBytes[cell]! / held) : 0
      const [red, green, blue] = held > 0 ? this.#shades[Math.ceil(part * 32)]! : this.#none
      data[4 * cell] = red
      data[4 * cell + 1] = green
      data[4 * cell + 2] = blue
      data[4 * cell + 3] = 255
    }
    this.#picture.getContext('2d')!.putImageData(this.#pixels, 0, 0)
    const height = grid.rows * CELL_HEIGHT
    const context = sized(this.#canvas, this.#width, height)
    context.imageSmoothingEnabled = false
    context.drawImage(this.#picture, 0, 0, this.#width, height)
    context.fillStyle = this.#line
    context.globalAlpha = 0.45
    for (let row = 1; row < grid.rows; row++) context.fillRect(0, row * CELL_HEIGHT - 1, this.#width, 1)
    context.globalAlpha = 1
    if (this.#pointed < 0) return
    const width = this.#width / grid.columns
    context.strokeStyle = colour('mark')
    context.lineWidth = 1.5
    const [x, y] = [(this.#pointed % grid.columns) * width, Math.floor(this.#pointed / grid.columns) * CELL_HEIGHT]
    context.strokeRect(x - 1, y - 1, width + 2, CELL_HEIGHT + 1)
  }

  #cellAt(event: MouseEvent): number {
    const { columns, rows } = this.#state.grid
    const box = this.#canvas.getBoundingClientRect()
    const column = Math.floor(((event.clientX - box.left) / box.width) * columns)
    const row = Math.floor((event.clientY - box.top) / CELL_HEIGHT)
    return row < 0 || row >= rows || column < 0 || column >= columns ? -1 : row * columns + column
  }

  #point(cell: number): void {
    if (cell === this.#pointed && cell >= 0) return
    this.#pointed = cell
    this.#tellSoon()
    this.#draw()
  }

  readonly #tellSoon = onFrame(() => {
    const { grid } = this.#state
    const cell = this.#pointed
    const line = formatSize(grid.unit * grid.columns)
    this.#under.textContent =
      cell < 0
        ? `A cell is ${formatSize(grid.unit)}, a line ${line}. Point at a cell to see what lies there.`
        : this.#tell(cell)
  })

  #tell(cell: number): string {
    const { grid, heldBytes, busyBytes, blocks } = this.#state
    const place = `Address ${count(grid.low + cell * grid.unit)}`
    if (heldBytes[cell] === 0) return `${place}: not held.`
    const { ats, sizes } = blocks.table
    const found = this.#state.blocksIn(cell, TOLD + 1)
    const told = found.slice(0, TOLD).map((piece) => {
      return `${formatSize(sizes[piece]!)} at ${count(ats[piece]!)}, ${this.#tellBlock(piece)}`
    })
    const more = found.length > TOLD ? ' · and more' : ''
    return `${place}: ${percent(busyBytes[cell]! / heldBytes[cell]!)} busy. ${told.join(' · ')}${more}`
  }
}

function rgbOf(hex: string): Rgb {
  const number = Number.parseInt(hex.slice(1), 16)
  return [number >> 16, (number >> 8) & 255, number & 255]
}

function mixed(from: Rgb, to: Rgb, part: number): Rgb {
  const mix = (i: 0 | 1 | 2) => Math.round(from[i] + (to[i] - from[i]) * part)
  return [mix(0), mix(1), mix(2)]
}
