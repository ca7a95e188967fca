/**
 * json: a report in a file, and back.
 *
 *   { "vmalloc": "report", "version": 1, "taken": ..., "regions": [ ... ], "closed": [ ... ] }
 *
 * A report is plain data, so this is what JSON.stringify makes of it, with a name and a version before it. JSON has no
 * Infinity, so a limit that is none is null there, and nothing stands for undefined; reading puts both right. What
 * is read may be from anywhere: all of it is looked at.
 */
import { VmallocError } from '../ground/fault.ts'
import type { Counts } from './account.ts'
import { type AccountFigures, type ClosedFigures, mustBeReport, type RegionFigures, type Report } from './report.ts'

const VERSION = 1

/** One line of JSON, without a newline at its end. Throws VmallocError `argument` for what is no report. */
export function reportJson(report: Report): string {
  mustBeReport('reportJson', report)
  return JSON.stringify({ vmalloc: 'report', version: VERSION, ...report })
}

/**
 * The report that `reportJson`, or JSON.stringify, wrote. Throws VmallocError `argument`, which says where something else
 * stands in the text than was expected.
 */
export function readReport(text: string): Report {
  const { vmalloc = 'report', version = VERSION, ...report } = fieldsOf(parsed(text), 'the text')
  if (vmalloc !== 'report' || version !== VERSION) {
    throw wrong('the text', `${String(vmalloc)}, version ${String(version)}`, `a report, version ${VERSION}`)
  }
  return {
    taken: numberOf(report, 'taken'),
    started: numberOf(report, 'started'),
    pid: numberOf(report, 'pid'),
    thread: numberOf(report, 'thread'),
    regions: listOf(report, 'regions', '').map(regionOf),
    closed: listOf(report, 'closed', '').map(closedOf),
  }
}

type Fields = Readonly<Record<string, unknown>>

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new VmallocError('argument', `readReport: expected JSON: ${(error as Error).message}`, { cause: error })
  }
}

function regionOf(value: unknown, index: number): RegionFigures {
  const where = `regions[${index}]`
  const region = fieldsOf(value, where)
  return {
    id: numberOf(region, 'id', where),
    name: textOf(region, 'name', where),
    method: textOf(region, 'method', where),
    discipline: textOf(region, 'discipline', where),
    parent: isMissing(region.parent) ? undefined : numberOf(region, 'parent', where),
    shared: flagOf(region, 'shared', where),
    busyBytes: numberOf(region, 'busyBytes', where),
    highTide: numberOf(region, 'highTide', where),
    extent: numberOf(region, 'extent', where),
    accounts: isMissing(region.accounts) ? undefined : accountOf(region.accounts, `${where}.accounts`),
  }
}

function accountOf(value: unknown, where: string): AccountFigures {
  const account = fieldsOf(value, where)
  const limits = fieldsOf(account.limits, `${where}.limits`)
  return {
    path: textOf(account, 'path', where),
    name: textOf(account, 'name', where),
    own: countsOf(account.own, `${where}.own`),
    total: countsOf(account.total, `${where}.total`),
    limits: { hard: limitOf(limits, 'hard', `${where}.limits`), soft: limitOf(limits, 'soft', `${where}.limits`) },
    accounts: listOf(account, 'accounts', where).map((below, i) => accountOf(below, `${where}.accounts[${i}]`)),
  }
}

function countsOf(value: unknown, where: string): Counts {
  const counts = fieldsOf(value, where)
  return {
    bytes: numberOf(counts, 'bytes', where),
    blocks: numberOf(counts, 'blocks', where),
    peak: numberOf(counts, 'peak', where),
    allocs: numberOf(counts, 'allocs', where),
    frees: numberOf(counts, 'frees', where),
    failures: numberOf(counts, 'failures', where),
  }
}

function closedOf(value: unknown, index: number): ClosedFigures {
  const where = `closed[${index}]`
  const figures = fieldsOf(value, where)
  return {
    region: textOf(figures, 'region', where),
    path: textOf(figures, 'path', where),
    allocs: numberOf(figures, 'allocs', where),
    frees: numberOf(figures, 'frees', where),
    failures: numberOf(figures, 'failures', where),
    peak: numberOf(figures, 'peak', where),
  }
}

// the pieces

const isMissing = (value: unknown): boolean => value === undefined || value === null

function fieldsOf(value: unknown, where: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields
  throw wrong(where, value, 'an object')
}

function listOf(fields: Fields, key: string, where: string): readonly unknown[] {
  const value = fields[key]
  if (Array.isArray(value)) return value
  throw wrong(at(where, key), value, 'a list')
}

function numberOf(fields: Fields, key: string, where = ''): number {
  const value = fields[key]
  if (typeof value === 'number') return value
  throw wrong(at(where, key), value, 'a number')
}

function limitOf(fields: Fields, key: string, where: string): number {
  return isMissing(fields[key]) ? Infinity : numberOf(fields, key, where)
}

function textOf(fields: Fields, key: string, where: string): string {
  const value = fields[key]
  if (typeof value === 'string') return value
  throw wrong(at(where, key), value, 'a text')
}

function flagOf(fields: Fields, key: string, where: string): boolean {
  const value = fields[key]
  if (typeof value === 'boolean') return value
  throw wrong(at(where, key), value, 'true or false')
}

const at = (where: string, key: string): string => (where === '' ? key : `${where}.${key}`)

function wrong(where: string, value: unknown, expected: string): VmallocError {
  const came = value === undefined ? 'nothing' : (JSON.stringify(value).slice(0, 60) as string)
  return new VmallocError('argument', `readReport: ${where}: ${came}, expected ${expected}`)
}
