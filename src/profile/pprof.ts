/**
 * pprof: profiles in the format of `go tool pprof`, which speedscope, Grafana, Polar Signals and others read too.
 *
 * One sample for each call site of each region, labelled `region`, with four values: alloc_objects, alloc_space,
 * inuse_objects, inuse_space (the default). The format is github.com/google/pprof/proto/profile.proto; files of it are
 * usually compressed: `gzip`.
 */
import type { Profile } from '../contract/profile.ts'
import { VmallocError } from '../ground/fault.ts'
import type { Frame } from '../ground/stacks.ts'
import { framesOrNone } from './names.ts'
import { Message } from './protobuf.ts'

const TYPES = [
  ['alloc_objects', 'count'],
  ['alloc_space', 'bytes'],
  ['inuse_objects', 'count'],
  ['inuse_space', 'bytes'],
] as const

// fields of a Profile
const SAMPLE_TYPE = 1
const SAMPLE = 2
const LOCATION = 4
const FUNCTION = 5
const STRING_TABLE = 6
const TIME_NANOS = 9
const DURATION_NANOS = 10
const PERIOD_TYPE = 11
const PERIOD = 12
const DEFAULT_SAMPLE_TYPE = 14

/** Numbers for things that are the same when their keys are; from 1, in the order in which they come. */
class Numbers<T> {
  readonly #numbers = new Map<string, number>()
  readonly all: T[] = []

  of(key: string, thing: () => T): number {
    let number = this.#numbers.get(key)
    if (number === undefined) {
      this.all.push(thing())
      this.#numbers.set(key, (number = this.all.length))
    }
    return number
  }
}

/** A message `Profile`, not compressed. */
export function pprofOf(profiles: readonly Profile[]): Uint8Array<ArrayBuffer> {
  const strings = new Numbers<string>()
  const functions = new Numbers<Message>()
  const locations = new Numbers<Message>()
  const string = (value: string): number => (value === '' ? 0 : strings.of(value, () => value))
  const type = (name: string, unit: string): Message => new Message().number(1, string(name)).number(2, string(unit))

  const functionOf = ({ name, file }: Frame): number => {
    const shown = name === '' ? '(anonymous)' : name
    return functions.of(`${shown}\n${file}`, () =>
      new Message()
        .number(1, functions.all.length + 1)
        .number(2, string(shown))
        .number(3, string(shown))
        .number(4, string(file)),
    )
  }
  const locationOf = (frame: Frame): number => {
    const { line, column } = frame
    const id = functionOf(frame)
    return locations.of(`${id} ${line} ${column}`, () =>
      new Message()
        .number(1, locations.all.length + 1)
        .message(4, new Message().number(1, id).number(2, line).number(3, column)),
    )
  }

  const whole = new Message()
  for (const [name, unit] of TYPES) whole.message(SAMPLE_TYPE, type(name, unit))
  for (const { region, sites } of profiles) {
    const label = new Message().number(1, string('region')).number(2, string(region))
    for (const { frames, allocs, allocBytes, liveBlocks, liveBytes } of sites) {
      whole.message(
        SAMPLE,
        new Message()
          .packed(1, framesOrNone(frames).map(locationOf))
          .packed(2, [allocs, allocBytes, liveBlocks, liveBytes])
          .message(3, label),
      )
    }
  }
  const periodType = type('space', 'bytes')
  const defaultType = string('inuse_space')
  for (const location of locations.all) whole.message(LOCATION, location)
  for (const made of functions.all) whole.message(FUNCTION, made)
  for (const text of ['', ...strings.all]) whole.text(STRING_TABLE, text)
  const since = Math.min(...profiles.map((profile) => profile.since))
  const taken = Math.max(...profiles.map((profile) => profile.taken))
  if (profiles.length > 0) whole.number(TIME_NANOS, nanos(since)).number(DURATION_NANOS, nanos(taken - since))
  const interval = profiles.reduce((most, profile) => Math.max(most, profile.interval), 1)
  return whole
    .message(PERIOD_TYPE, periodType)
    .number(PERIOD, interval)
    .number(DEFAULT_SAMPLE_TYPE, defaultType)
    .finish()
}

const nanos = (ms: number): bigint => BigInt(Math.round(ms * 1000)) * 1000n

interface Host {
  process?: { getBuiltinModule?(name: 'node:zlib'): { gzipSync(bytes: Uint8Array): Uint8Array } | undefined }
}

/** The same bytes compressed. Throws VmallocError `unsupported` where the platform has no zlib at hand. */
export function gzip(bytes: Uint8Array): Uint8Array {
  const zlib = (globalThis as Host).process?.getBuiltinModule?.('node:zlib')
  if (zlib === undefined)
    throw new VmallocError('unsupported', 'gzip: this platform has no zlib; ask for .pprof instead')
  return zlib.gzipSync(bytes)
}
