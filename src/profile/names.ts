/**
 * names: how the reports name a call site that has no frames.
 */
import type { Frame } from '../ground/stacks.ts'

/** Stands where no stack was recorded. */
export const NO_STACK: Frame = { name: '(no stack)', file: '', line: 0, column: 0 }

/** The frames of a site, innermost first; never empty. */
export const framesOrNone = (frames: readonly Frame[]): readonly Frame[] => (frames.length > 0 ? frames : [NO_STACK])

/** A frame on one line. */
export function placeText({ name, file, line, column }: Frame): string {
  const place = line > 0 ? `${file}:${line}${column > 0 ? `:${column}` : ''}` : file
  return place === '' ? name : name === '' ? place : `${name} (${place})`
}
