/**
 * format: a finding as a text to read, as AST vmalloc wrote it, or as JSON; the option `format` says which.
 *
 *   text   see ../region/finding.ts
 *   ast    corrupted data:region=1a8:block=10c0:bad byte at=24:allocated at=parser.ts,12:detected at=parser.ts,40,finish:
 *   json   {"kind":"overflow","region":"packets","method":"debug(best)","address":4288,"size":24,"offset":24,...}
 *
 * AST's line has fields that end with colons, numbers of regions and blocks in hexadecimal, and of each stack the
 * innermost call. A region is known by its name there, blanks and colons of which become underlines.
 */
import type { Finding, FindingKind } from '../contract/finding.ts'
import type { Frame } from '../ground/stacks.ts'

export type Format = 'text' | 'ast' | 'json' | 'none'

export function format(finding: Finding, as: Format): string {
  if (as === 'json') return JSON.stringify(finding)
  return as === 'ast' ? astLine(finding) : String(finding)
}

const titles: Readonly<Record<FindingKind, string>> = {
  overflow: 'corrupted data',
  underflow: 'corrupted data',
  'write-after-free': 'corrupted data',
  corrupted: 'corrupted data',
  'double-free': 'free error',
  'bad-free': 'free error',
  'bad-resize': 'resize error',
  'use-after-close': 'region error',
  'use-after-clear': 'free error',
  watch: 'alert',
  leak: 'leak',
}

function astLine(finding: Finding): string {
  const { kind, region, address, allocated, freed, detected } = finding
  const fields = [titles[kind], `region=${region.replace(/[\s:]/g, '_')}`, `block=${hex(address)}`, detail(finding)]
  if (allocated?.[0] !== undefined) fields.push(`allocated at=${place(allocated[0])}`)
  if (freed?.[0] !== undefined) fields.push(`freed at=${place(freed[0])}`)
  if (detected?.[0] !== undefined) fields.push(`detected at=${place(detected[0], true)}`)
  return `${fields.join(':')}:`
}

function detail({ kind, size, offset, total, blocks, what }: Finding): string {
  switch (kind) {
    case 'overflow':
    case 'underflow':
    case 'write-after-free':
    case 'corrupted':
      return `bad byte at=${offset}`
    case 'double-free':
      return 'already freed'
    case 'bad-free':
    case 'bad-resize':
      return 'unallocated block'
    case 'use-after-close':
      return 'region is closed'
    case 'use-after-clear':
      return 'region was cleared'
    case 'watch':
      return `size=${size}:${what.replace(/^.* is /, '').replaceAll(':', '')}`
    case 'leak':
      return `size=${total}:blocks=${blocks}`
  }
}

const hex = (n: number): string => (Number.isInteger(n) && n >= 0 ? n.toString(16) : String(n))

function place({ file, line, name }: Frame, isNamed = false): string {
  const end = file.replace(/^.*[\\/]/, '').replace(/[:,]/g, '_')
  return `${end},${line}${isNamed && name !== '' ? `,${name.replace(/[:,]/g, '_')}` : ''}`
}
