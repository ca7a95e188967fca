/**
 * flame: a flame graph on a canvas, the root on top. Own code and not d3-flame-graph: that brings fourteen packages of d3
 * into the page (some 90 KB, this is 7) and makes several elements of each call, which is slow at ten thousand of them.
 *
 *   click, Enter      makes a call as wide as the page; a click on one above it goes back
 *   arrows            up to the caller, down to the widest callee, left and right to its neighbours
 *   Escape            back to the root
 */
import { colour, make, onFrame, onScheme, onWidth, sized } from './dom.ts'
import { type Call, depthOf, pathTo, ROOT, UNKNOWN } from './flame-tree.ts'

const ROW = 21
const GAP = 1
/** Narrower calls are not drawn, and below these nothing can be wider. */
const LEAST_WIDTH = 0.6
const PAD = 5

export interface Names {
  /** What is written in the box. */
  label(name: number): string
  /** What colours are chosen by: calls of one file look alike. */
  family(name: number): string
  /** The whole of it. */
  title(name: number): string
  value(value: number): string
}

export class Flame {
  readonly element: HTMLElement
  readonly #canvas = make('canvas', { class: 'flame', tabindex: 0, role: 'img' })
  readonly #trail = make('p', { class: 'trail', 'aria-live': 'polite' })
  readonly #names: Names
  readonly #draw = onFrame(() => this.#paint())
  readonly #colours = new Map<string, string>()
  #root: Call
  #focus: Call
  #picked: Call | undefined
  #sought = ''
  #width = 0
  #isDark = false

  constructor(root: Call, names: Names) {
    this.#root = this.#focus = root
    this.#names = names
    this.element = make('div', {}, this.#trail, this.#canvas)
    onWidth(this.element, (width) => {
      this.#width = width
      this.#draw()
    })
    onScheme(() => this.#draw())
    this.#canvas.addEventListener('click', (event) => this.#zoom(this.#callAt(event)))
    this.#canvas.addEventListener('mousemove', (event) => this.#pick(this.#callAt(event)))
    this.#canvas.addEventListener('mouseleave', () => this.#pick(undefined))
    this.#canvas.addEventListener('keydown', (event) => this.#key(event))
    this.#tell()
  }

  show(root: Call): void {
    this.#root = this.#focus = root
    this.#pick(undefined)
    this.#draw()
  }

  /** Calls whose name has this in it stay bright. */
  seek(text: string): void {
    this.#sought = text.toLowerCase()
    this.#draw()
  }

  #zoom(call: Call | undefined): void {
    if (call === undefined) return
    this.#focus = call
    this.#tell()
    this.#draw()
  }

  #pick(call: Call | undefined): void {
    if (call === this.#picked) return
    this.#picked = call
    this.#tell()
    this.#draw()
  }

  #key(event: KeyboardEvent): void {
    const picked = this.#picked ?? this.#focus
    const row = picked.above?.below ?? [picked]
    const at = row.indexOf(picked)
    const step: Record<string, () => void> = {
      ArrowUp: () => this.#pick(picked.above ?? picked),
      ArrowDown: () => this.#pick(picked.below[0] ?? picked),
      ArrowLeft: () => this.#pick(row[at - 1] ?? picked),
      ArrowRight: () => this.#pick(row[at + 1] ?? picked),
      Enter: () => this.#zoom(picked),
      Escape: () => {
        this.#pick(undefined)
        this.#zoom(this.#root)
      },
    }
    if (step[event.key] === undefined) return
    event.preventDefault()
    step[event.key]!()
  }

  /** Says what is picked, or what the whole width is. */
  #tell(): void {
    const call = this.#picked ?? this.#focus
    const { value } = call
    const all = this.#root.value
    const share = all === 0 ? '' : ` · ${((100 * value) / all).toFixed(1)} %`
    const own = call.own > 0 && call.own < value ? ` · ${this.#names.value(call.own)} of it here` : ''
    const text = `${this.#titleOf(call)} · ${this.#names.value(value)}${share}${own}`
    this.#trail.textContent = text
    this.#canvas.setAttribute('aria-label', `Flame graph. ${text}`)
    this.#canvas.dataset.focus = this.#titleOf(this.#focus)
  }

  #titleOf(call: Call): string {
    if (call.name === ROOT) return 'All'
    return call.name === UNKNOWN ? 'No stack' : this.#names.title(call.name)
  }

  #labelOf(call: Call): string {
    if (call.name === ROOT) return `All · ${this.#names.value(call.value)}`
    return call.name === UNKNOWN ? 'no stack' : this.#names.label(call.name)
  }

  #spanOf(call: Call): { x: number; width: number } {
    const focus = this.#focus
    if (call.depth < focus.depth) return { x: 0, width: this.#width }
    const scale = focus.value > 0 ? this.#width / focus.value : 0
    return { x: (call.at - focus.at) * scale, width: call.value * scale }
  }

  /** The call under the pointer: along the path to the focus, then below it. */
  #callAt(event: MouseEvent): Call | undefined {
    const box = this.#canvas.getBoundingClientRect()
    const depth = Math.floor((event.clientY - box.top) / ROW)
    const x = event.clientX - box.left
    const path = pathTo(this.#focus)
    if (depth < path.length) return path[depth]
    let call: Call | undefined = this.#focus
    while (call !== undefined && call.depth < depth) {
      call = call.below.find((below) => {
        const span = this.#spanOf(below)
        return x >= span.x && x < span.x + span.width
      })
    }
    return call
  }

  #paint(): void {
    if (this.#width === 0) return
    this.#isDark = matchMedia('(prefers-color-scheme: dark)').matches
    const path = pathTo(this.#focus)
    const context = sized(this.#canvas, this.#width, Math.max(3, depthOf(this.#root)) * ROW)
    context.font = '12px system-ui, sans-serif'
    context.textBaseline = 'middle'
    const look = { light: colour('flame-light'), chroma: colour('flame-chroma'), dim: colour('flame-dim') }
    const ink = { text: colour('flame-ink'), soft: colour('faint'), ring: colour('live'), wash: colour('map-free') }
    const paintOne = (call: Call, isAbove: boolean) => {
      const { x, width } = this.#spanOf(call)
      const isFound = this.#sought === '' || this.#titleOf(call).toLowerCase().includes(this.#sought)
      const isBright = isFound && !isAbove
      context.fillStyle = call.name < 0 ? ink.wash : isBright ? this.#hue(call.name, look) : look.dim
      context.fillRect(x, call.depth * ROW, Math.max(0.5, width - GAP), ROW - GAP)
      if (call === this.#picked) {
        context.strokeStyle = ink.ring
        context.lineWidth = 1.5
        context.strokeRect(x + 1, call.depth * ROW + 1, Math.max(1, width - GAP - 2), ROW - GAP - 2)
      }
      if (width < 30) return
      context.fillStyle = isFound ? ink.text : ink.soft
      context.fillText(fitting(context, this.#labelOf(call), width - 2 * PAD), x + PAD, call.depth * ROW + ROW / 2)
    }
    for (const call of path.slice(0, -1)) paintOne(call, true)
    const below = (call: Call) => {
      if (this.#spanOf(call).width < LEAST_WIDTH) return
      paintOne(call, false)
      for (const next of call.below) below(next)
    }
    below(this.#focus)
  }

  /** A hue for each file, pale, from a part of the circle that is easy on the eye. */
  #hue(name: number, { light, chroma }: { light: string; chroma: string }): string {
    const family = this.#names.family(name)
    const key = `${family}${this.#isDark}`
    let hue = this.#colours.get(key)
    if (hue === undefined) {
      let hash = 7
      for (let i = 0; i < family.length; i++) hash = (Math.imul(hash, 31) + family.charCodeAt(i)) >>> 0
      hue = `hsl(${(Math.imul(hash, 0x9e3779b1) >>> 8) % 360} ${chroma} ${light})`
      this.#colours.set(key, hue)
    }
    return hue
  }
}

/** As much of a text as fits. */
function fitting(context: CanvasRenderingContext2D, text: string, width: number): string {
  if (context.measureText(text).width <= width) return text
  let [least, most] = [0, text.length]
  while (least < most) {
    const middle = (least + most + 1) >> 1
    if (context.measureText(`${text.slice(0, middle)}…`).width <= width) least = middle
    else most = middle - 1
  }
  return least === 0 ? '' : `${text.slice(0, least)}…`
}
