/**
 * fault: the discipline says no, throws, or answers nonsense, at every request of a scenario in turn.
 *
 * Whatever the k-th request comes to, nothing is lost: what the client holds keeps its content, every law holds, and
 * once the discipline serves again the region goes on. The handler's answers are tried one by one.
 */
import { expect } from 'chai'
import sinon from 'sinon'
import { attach, type Discipline, type DisciplineEvent, open, type Region, VmallocError } from '../src/index.ts'
import { disciplineOver, Ledger, Pieces } from './conformance/index.ts'

type Refusal = (n: number) => unknown

const KIB = 1024

/** A scenario that asks for memory in every way; returns what it holds, with the byte each block is filled with. */
function scenario(region: Region): Map<number, number> {
  const held = new Map<number, number>()
  const unit = region.method === 'pool' ? 500 : 0
  const take = (at: number, size: number): void => {
    if (at === 0) return
    const byte = (held.size * 7 + 1) & 255
    region.bytes(at, size).fill(byte)
    held.set(at, byte)
  }
  for (let i = 0; i < 12; i++) take(region.alloc(unit || 900 + i * 300), unit || 900)
  let i = 0
  for (const at of [...held.keys()]) {
    if (i++ % 2 === 0 && region.free(at)) held.delete(at)
  }
  region.compact()
  for (const at of [...held.keys()]) {
    const byte = held.get(at)!
    const to = region.resize(at, unit || 5000, { copy: true })
    if (to === 0) continue
    held.delete(at)
    held.set(to, byte)
  }
  take(region.allocZeroed(unit || 20_000), unit || 900)
  if (unit === 0) take(region.align(3000, 512), 900)
  for (const key of ['a', 'b', 'c', 'd', 'e', 'f']) region.values.set(key, 1)
  const child = openChild(region)
  child?.alloc(64)
  child?.close()
  return held
}

/** A region in this one, where there is memory for it. */
function openChild(region: Region): Region | undefined {
  try {
    return open({ discipline: region, method: 'last' })
  } catch (error) {
    expect((error as VmallocError).code).equals('no-memory')
    return undefined
  }
}

function expectHeld(region: Region, held: Map<number, number>): void {
  for (const [at, byte] of held) {
    expect(region.sizeOf(at), `block ${at}`).greaterThan(0)
    expect(
      region.bytes(at, 500).every((b) => b === byte),
      `content of ${at}`,
    ).equals(true)
  }
  region.check()
}

/** Where memory comes from, so that every kind of request is made. */
const sources: [string, () => Discipline][] = [
  ['pieces', () => new Pieces({ bytes: 512 * KIB, grows: false })],
  ['one piece that grows', () => disciplineOver(new ArrayBuffer(512 * KIB))],
  ['a nested region', () => disciplineOver(open({ discipline: new ArrayBuffer(512 * KIB), method: 'best', check: 3 }))],
]

/** Runs the scenario with request `k` treated by `what`; how many requests were made. */
function live(method: string, source: () => Discipline, k: number, what: Refusal): number {
  const ledger = new Ledger(source())
  ledger.intercept = (n) => (n === k ? what(n) : undefined)
  let region: Region
  try {
    region = open({
      method,
      discipline: ledger,
      name: 'faulty',
      check: 3,
      ...(method === 'pool' ? { element: 500 } : {}),
    })
  } catch (error) {
    expect(error).instanceOf(Error)
    return ledger.calls.length
  }
  let held = new Map<number, number>()
  try {
    held = scenario(region)
  } catch (error) {
    if (!(error instanceof Error) || !/request|answered|thrown on purpose/.test(error.message)) throw error
  }
  region.check()
  expectHeld(region, held)
  ledger.intercept = undefined
  expect(region.alloc(method === 'pool' ? 500 : 100), 'once it serves again').greaterThan(0)
  expectHeld(region, held)
  for (const at of [...held.keys()].reverse()) if (method !== 'last') expect(region.free(at)).equals(true)
  expect(region.close()).equals(true)
  return ledger.calls.length
}

describe('a discipline that fails', () => {
  for (const method of ['best', 'last', 'pool']) {
    for (const [where, source] of sources) {
      it(`refuses the k-th request, for every k: ${method} over ${where}`, () => {
        const requests = live(method, source, 0, () => 0)
        expect(requests).greaterThan(4)
        for (let k = 1; k <= requests + 3; k++) live(method, source, k, () => 0)
      })

      it(`throws at the k-th request, for every k: ${method} over ${where}`, () => {
        const requests = live(method, source, 0, () => 0)
        for (let k = 1; k <= requests; k++) {
          live(method, source, k, (n) => {
            throw new Error(`request ${n}: thrown on purpose`)
          })
        }
      })
    }
  }

  it('refuses from the k-th request on: answers are 0, and nothing is lost', () => {
    for (const method of ['best', 'last', 'pool']) {
      for (let k = 2; k < 8; k++) {
        const ledger = new Ledger(new Pieces({ grows: false }))
        const region = open({ method, discipline: ledger, check: 3, ...(method === 'pool' ? { element: 500 } : {}) })
        ledger.intercept = (n) => (n >= k ? 0 : undefined)
        const held = scenario(region)
        let left = 1000 // free elements of a pool, of which there are few
        while (left > 0 && region.alloc(method === 'pool' ? 500 : 100_000) !== 0) left--
        expect(left, `${method}, ${k}`).greaterThan(900)
        expect(region.alloc(method === 'pool' ? 500 : 100_000), `${method}, ${k}`).equals(0)
        expectHeld(region, held)
      }
    }
  })

  it('is told what it answered, and what was expected', () => {
    const bad: [unknown, RegExp][] = [
      ['12', /discipline buffer: new \(had 0, want \d+\) answered 12, expected an address from 1 on, or 0 to refuse/],
      [Number.NaN, /answered NaN/],
      [-8, /answered -8/],
      [2 ** 33, /answered 8589934592/],
      [1e6, /answered 1000000 for \d+ bytes, its buffer ends at 65536/],
    ]
    for (const [answer, message] of bad) {
      const discipline: Discipline = {
        name: 'buffer',
        memory: () => answer as number,
        buffer: () => new ArrayBuffer(65536),
      }
      expect(() => open({ discipline })).throws(VmallocError, message)
    }
  })
})

describe('the handler', () => {
  function handled(
    answers: Partial<Record<DisciplineEvent, number | ((data: unknown) => number | void)>>,
    bytes = 32 * KIB,
  ) {
    const inner = disciplineOver(new ArrayBuffer(bytes))
    const exception = sinon.spy((_region: Region, event: DisciplineEvent, data: unknown) => {
      const answer = answers[event]
      return typeof answer === 'function' ? answer(data) : answer
    })
    return { discipline: { ...inner, exception } as Discipline, exception }
  }
  const heard = (spy: sinon.SinonSpy): unknown[] => spy.args.map((call) => call[1])

  it('may veto an open', () => {
    const { discipline } = handled({ open: -1 })
    expect(() => open({ name: 'no', discipline })).throws(VmallocError, /open no: discipline buffer says no/)
  })

  it('may re-attach instead of opening', () => {
    const first = open({ name: 'first', discipline: handled({ close: 1 }).discipline })
    const at = first.string('still here')
    const { header } = first
    const { discipline } = first
    expect(first.close()).equals(true)
    const again = open({
      name: 'ignored',
      discipline: {
        ...discipline,
        exception(_region, event, data) {
          if (event !== 'open') return 0
          ;(data as { at: number }).at = header
          return 1
        },
      },
    })
    expect(again.name).equals('first')
    expect(again.readString(at)).equals('still here')
  })

  it('hears of a life in order, with the header where it lies', () => {
    const { discipline, exception } = handled({})
    const region = open({ discipline })
    region.free(region.alloc(10))
    region.close()
    expect(heard(exception)).deep.equals(['open', 'endopen', 'close', 'endclose'])
    expect(exception.args[1]![2]).equals(8)
  })

  it('hears of blocks only where events are asked for', () => {
    const { discipline, exception } = handled({})
    const region = open({ discipline, events: true })
    const at = region.alloc(10)
    const to = region.resize(at, 4000, { move: true })
    region.free(to)
    region.set({ events: false })
    region.free(region.alloc(10))
    expect(heard(exception)).deep.equals(['open', 'endopen', 'alloc', 'resize', 'free'])
    expect(exception.args[3]![2]).deep.include({ at: to, old: at, size: 4000 })
  })

  it('may veto a close, or keep the memory for an attach', () => {
    let answer = -1
    const { discipline } = handled({ close: () => answer })
    const region = open({ name: 'kept', discipline })
    expect(region.close()).equals(false)
    expect(region.closed).equals(false)
    const at = region.string('kept')
    const bytes = region.buffer
    answer = 1
    expect(region.close()).equals(true)
    expect(region.alloc(1)).equals(0)
    expect(attach(bytes).readString(at)).equals('kept')
  })

  it('may help with no memory: by freeing, by more raw memory; or fail at once', () => {
    const helped = handled({ nomem: () => void region.free(spare) })
    const region = open({ discipline: helped.discipline, method: 'best' })
    const spare = region.alloc(20_000)
    expect(region.alloc(20_000), 'after the handler freed').greaterThan(0)
    expect(heard(helped.exception).filter((event) => event === 'nomem').length).equals(1)

    let open_ = false
    const ledger = new Ledger(new Pieces({ grows: false }))
    ledger.intercept = (n) => (n > 1 && !open_ ? 0 : undefined)
    ledger.handler = (_region, event) => {
      if (event !== 'nomem') return 0
      open_ = true
      return 1
    }
    const more = open({ discipline: ledger })
    expect(more.alloc(10_000), 'once there is raw memory').greaterThan(0)

    const failing = handled({ nomem: -1 })
    const no = open({ discipline: failing.discipline })
    const deaf = sinon.spy()
    no.on('nomem', deaf)
    expect(no.alloc(40_000)).equals(0)
    expect(heard(failing.exception).filter((event) => event === 'nomem').length).equals(1)
    expect(deaf.calledOnce && deaf.args[0]![0].size === 40_000).equals(true)
  })

  it('cannot make a request endless', () => {
    const always = handled({ nomem: 1 })
    const region = open({ discipline: always.discipline })
    expect(region.alloc(40_000)).equals(0)
    const at = region.alloc(10)
    expect(region.resize(at, 40_000, { move: true })).equals(0)
    expect(region.sizeOf(at)).greaterThan(9)
    expect(heard(always.exception).filter((event) => event === 'nomem').length).equals(128)
  })

  it('is told of mistakes, with what came', () => {
    const { discipline, exception } = handled({})
    const region = open({ discipline })
    region.free(12)
    region.alloc(-1)
    region.align(8, 3)
    region.resize(16, 8)
    const told = exception.args.filter((call) => call[1] === 'badaddr').map((call) => call[2])
    expect(told).deep.equals([12, -1, 3, 16])
  })

  it('may veto another discipline', () => {
    let answer = 1
    const { discipline } = handled({ discipline: () => answer })
    const region = open({ discipline })
    const next = { ...discipline, name: 'next' }
    for (answer of [1, -1]) {
      expect(() => {
        region.discipline = next
      }).throws(VmallocError, /does not give way to next/)
    }
    expect(region.discipline).equals(discipline)
    answer = 0
    region.discipline = next
    expect(region.discipline).equals(next)
    expect(() => {
      region.discipline = disciplineOver(new ArrayBuffer(4096))
    }).throws(VmallocError, /has another space/)
  })
})
