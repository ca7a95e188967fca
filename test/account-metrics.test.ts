/**
 * account-metrics: what accounts and regions have, as prom-client and the SDK of OpenTelemetry tell it, read back by a
 * parser of Prometheus' text and from memory. Each figure is compared with what the account itself says at that moment.
 *
 * Names of regions are of this file alone: other tests of the process have regions, too.
 */

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import * as api from '@opentelemetry/api'
import {
  AggregationTemporality,
  DataPointType,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { expect } from 'chai'
import promDefault, * as prom from 'prom-client'
import { keyOf, Names, OTHERS } from '../src/account/names.ts'
import {
  type Account,
  account,
  accounts,
  type OpenTelemetryMeter,
  type OpenTelemetryMeters,
  openTelemetryMetrics,
  type PrometheusClient,
  prometheusMetrics,
} from '../src/account.ts'
import { open, type Region } from '../src/index.ts'
import { seedFrom } from './conformance/index.ts'
import { Dice } from './fixtures/dice.ts'
import { type Family, readExposition, sum, valuesOf } from './fixtures/exposition.ts'
import { expectFault } from './fixtures/faults.ts'

const SEED = seedFrom(process.env.SEED)
const COUNTED = ['allocations', 'frees', 'failures'] as const

// that these compile is half of the proof
const clients: PrometheusClient[] = [prom, promDefault]
const meters: (OpenTelemetryMeter | OpenTelemetryMeters)[] = [
  api.metrics,
  new MeterProvider(),
  new MeterProvider().getMeter('types'),
]

/** What each metric should say of accounts, by their paths: the same as a map of maps. */
type Told = Map<string, Map<string, number>>

/** What the accounts of regions say of themselves. */
function own(...regions: Region[]): Told {
  const told: Told = new Map()
  const tell = (metric: string, { path }: Account, value: number, add = (a: number, b: number) => a + b) => {
    const values = told.get(metric) ?? new Map<string, number>()
    const key = path || '(none)'
    told.set(metric, values.set(key, values.has(key) ? add(values.get(key)!, value) : value))
  }
  for (const region of regions) {
    for (const one of accounts(region)) {
      const { bytes, blocks, peak, allocs, frees, failures } = one.own
      const { hard, soft } = one.limits
      tell('live', one, bytes)
      tell('live_blocks', one, blocks)
      tell('peak', one, peak, Math.max)
      tell('allocations', one, allocs)
      tell('frees', one, frees)
      tell('failures', one, failures)
      if (hard < Infinity) tell('hard_limit', one, hard)
      if (soft < Infinity) tell('soft_limit', one, soft)
      if (hard < Infinity || soft < Infinity) tell('limited', one, one.total.bytes)
    }
  }
  return told
}

/** A component lives: blocks of some accounts, a limit that it runs into, and blocks that no account asked for. */
class Life {
  readonly region: Region
  private readonly dice: Dice
  private readonly blocks: { at: number; owner: Account }[] = []
  private readonly all: Account[]

  constructor(name: string, dice: Dice, discipline?: Region) {
    this.region = open({ name, discipline, accounts: true, check: 3 })
    this.dice = dice
    this.all = ['', 'a', 'a/b', 'c'].map((path) => account(path, this.region))
    this.all[1]!.limit({ hard: 2000, soft: 1000 })
  }

  step(): void {
    const { blocks, dice } = this
    const owner = this.all[dice.below(this.all.length)]!
    if (dice.once(3) && blocks.length > 0) {
      const [{ at, owner }] = blocks.splice(dice.below(blocks.length), 1) as [{ at: number; owner: Account }]
      owner.free(at)
      return
    }
    try {
      blocks.push({ at: owner.alloc(dice.below(400)), owner })
    } catch (error) {
      expect(error).to.have.property('code', 'no-memory')
    }
  }

  steps(count: number): this {
    for (let i = 0; i < count; i++) this.step()
    return this
  }

  clear(): void {
    this.region.clear()
    this.blocks.length = 0
  }
}

describe(`metrics of accounts, SEED=${SEED}`, () => {
  let dice: Dice
  let register: prom.Registry
  let stop: () => void
  const scrape = async () => readExposition(await register.metrics())
  const toldOf = (found: Map<string, Family>, region: string): Told => {
    const told: Told = new Map()
    for (const [name, family] of found) {
      const [, metric] = /^vmalloc_account_(.*?)(?:_bytes)?(?:_total)?$/.exec(name) ?? []
      const values = valuesOf(family, { region })
      if (metric !== undefined && values.size > 0) told.set(metric, values)
    }
    return told
  }
  beforeEach(() => {
    dice = new Dice(SEED)
    register = new prom.Registry()
    stop = prometheusMetrics(prom, { register })
  })
  afterEach(() => stop())

  describe('prometheus', () => {
    it('tells of each account what it says itself, at any moment, and it adds up', async () => {
      const life = new Life('metrics-one', dice)
      for (let i = 0; i < 20; i++) {
        life.steps(10)
        const found = await scrape()
        const told = toldOf(found, 'metrics-one')
        expect(told).to.deep.equal(own(life.region))
        const { busyBytes, busyBlocks, extent, highTide } = life.region.stat()
        expect(sum(told.get('live')!.values())).to.equal(busyBytes)
        expect(sum(told.get('live_blocks')!.values())).to.equal(busyBlocks)
        expect(sum(told.get('allocations')!.values()) - sum(told.get('frees')!.values())).to.equal(busyBlocks)
        for (const [metric, value] of Object.entries({ busy: busyBytes, extent, high_tide: highTide })) {
          const values = valuesOf(found.get(`vmalloc_region_${metric}_bytes`), { region: 'metrics-one' })
          expect([...values], metric).to.deep.equal([['best,heap', value]])
        }
      }
      expect(sum(own(life.region).get('failures')!.values())).to.be.above(0)
      life.region.close()
    })

    it('adds up regions of one name, and of peaks tells the highest', async () => {
      const lives = [100, 30, 60].map((steps) => new Life('metrics-many', dice).steps(steps))
      const regions = lives.map(({ region }) => region)
      const found = await scrape()
      const told = toldOf(found, 'metrics-many')
      expect(told).to.deep.equal(own(...regions))
      expect(told.get('hard_limit')!.get('a')).to.equal(6000)
      const busy = sum(regions.map((region) => region.stat().busyBytes))
      expect(sum(told.get('live')!.values())).to.equal(busy)
      const highest = Math.max(...regions.map((region) => region.stat().highTide))
      const tides = valuesOf(found.get('vmalloc_region_high_tide_bytes'), { region: 'metrics-many' })
      expect([...tides.values()]).to.deep.equal([highest])
      for (const region of regions) region.close()
    })

    it('counters and peaks never go back, whatever ends: regions, parents of regions, accounts', async () => {
      const root = open({ name: 'metrics-root' })
      const names = ['metrics-x', 'metrics-y']
      let lives: Life[] = []
      const before: Told[] = names.map(() => new Map())
      const ended = { close: 0, clear: 0, remove: 0, parent: 0 }
      const end = (way: keyof typeof ended, life: Life) => {
        ended[way]++
        if (way === 'parent') root.clear()
        if (way === 'clear' || way === 'remove') life.clear()
        if (way === 'remove') expect(account('c', life.region).remove()).to.equal(true)
        if (way === 'close' || way === 'remove') life.region.close()
        lives = lives.filter(({ region }) => !region.closed)
      }
      for (let i = 0; i < 120; i++) {
        if (lives.length < 4) lives.push(new Life(names[dice.below(2)]!, dice, dice.once(2) ? root : undefined))
        for (const life of lives) life.steps(3)
        const found = await scrape()
        for (const [k, name] of names.entries()) {
          const told = toldOf(found, name)
          for (const metric of [...COUNTED, 'peak']) {
            for (const [path, value] of before[k]!.get(metric) ?? []) {
              expect(told.get(metric)!.get(path), `${metric} of ${path} in ${name}`).to.be.at.least(value)
            }
          }
          const open = lives.filter(({ region }) => region.name === name).map(({ region }) => region)
          expect(sum(told.get('live')?.values() ?? [])).to.equal(sum(open.map((region) => region.stat().busyBytes)))
          before[k] = told
        }
        if (dice.once(2)) {
          const way = (['close', 'clear', 'remove', 'parent'] as const)[dice.below(4)]!
          end(way, lives[dice.below(lives.length)]!)
        }
      }
      expect(
        Object.values(ended).every((times) => times > 0),
        JSON.stringify(ended),
      ).to.equal(true)
      root.close()
      for (const { region } of lives) region.close()
      const found = await scrape()
      for (const name of names) {
        const told = toldOf(found, name)
        expect(sum(told.get('live')!.values())).to.equal(0)
        expect(sum(told.get('live_blocks')!.values())).to.equal(0)
        for (const metric of ['busy', 'extent']) {
          const values = [...valuesOf(found.get(`vmalloc_region_${metric}_bytes`), { region: name }).values()]
          expect(values.length).to.be.above(0)
          expect(sum(values), metric).to.equal(0)
        }
      }
    })

    it('an account that is removed between two scrapes leaves what it had counted, and goes on from there', async () => {
      const region = open({ name: 'metrics-again', accounts: true })
      const counted = async (metric: string) =>
        toldOf(await scrape(), 'metrics-again')
          .get(metric)
          ?.get('once')
      const some = (count: number) => {
        const once = account('once', region)
        for (let i = 0; i < count; i++) once.free(once.alloc(8))
        return once
      }
      const first = some(10)
      expect(await counted('allocations')).to.equal(10)
      expect(first.remove()).to.equal(true)
      expect(await counted('allocations')).to.equal(10)
      some(3)
      expect([await counted('allocations'), await counted('frees')]).to.deep.equal([13, 13])
      region.close()
      expect([await counted('allocations'), await counted('frees')]).to.deep.equal([13, 13])
    })

    it('names with quotes, backslashes, newlines and braces come through as they are', async () => {
      const names = ['say "a"', 'c:\\dir\\', 'two\nlines', '\\n', '{a="b"} 5', 'x,y=z', ' # ', 'Käse 🫖', '\\"']
      const strange = 'metrics-"\\\n{}'
      const region = open({ name: strange, accounts: true })
      for (const [i, name] of names.entries()) account(name, region).alloc(100 * (i + 1))
      const found = await scrape()
      expect(toldOf(found, strange)).to.deep.equal(own(region))
      const live = toldOf(found, strange).get('live')!
      for (const name of names) expect(live.get(name), name).to.equal(account(name, region).own.bytes)
      region.close()
    })

    it('is in the conventions: names, types, help, and no figure without labels', async () => {
      open({ name: 'metrics-names', accounts: true })
      const found = await scrape()
      expect(found.size).to.equal(12)
      for (const [name, { type, help, samples }] of found) {
        expect(type).to.equal(name.endsWith('_total') ? 'COUNTER' : 'GAUGE')
        expect(help, name).to.match(/^[A-Z].*\.$/)
        const labels = name.startsWith('vmalloc_account_') ? ['region', 'account'] : ['region', 'method', 'parent']
        for (const sample of samples) {
          expect(Object.keys(sample.labels)).to.deep.equal(labels)
          expect(Object.values(sample.labels)).to.not.include('')
        }
      }
    })

    it('regions without a parent have all the memory there is', async () => {
      const root = open({ name: 'metrics-outer', discipline: 'memory' })
      const inner = open({ name: 'metrics-inner', discipline: root })
      inner.alloc(5000)
      const found = (await scrape()).get('vmalloc_region_extent_bytes')
      expect(valuesOf(found, { parent: '(none)' }).get('metrics-outer,best')).to.equal(root.stat().extent)
      expect(valuesOf(found, { parent: 'metrics-outer' }).get('metrics-inner,best')).to.equal(inner.stat().extent)
      expect(inner.stat().extent).to.be.below(root.stat().extent)
      root.close()
    })

    it('takes one report for a scrape, and a new one for the next', async () => {
      let filled = 0
      class Gauge extends prom.Gauge {
        override reset(): void {
          filled++
          super.reset()
        }
      }
      const counting = new prom.Registry()
      const end = prometheusMetrics({ ...prom, Gauge: Gauge as typeof prom.Gauge }, { register: counting })
      const gauges = filled
      expect(gauges).to.be.above(5)
      for (let i = 1; i <= 3; i++) {
        await counting.metrics()
        expect(filled).to.equal(gauges * (i + 1))
      }
      end()
    })

    it('a single metric can be asked for, and the same as JSON', async () => {
      const region = open({ name: 'metrics-single', accounts: true })
      account('single part', region).alloc(100)
      const text = await register.getSingleMetricAsString('vmalloc_account_peak_bytes')
      const { bytes } = account('single part', region).own
      expect(
        valuesOf(readExposition(text).get('vmalloc_account_peak_bytes'), { account: 'single part' }),
      ).to.deep.equal(new Map([['metrics-single', bytes]]))
      const json = (await register.getMetricsAsJSON()).find(({ name }) => name === 'vmalloc_account_live_bytes')!
      const sample = json.values.find(
        ({ labels }) => labels.region === 'metrics-single' && labels.account === 'single part',
      )
      expect(sample?.value).to.equal(bytes)
      region.close()
    })

    it('processes of a cluster are added up; of their peaks the highest is told', async () => {
      const region = open({ name: 'metrics-cluster', accounts: true })
      const part = account('part', region)
      part.free(part.alloc(1000))
      part.alloc(100)
      const { bytes, peak, allocs } = part.own
      const process = await register.getMetricsAsJSON()
      const both = prom.AggregatorRegistry.aggregate([process, structuredClone(process)])
      const told = toldOf(readExposition(await both.metrics()), 'metrics-cluster')
      const of = (metric: string) => told.get(metric)!.get('part')
      expect([of('live'), of('peak'), of('allocations')]).to.deep.equal([2 * bytes, peak, 2 * allocs])
      region.close()
    })

    it('as OpenMetrics, names of counters end once in _total', async () => {
      const region = open({ name: 'metrics-open', accounts: true })
      region.alloc(10)
      const openMetrics = new prom.Registry<prom.OpenMetricsContentType>()
      openMetrics.setContentType(prom.openMetricsContentType)
      const end = prometheusMetrics(prom, { register: openMetrics })
      for (let i = 0; i < 2; i++) {
        const text = await openMetrics.metrics()
        expect(text).to.include('# TYPE vmalloc_account_allocations counter\n')
        expect(text).to.include('vmalloc_account_allocations_total{region="metrics-open",account="(none)"} 1\n')
      }
      end()
      expect(await openMetrics.metrics()).to.equal('\n# EOF\n')
      region.close()
    })

    it('keeps what is called (none) apart from who has no name', async () => {
      const names = ['metrics-none', '(none)', '\\(none)']
      const regions = names.map((name) => open({ name, accounts: true }))
      for (const [i, region] of regions.entries()) {
        region.alloc(8)
        for (const path of ['(none)', '\\(none)', 'a/(none)'].slice(0, i + 1)) account(path, region).alloc(8)
      }
      const told = (await register.getSingleMetric('vmalloc_account_allocations_total')!.get()).values
      const found = told.filter(({ labels }) => /^metrics-none$|^\\+\(none\)$/.test(String(labels.region)))
      const unnamed = told.filter(({ labels }) => labels.region === '(none)')
      const series = found.map(({ labels, value }) => `${labels.region} ${labels.account} ${value}`)
      for (const region of regions) region.close()
      expect(series).to.deep.equal([
        'metrics-none (none) 1',
        'metrics-none \\(none) 1',
        '\\(none) (none) 1',
        '\\(none) \\(none) 1',
        '\\(none) \\\\(none) 1',
        '\\\\(none) (none) 1',
        '\\\\(none) \\(none) 1',
        '\\\\(none) \\\\(none) 1',
        '\\\\(none) a 0',
        '\\\\(none) a/(none) 1',
      ])
      expect(unnamed).to.deep.equal([])
    })

    it('does not grow without end where names are made up, and still adds up', () => {
      const args = ['--import', './scripts/ts.mjs', 'test/fixtures/many-names.ts']
      const { stdout, stderr } = spawnSync(process.execPath, args, {
        cwd: join(import.meta.dirname, '..'),
        env: { ...process.env, VMALLOC_OPTIONS: '' },
        encoding: 'utf8',
        timeout: 30_000,
      })
      expect(stderr).to.equal('')
      const { told, changes } = JSON.parse(stdout) as { told: Record<string, number>[]; changes: number }
      expect(told).to.have.lengthOf(7)
      for (const { allocs, counted, busy, toldBusy, open, closed, lines, stays, ...series } of told) {
        expect([counted, open! + closed!, toldBusy, stays]).to.deep.equal([allocs, allocs, busy, 1])
        expect(lines).to.be.within(1001, 2002)
        expect(series.regionSeries).to.be.at.most(1001)
        expect(series.accountSeries).to.be.at.most(4003)
      }
      expect(changes).to.equal(0)
    }).timeout(30_000)

    it('is taken out again, and leaves what others registered', async () => {
      const other = new prom.Gauge({ name: 'vmalloc_other', help: 'Not ours.', registers: [register] })
      stop()
      expect(register.getMetricsAsArray()).to.deep.equal([other])
      stop = prometheusMetrics(prom, { register })
      const late = stop
      register.clear()
      stop = prometheusMetrics(prom, { register })
      late()
      expect(register.getMetricsAsArray()).to.have.lengthOf(12)
    })

    it('is registered once, by one call, where the client says or where it is told', async () => {
      for (const client of clients) {
        const end = prometheusMetrics(client, { prefix: 'here_' })
        expect(readExposition(await prom.register.metrics()).has('here_account_live_bytes')).to.equal(true)
        end()
      }
      expect(prom.register.getMetricsAsArray()).to.deep.equal([])
      expect(() => prometheusMetrics(prom, { register })).to.throw('already been registered')
      expect(register.getMetricsAsArray()).to.have.lengthOf(12)
    })

    it('registers nothing where it cannot register all', () => {
      const taken = new prom.Registry()
      const other = new prom.Gauge({ name: 'vmalloc_region_busy_bytes', help: 'Not ours.', registers: [taken] })
      expect(() => prometheusMetrics(prom, { register: taken })).to.throw('vmalloc_region_busy_bytes')
      expect(taken.getMetricsAsArray()).to.deep.equal([other])
    })

    it('refuses what is not prom-client', () => {
      expectFault('argument', ['prometheusMetrics', 'expected prom-client'], () =>
        prometheusMetrics({} as PrometheusClient),
      )
    })
  })

  describe('OpenTelemetry', () => {
    let exporter: InMemoryMetricExporter
    let reader: PeriodicExportingMetricReader
    let provider: MeterProvider
    const collect = async () => {
      exporter.reset()
      await reader.forceFlush()
      const { scopeMetrics } = exporter.getMetrics().at(-1)!
      expect(scopeMetrics.map(({ scope }) => scope.name)).to.deep.equal(['vmalloc'])
      return scopeMetrics[0]!.metrics
    }
    const toldBy = (metrics: Awaited<ReturnType<typeof collect>>, region: string): Told => {
      const told: Told = new Map()
      for (const { descriptor, dataPoints } of metrics) {
        const [, metric] = /^vmalloc\.account\.(.*)$/.exec(descriptor.name) ?? []
        const points = dataPoints.filter(({ attributes }) => attributes['vmalloc.region'] === region)
        if (metric === undefined || points.length === 0) continue
        told.set(metric, new Map(points.map((p) => [`${p.attributes['vmalloc.account']}`, p.value as number])))
      }
      return told
    }
    beforeEach(() => {
      exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
      reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })
      provider = new MeterProvider({ readers: [reader] })
    })
    afterEach(() => provider.shutdown())

    it('tells of each account what it says itself, at any moment, and it adds up', async () => {
      openTelemetryMetrics(provider)
      const life = new Life('metrics-otel', dice)
      for (let i = 0; i < 10; i++) {
        life.steps(20)
        const metrics = await collect()
        const told = toldBy(metrics, 'metrics-otel')
        expect(told).to.deep.equal(own(life.region))
        const { busyBytes, extent, highTide } = life.region.stat()
        expect(sum(told.get('live')!.values())).to.equal(busyBytes)
        for (const [name, value] of Object.entries({ busy: busyBytes, extent, high_tide: highTide })) {
          const { dataPoints } = metrics.find(({ descriptor }) => descriptor.name === `vmalloc.region.${name}`)!
          const points = dataPoints.filter(({ attributes }) => attributes['vmalloc.region'] === 'metrics-otel')
          expect(points.map(({ attributes, value }) => ({ ...attributes, value }))).to.deep.equal([
            { 'vmalloc.region': 'metrics-otel', 'vmalloc.method': 'best', 'vmalloc.parent': 'heap', value },
          ])
        }
      }
      life.region.close()
    })

    it('has nothing live once the region is closed, no limit, and counts on in the next one', async () => {
      openTelemetryMetrics(provider)
      const life = new Life('metrics-otel-end', dice).steps(100)
      const before = toldBy(await collect(), 'metrics-otel-end')
      expect(before).to.deep.equal(own(life.region))
      life.region.close()
      const after = toldBy(await collect(), 'metrics-otel-end')
      for (const metric of ['live', 'live_blocks', 'hard_limit', 'soft_limit', 'limited']) {
        expect(sum(after.get(metric)!.values()), metric).to.equal(0)
      }
      for (const metric of ['peak', 'allocations', 'failures']) {
        expect(after.get(metric), metric).to.deep.equal(before.get(metric))
      }
      expect(after.get('frees')).to.deep.equal(before.get('allocations'))
      const next = new Life('metrics-otel-end', dice).steps(10)
      const allocs = own(next.region).get('allocations')!
      const counted = toldBy(await collect(), 'metrics-otel-end').get('allocations')!
      for (const [path, value] of counted) {
        expect(value, path).to.equal(before.get('allocations')!.get(path)! + allocs.get(path)!)
      }
      next.region.close()
    })

    it('is in the conventions: names, units, instruments', async () => {
      openTelemetryMetrics(provider)
      const life = new Life('metrics-otel-names', dice)
      const metrics = await collect()
      expect(metrics).to.have.lengthOf(12)
      for (const metric of metrics) {
        const { descriptor } = metric
        expect(descriptor.name).to.match(/^vmalloc\.(account|region)\.[a-z_]+$/)
        expect(descriptor.unit).to.match(/^By$|^\{[a-z]+\}$/)
        expect(descriptor.description).to.match(/^[A-Z].*\.$/)
        const isCounted = COUNTED.some((name) => descriptor.name.endsWith(name))
        const isHighest = /peak|high_tide/.test(descriptor.name)
        expect(metric.dataPointType).to.equal(isHighest ? DataPointType.GAUGE : DataPointType.SUM)
        if (metric.dataPointType === DataPointType.SUM) expect(metric.isMonotonic, descriptor.name).to.equal(isCounted)
      }
      life.region.close()
    })

    it('is ended by the returned function', async () => {
      const end = openTelemetryMetrics(provider.getMeter('vmalloc'), { prefix: 'mine.' })
      const region = open({ name: 'metrics-otel-over', accounts: true })
      const live = async () =>
        (await collect()).find(({ descriptor }) => descriptor.name === 'mine.account.live')?.dataPoints ?? []
      const points = async () => (await live()).filter((p) => p.attributes['mine.region'] === 'metrics-otel-over')
      region.alloc(100)
      const { busyBytes } = region.stat()
      expect((await points()).map(({ value }) => value)).to.deep.equal([busyBytes])
      end()
      region.alloc(100)
      expect((await points()).map(({ value }) => value)).to.deep.equal([busyBytes])
      region.close()
    })

    it('takes the API, a provider or a meter, and nothing else', () => {
      for (const from of meters) openTelemetryMetrics(from)()
      expectFault('argument', ['openTelemetryMetrics', 'a MeterProvider or a Meter'], () =>
        openTelemetryMetrics({} as OpenTelemetryMeters),
      )
    })
  })
})

describe(`names of lines, SEED=${SEED}`, () => {
  it('keep to what was told while open, and are no more than there is room for', () => {
    const dice = new Dice(SEED)
    for (let trial = 0; trial < 15; trial++) {
      const names = new Names(5, 12)
      const told = new Map<string, string>()
      const lines = new Set<string>()
      for (let i = 0; i < 300; i++) {
        const [region, path, isOpen] = [`r${dice.below(30)}`, `a${dice.below(5)}`, dice.once(4)]
        const line = names.lineOf(region, path, isOpen)
        expect(line.region).to.be.oneOf([region, OTHERS])
        expect(line.path).to.be.oneOf([path, OTHERS])
        lines.add(keyOf(line))
        const key = keyOf({ region, path })
        if (told.has(key)) expect(keyOf(line)).to.equal(told.get(key))
        else if (isOpen) told.set(key, keyOf(line))
      }
      expect(lines.size).to.be.within(12, 2 * 12 + 2 * 5 + 2)
    }
  })

  it('are their own for the first, and twice as many of those that are told while open', () => {
    const names = new Names(2, 3)
    const of = (region: string, path: string, isOpen: boolean) => Object.values(names.lineOf(region, path, isOpen))
    expect(of('a', 'x', false)).to.deep.equal(['a', 'x'])
    expect(of('b', 'x', false)).to.deep.equal(['b', 'x'])
    expect(of('c', 'x', false)).to.deep.equal([OTHERS, 'x'])
    expect(of('a', 'y', false)).to.deep.equal(['a', OTHERS])
    expect(of('d', 'y', true)).to.deep.equal(['d', 'y'])
    expect(of('d', 'y', false)).to.deep.equal(['d', 'y'])
    expect(of('d', 'z', false)).to.deep.equal(['d', OTHERS])
  })
})
