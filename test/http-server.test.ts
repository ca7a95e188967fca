/**
 * http-server: the example. Its JSON against JSON.parse, its heaps as they come and go, its accounts by what /metrics
 * shows, and a load of 8,000 requests over 16 connections (fixtures/http-loaded.ts; 20,000 of them: `npm run test:long`).
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { pathToFileURL } from 'node:url'
import { expect } from 'chai'
import { injectOptions, regions } from 'vmalloc'
import { accounts, readReport, report } from 'vmalloc/account'
import { globalHeap, type Heap, openHeap } from 'vmalloc/heap'
import { HeapOrders } from '../examples/http-server/heap-orders.ts'
import { FALSE, JsonError, LIST, Nodes, NULL, NUMBER, OBJECT, parse, TEXT, TRUE } from '../examples/http-server/json.ts'
import { memoryPages } from '../examples/http-server/memory.ts'
import { type Body, Refusal, serve } from '../examples/http-server/serve.ts'
import { Dice, SEED } from './fixtures/dice.ts'
import { readExposition, sum, valuesOf } from './fixtures/exposition.ts'
import { Customer, orderOf } from './fixtures/http-load.ts'
import { loadSuite } from './fixtures/http-loaded.ts'

const root = join(import.meta.dirname, '..')

const PERIODS = 4

describe('examples/http-server', () => {
  describe('json', () => {
    const sound = [
      ...['null', 'true', 'false', '0', '-0', '10', '-1.5', '1e3', '1E-2', '2.5e+1', '1e400', '0.1', '""', '"a"'],
      ...[
        '[]',
        '{}',
        '[[]]',
        '[1,2]',
        '{"a":1}',
        '{"a":{"b":[{}]},"c":""}',
        ' \t\r\n[ 1 , 2 ]\n',
        '{"a":1,"a":2}',
        '{"":0}',
      ],
      ...[
        '"\\"\\\\\\/\\b\\f\\n\\r\\t"',
        '"\\u0041\\u00e9\\u20ac"',
        '"\\ud83e\\uded6"',
        '"\\u0000"',
        '"é€🫖"',
        '"\u007f"',
      ],
      ...[
        '{"\\u0061":1}',
        '"\\ud83e\\u0041"',
        '9007199254740993',
        '123456789012345678901234567890',
        '1.7976931348623157e308',
      ],
    ]
    for (const source of sound) {
      it(`${JSON.stringify(source)} is what JSON.parse says`, () =>
        expect(parsed(source)).to.deep.equal(wholly(JSON.parse(source))))
    }

    const broken = [
      ...[
        '',
        ' ',
        'nul',
        'nulll',
        'True',
        '01',
        '-',
        '+1',
        '.5',
        '1.',
        '1e',
        '1e+',
        '--1',
        '0x1',
        'NaN',
        "'a'",
        '"',
        '"a',
      ],
      ...[
        '"\\',
        '"\\"',
        '"\\x"',
        '"\\u12"',
        '"\\u12g4"',
        '"\n"',
        '"\u0000"',
        '[',
        '[1',
        '[1,',
        '[1,]',
        '[,1]',
        '[1 2]',
        ']',
      ],
      ...[
        '{',
        '{"a"',
        '{"a":',
        '{"a":1',
        '{"a":1,',
        '{"a":1,}',
        '{a:1}',
        '{1:1}',
        '{"a" 1}',
        '{"a":1 "b":2}',
        '}',
        '[}',
        '1 2',
      ],
      ...['\v1', '\u00a01', '[1]]', '"\\u', '\ufeff1'],
    ]
    for (const source of broken) {
      it(`${JSON.stringify(source)} is refused, as JSON.parse does`, () => {
        expect(() => JSON.parse(source)).to.throw(SyntaxError)
        expect(() => parsed(source)).to.throw(JsonError)
      })
    }

    it('says where it is wrong, and what it expected', () => {
      expect(() => parsed('{"a": [1, x]}')).to.throw(JsonError, 'at 10: x, expected a value')
      expect(() => parsed('[1')).to.throw(JsonError, 'at 2: the end, expected , or ]')
    })

    it('goes 64 deep and no deeper', () => {
      const deep = (levels: number) => '['.repeat(levels) + ']'.repeat(levels)
      expect(parsed(deep(64))).to.deep.equal(JSON.parse(deep(64)))
      expect(() => parsed(deep(65))).to.throw(JsonError, 'no more than 64')
      expect(() => parsed('['.repeat(60_000))).to.throw(JsonError)
    })

    it('goes on in other memory when it grows under it', () => {
      const source = JSON.stringify(Array.from({ length: 20_000 }, (_, i) => (i % 100 === 0 ? `${i}` : i)))
      using heap = openHeap({ name: 'json', discipline: 'memory' })
      const { buffer } = heap.region
      const node = parseIn(heap, source)
      expect(heap.region.buffer === buffer).to.equal(false)
      expect(asValue(new Nodes(heap.region), node)).to.deep.equal(JSON.parse(source))
    })

    it(`random values, and the same with a byte changed (SEED=${SEED})`, () => {
      const dice = new Dice(SEED)
      for (let i = 0; i < 2000; i++) {
        const source = JSON.stringify(valueBy(dice, 4), null, dice.below(3))
        expect(parsed(source), source).to.deep.equal(wholly(JSON.parse(source)))
        const at = dice.below(source.length)
        const changed = source.slice(0, at) + '[]{},:"\\u0-.e1 tn'[dice.below(17)] + source.slice(at + 1)
        expect(
          outcome(() => parsed(changed)),
          changed,
        ).to.deep.equal(outcome(() => wholly(JSON.parse(changed))))
      }
    })

    it('is made of blocks that can be told one by one', () => {
      globalHeap.subHeap((heap) => {
        const source = '{"items": [{"name": "tea", "price": 4.5}, [], null], "note": ""}'
        const node = parseIn(heap, source)
        const blocks = new Nodes(heap.region).blocks(node)
        expect(new Set(blocks).size).to.equal(blocks.length)
        const body = heap.region.sizeOf(Math.min(...blocks)) >= 0 ? 1 : 0
        expect(blocks.length + body).to.equal(heap.region.stat().busyBlocks)
      })
    })
  })

  describe('heaps', () => {
    const order = (...counts: number[]) =>
      JSON.stringify({ items: counts.map((count, i) => ({ name: `thing ${i}`, price: 2, count })) })

    it('an order replaces the one before, in the same session alone', async () => {
      const orders = new HeapOrders()
      expect(await orders.take('ada', bodyOf(order(3, 1)))).to.deep.equal({
        session: 'ada',
        orders: 1,
        total: 8,
        before: 0,
        items: [
          { name: 'thing 0', cost: 6, change: 3 },
          { name: 'thing 1', cost: 2, change: 1 },
        ],
      })
      const one = orders.figures.bytesLive
      const { total, before, items } = await orders.take('ada', bodyOf(order(1)))
      expect([total, before, items[0]!.change]).to.deep.equal([2, 8, -2])
      expect(orders.figures.bytesLive).to.be.below(one)
      expect((await orders.take('bob', bodyOf(order(5)))).orders).to.equal(1)
      expect((await orders.take('ada', bodyOf(order(3, 1)))).orders).to.equal(3)
      expect(orders.figures.sessions).to.equal(2)
      expect([orders.end('ada'), orders.end('bob'), orders.end('bob')]).to.deep.equal([true, true, false])
      expect(orders.figures).to.include({ sessions: 0, bytesLive: 0 })
    })

    it('what is refused leaves nothing, and the order before stays', async () => {
      const orders = new HeapOrders()
      await orders.take('ada', bodyOf(order(2)))
      const { bytesLive, extent } = orders.figures
      for (const wrong of [order(1).slice(0, -1), '[]', '{"items": 1}', '{"items": [1]}', '{"items": [{"name": 1}]}']) {
        const error = await orders.take('ada', bodyOf(wrong)).catch((thrown: unknown) => thrown)
        expect(error, wrong).to.be.instanceOf(Refusal)
        expect((error as Refusal).status).to.equal(400)
      }
      expect(orders.figures).to.include({ bytesLive, extent })
      expect((await orders.take('ada', bodyOf(order(2)))).before).to.equal(4)
      orders.end('ada')
    })

    it('a body that breaks off leaves nothing', async () => {
      const orders = new HeapOrders()
      const lost = new Error('the connection was lost')
      await orders.take('ada', bodyOf(order(2)))
      const { bytesLive } = orders.figures
      const error = await orders.take('ada', bodyOf(order(7), lost)).catch((thrown: unknown) => thrown)
      expect(error).to.equal(lost)
      expect(orders.figures.bytesLive).to.equal(bytesLive)
      orders.end('ada')
    })

    it('a session that ends takes its requests along; their bodies find nobody', async () => {
      const orders = new HeapOrders()
      await orders.take('ada', bodyOf(order(2)))
      const late = [order(1), order(2)].map((text) => orders.take('ada', bodyOf(text)))
      orders.end('ada')
      expect(orders.figures).to.include({ sessions: 0, bytesLive: 0 })
      for (const answer of late) {
        const error = await answer.catch((thrown: unknown) => thrown)
        expect(error).to.be.instanceOf(Refusal)
        expect((error as Refusal).status).to.equal(410)
      }
      expect((await orders.take('ada', bodyOf(order(1)))).orders).to.equal(1)
      orders.end('ada')
    })

    it('a request has its own heap, and what it keeps is the session’s', async () => {
      const seen: [request: Heap, session: Heap][] = []
      const orders = new HeapOrders((request, session) => {
        expect(request.parent).to.equal(session)
        expect([request.name, session.name]).to.deep.equal(['request', 'session'])
        seen.push([request, session])
      })
      await Promise.all(['ada', 'bob', 'ada'].map((name) => orders.take(name, bodyOf(order(1, 2)))))
      expect(new Set(seen.map(([request]) => request)).size).to.equal(3)
      expect(new Set(seen.map(([, session]) => session)).size).to.equal(2)
      expect(seen.map(([request]) => request.closed)).to.deep.equal([true, true, true])
      for (const name of ['ada', 'bob']) orders.end(name)
      expect(seen.map(([, session]) => session.closed)).to.deep.equal([true, true, true])
    })
  })

  it('a region that was held by what escaped is as large in its next life', () => {
    globalHeap.subHeap((session) => {
      const extents: number[] = []
      let kept = 0
      for (let i = 0; i < 50; i++) {
        session.subHeap({ name: 'visit' }, (heap) => {
          const [, small] = [heap.alloc(1000), heap.alloc(16 + 8 * (i % 7)), heap.alloc(3000)]
          extents.push(heap.region.extent)
          heap.escape(small!)
          session.free(kept)
          kept = small!
        })
      }
      // two regions take turns; how much each of them got at first depends on what lay free
      const [odd, even] = [extents[1], extents[2]]
      expect(extents.slice(1), extents.join()).to.deep.equal(extents.slice(1).map((_, i) => (i % 2 === 0 ? odd : even)))
    })
  })

  it('the program tells what became of its orders', async () => {
    const { code, stdout, stderr } = await run('examples/http-server.ts')
    expect(stderr).to.equal('')
    expect(code).to.equal(0)
    expect(stdout).to.match(/^ada orders: .*"total":16,/m)
    expect(stdout).to.match(/bytes of heap request#\d+ go, \d+ of heap session#\d+ stay$/m)
    expect(stdout).to.include('bob mistypes: {"error":"no JSON at 20: t, expected a value"}')
    const figures = /^now: (.*)$/m.exec(stdout)?.[1]
    expect(/^2,000 orders later: (.*)$/m.exec(stdout)?.[1]).to.equal(figures)
    const live = [...stdout.matchAll(/^vmalloc_account_live_bytes\{region="(\w+)",account="(.*)"\} (\d+)$/gm)]
    expect(live.map(([, region, account]) => `${region} ${account}`)).to.have.members([
      'request orders',
      'session orders',
    ])
    expect(figures).to.include(` ${sum(live.map(([, , , bytes]) => Number(bytes)))} bytes live`)
    expect(stdout).to.include('nobody is there: 0 sessions, 0 bytes live')
  })

  describe('accounts', () => {
    const parts = ['(none)', 'http/body', 'http/json', 'orders']
    let server: Server
    let customers: Customer[]
    let watcher: Customer // by a connection of its own, as requests that are held keep theirs
    before(async () => {
      server = serve(new HeapOrders(), memoryPages()).listen(0, '127.0.0.1')
      await once(server, 'listening')
      const { port } = server.address() as AddressInfo
      customers = Array.from({ length: 4 }, (_, i) => new Customer(port, i))
      watcher = new Customer(port, customers.length)
    })
    after(() => {
      for (const customer of [...customers, watcher]) customer.leave()
      server.close()
    })
    const together = (work: (customer: Customer) => Promise<unknown>) => Promise.all(customers.map(work))
    const some = async (customer: Customer) => {
      for (let i = 0; i < 30; i++) await customer.send('POST', orderOf(customers.indexOf(customer), i))
    }
    const get = async (path: string) => (await watcher.send('GET', '', path)).body

    /** What Prometheus reads of regions of a name: of each account, and of them as a whole. */
    async function scraped(region: string) {
      const found = readExposition(await get('/metrics'))
      const of = (metric: string) => valuesOf(found.get(`vmalloc_${metric}`), { region })
      return {
        live: of('account_live_bytes'),
        blocks: of('account_live_blocks'),
        allocations: of('account_allocations_total'),
        frees: of('account_frees_total'),
        peak: of('account_peak_bytes'),
        busy: sum(of('region_busy_bytes').values()),
      }
    }

    /** The same, and that it is what the accounts say themselves. */
    async function compared(name: string) {
      const told = await scraped(name)
      const open = regions().filter((region) => region.name === name)
      for (const path of parts) {
        const own = open.flatMap((region) => accounts(region).filter((one) => (one.path || '(none)') === path))
        expect(told.live.get(path) ?? 0, `${path} in ${name}`).to.equal(sum(own.map((one) => one.own.bytes)))
        expect(told.blocks.get(path) ?? 0, `${path} in ${name}`).to.equal(sum(own.map((one) => one.own.blocks)))
        const left = (told.allocations.get(path) ?? 0) - (told.frees.get(path) ?? 0)
        expect(left, `${path} in ${name}`).to.equal(told.blocks.get(path) ?? 0)
      }
      expect(sum(told.live.values())).to.equal(told.busy)
      expect(told.busy).to.equal(sum(open.map((region) => region.stat().busyBytes)))
      return told
    }

    it('/metrics shows requests under way, and what of them is kept', async () => {
      const held = await Promise.all(customers.map((customer) => customer.hold()))
      const finish = () => Promise.all(held.map((rest) => rest()))
      const during = await compared('request').finally(finish)
      expect(during.live.get('http/body')).to.be.above(4 * 100)
      expect(during.live.get('http/json') ?? 0).to.equal(0)
      expect(during.blocks.get('http/body')).to.equal(4)
      const after = await compared('request')
      expect([after.live.get('http/body'), after.live.get('http/json')]).to.deep.equal([0, 0])
      expect(after.live.get('orders')).to.be.above(4 * 100)
      expect(after.live.get('(none)')).to.equal(0)
      expect((await compared('session')).blocks.get('orders')).to.equal(4)
    })

    it('counters go up alone, and all that is left of ended sessions is what they counted', async () => {
      const were = injectOptions('')
      const read = async () => [await compared('request'), await compared('session')]
      let last = await read()
      const step = async () => {
        const next = await read()
        for (const [i, told] of next.entries()) {
          for (const metric of ['allocations', 'frees', 'peak'] as const) {
            for (const [path, value] of last[i]![metric]) expect(told[metric].get(path), path).to.be.at.least(value)
          }
        }
        last = next
      }
      try {
        for (let round = 0; round < 3; round++) {
          await together(some)
          await step()
          const before = last[0]!.allocations.get('http/json')!
          await together((customer) => customer.send('DELETE', ''))
          await step()
          for (const { live, busy } of last) {
            for (const path of parts) expect(live.get(path) ?? 0, path).to.equal(0)
            expect(busy).to.equal(0)
          }
          const waiting = regions().filter(({ name }) => name === 'request')
          injectOptions(`format=${round % 2 === 0 ? 'none' : 'text'}`) // regions that wait are closed when one is asked for
          await customers[0]!.send('POST', '{"items": []}')
          expect(waiting.every((region) => region.closed)).to.equal(true)
          await step()
          expect(last[0]!.allocations.get('http/json')).to.be.above(before)
        }
      } finally {
        injectOptions(were)
        await customers[0]!.send('DELETE', '')
      }
    })

    it('/accounts shows the report', async () => {
      await together((customer) => customer.send('POST', '{"items": [{"name": "tea", "price": 1, "count": 2}]}'))
      const shown = readReport(await get('/accounts'))
      const { regions: now, closed } = report()
      expect(shown.regions).to.deep.equal(now)
      expect(shown.closed).to.deep.equal(closed)
      const session = shown.regions.find(({ name, busyBytes }) => name === 'session' && busyBytes > 0)
      expect(session?.accounts?.accounts.map(({ path }) => path)).to.include('orders')
      await together((customer) => customer.send('DELETE', ''))
    })
  })

  loadSuite(PERIODS)
})

/** What a text is, as JavaScript's own values. */
function parsed(source: string): unknown {
  return globalHeap.subHeap((heap) => {
    const node = parseIn(heap, source)
    return asValue(new Nodes(heap.region), node)
  })
}

function parseIn(heap: Heap, source: string): number {
  const bytes = new TextEncoder().encode(source)
  const at = heap.alloc(bytes.length)
  heap.region.bytes(at, bytes.length).set(bytes)
  return parse(heap, at, bytes.length)
}

function asValue(nodes: Nodes, node: number): unknown {
  const inside = () => [...nodes.in(node)]
  switch (nodes.type(node)) {
    case NULL:
      return null
    case FALSE:
      return false
    case TRUE:
      return true
    case NUMBER:
      return nodes.number(node)
    case TEXT:
      return nodes.text(node)
    case LIST:
      return inside().map((at) => asValue(nodes, at))
    case OBJECT:
      return Object.fromEntries(inside().map((at) => [nodes.name(at), asValue(nodes, at)]))
    default:
      throw new Error(`node ${node} is of type ${nodes.type(node)}`)
  }
}

function valueBy(dice: Dice, depth: number): unknown {
  const some = <T>(make: () => T) => Array.from({ length: dice.below(5) }, make)
  const text = () => some(() => ['a', 'é', '€', '🫖', '"', '\\', '\n', '\u0000', '\u007f'][dice.below(9)]).join('')
  switch (dice.below(depth > 0 ? 8 : 6)) {
    case 0:
      return [null, true, false][dice.below(3)]
    case 1:
      return dice.below(1000)
    case 2:
      return (dice.below(2 ** 31) - 2 ** 30) / 10 ** dice.below(40)
    case 3:
    case 4:
    case 5:
      return text()
    case 6:
      return some(() => valueBy(dice, depth - 1))
    default:
      return Object.fromEntries(some(() => [text(), valueBy(dice, depth - 1)]))
  }
}

/** A value with U+FFFD for halves of characters, which UTF-8 does not have. */
function wholly(value: unknown): unknown {
  if (typeof value === 'string') return new TextDecoder().decode(new TextEncoder().encode(value))
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(wholly)
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [wholly(name), wholly(member)]))
}

/** What a call returns, or that it throws. */
function outcome(call: () => unknown): unknown {
  try {
    return { value: call() }
  } catch {
    return 'refused'
  }
}

/** A body that comes in pieces, and breaks off before its end with `lost`. */
function bodyOf(source: string, lost?: Error): Body {
  const bytes = new TextEncoder().encode(source)
  return {
    length: bytes.length,
    async *[Symbol.asyncIterator]() {
      for (let at = 0; at < bytes.length; at += 20) {
        await null
        if (lost !== undefined && at > 20) throw lost
        yield bytes.subarray(at, at + 20)
      }
    },
  }
}

async function run(file: string): Promise<{ code: number; stdout: string; stderr: string }> {
  const { VMALLOC_OPTIONS: _, ...env } = process.env
  const loader = pathToFileURL(join(root, 'scripts/ts.mjs')).href
  const child = spawn(process.execPath, ['--import', loader, join(root, file)], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { code: code as number, stdout, stderr }
}
