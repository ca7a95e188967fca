/**
 * usage: VMALLOC_OPTIONS=usage writes the list of options to standard error when the first region opens.
 */
import type { Region } from '../contract/region.ts'
import { type Options, usageText, writeReport } from './options.ts'

let told = false

export function tellUsage(_region: Region, options: Options): void {
  if (told || options.value('usage') !== true) return
  told = true
  writeReport(usageText())
}
