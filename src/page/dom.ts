/**
 * dom: elements in one call, colours of the style, and drawing that waits for the next frame.
 */

type Child = Node | string | undefined | false

/** An element with attributes (a function is a listener) and children. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string | number | boolean | undefined | ((event: Event) => void)>> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name, value)
    else if (value !== undefined && value !== false) element.setAttribute(name, value === true ? '' : `${value}`)
  }
  for (const child of children) if (child !== undefined && child !== false) element.append(child)
  return element
}

/** A section of the page: heading, what stands beside it, and what follows. */
export function section(id: string, title: string, beside: Child[], ...children: Child[]): HTMLElement {
  const head = make('div', { class: 'head' }, make('h2', { id: `${id}-title` }, title), ...beside)
  return make('section', { id, 'aria-labelledby': `${id}-title` }, head, ...children)
}

export const note = (text: string) => make('p', { class: 'note' }, text)

/** A colour of the style sheet, as it is now. */
export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()
}

/** Calls back when light becomes dark or dark light. */
export function onScheme(change: () => void): void {
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', change)
}

/** Calls back with the width of an element, now and whenever it changes. */
export function onWidth(element: Element, change: (width: number) => void): void {
  let last = 0
  new ResizeObserver(([entry]) => {
    const width = Math.floor(entry!.contentRect.width)
    if (width > 0 && width !== last) change((last = width))
  }).observe(element)
}

/** A function that runs `task` once before the next frame, however often it is called until then. */
export function onFrame(task: () => void): () => void {
  let waits = false
  return () => {
    if (waits) return
    waits = true
    requestAnimationFrame(() => {
      waits = false
      task()
    })
  }
}

/** A canvas sized for the screen; the context counts in CSS pixels. */
export function sized(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D {
  const ratio = devicePixelRatio || 1
  canvas.width = Math.round(width * ratio)
  canvas.height = Math.round(height * ratio)
  canvas.style.height = `${height}px`
  const context = canvas.getContext('2d')!
  context.setTransform(ratio, 0, 0, ratio, 0, 0)
  return context
}
