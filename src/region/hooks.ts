/**
 * hooks: for those above the regions who must hear of all of them: what opens, what closes, what a method found out.
 *
 * A listener of one region is an `Ear`, and costs that region its short way; these cost nothing until they are called.
 */
import type { Finding } from '../contract/finding.ts'
import type { OptionValue } from '../contract/option.ts'
import type { Region } from '../contract/region.ts'
import type { Options } from './options.ts'

/** What a method was opened with. */
export type Values = Readonly<Record<string, OptionValue>>
/**
 * Called with every region that opens or is attached, the options in force, and what its method was opened with; that is
 * undefined where a region was there before, and this is but another handle to it.
 */
export type Opened = (region: Region, options: Options, values: Values | undefined) => void
/** Called with every region that is about to close, while it can still be asked everything. */
export type Closing = (region: Region) => void
/** Called with everything that a debugging method finds out. */
export type Finder = (finding: Finding) => void

const opened: Opened[] = []
const closing: Closing[] = []
const finders: Finder[] = []

export function whenOpened(listener: Opened): void {
  opened.push(listener)
}

export function whenClosing(listener: Closing): void {
  closing.push(listener)
}

export function whenFound(listener: Finder): void {
  finders.push(listener)
}

/** Calls `task`, while what methods find goes to one listener and to no other. */
export function foundBy(listener: Finder, task: () => void): void {
  const others = finders.splice(0, finders.length, listener)
  try {
    task()
  } finally {
    finders.splice(0, finders.length, ...others)
  }
}

export function tellOpened(region: Region, options: Options, values: Values | undefined): void {
  for (const listener of opened) listener(region, options, values)
}

export function tellClosing(region: Region): void {
  for (const listener of closing) listener(region)
}

export function tellFound(finding: Finding): void {
  for (const listener of finders) listener(finding)
}
