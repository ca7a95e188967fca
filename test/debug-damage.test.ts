/**
 * debug-damage: bookkeeping that was overwritten. What debug keeps before a block, what the wrapped method keeps before
 * and in its blocks, the list of freed blocks, the state of debug, and at last any bytes at all.
 *
 *   | head of the wrapped method | LEAD NEXT SPAN guards | SIZE SITE FREED SEAL guards | payload | guards | TAIL |
 *
 * Each is told once, with the block where it is one; then every operation goes on. Nothing but `check` throws, and that
 * only VmallocError `corrupted`.
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect } from 'chai'
import { injectOptions, type OpenOptions, type Region } from '../src/index.ts'
import { Rng, seedFrom } from './conformance/index.ts'
import { closeScenes, isAt, isSound, marked, mayBeCorrupted, Scene, useAll } from './fixtures/debug.ts'
import type { Where } from './fixtures/debug-harm.ts'

const line = marked(import.meta.filename)
const SEED = seedFrom(process.env.SEED)

const make = (region: Region, size: number): number => region.alloc(size) // @make
const look = (region: Region): void => region.check() // @look

const harm = join(import.meta.dirname, 'fixtures/debug-harm.ts')
const ts = pathToFileURL(join(import.meta.dirname, '../scripts/ts.mjs')).href
const SIZE = 40
const HEADER = 48
const sizesOf = (method: string) => (method === 'pool' ? [SIZE] : undefined)

/** Words that stand in the place of others. */
const wrong = (was: number): number[] => [0, 0xffffffff, was ^ 1, was ^ 0x100, was + 8, 0x12345678].map((n) => n >>> 0)

function quiet(): void {
  let were: string
  before(() => void (were = injectOptions('format=none')))
  after(() => {
    closeScenes()
    injectOptions(were)
  })
}

/** Everything once more, to the end. */
function liveOn(scene: Scene, method: string): void {
  useAll(scene.region, sizesOf(method))
  scene.region.clear()
  useAll(scene.region, sizesOf(method))
  expect(scene.region.close()).to.equal(true)
}

for (const method of ['best', 'pool', 'last']) {
  describe(`damage under debug(${method})`, () => {
    quiet()

    const opened = (options: OpenOptions = {}) => {
      const scene = new Scene({ method: `debug(${method})`, ...options })
      make(scene.region, SIZE)
      return scene
    }

    for (const noticed of ['check', 'free'] as const) {
      it(`each word before a live block, noticed by ${noticed}`, () => {
        for (let word = 0; word < HEADER / 4; word++) {
          for (let i = 0; i < 6; i++) {
            const scene = opened()
            const at = make(scene.region, SIZE)
            const place = at - HEADER + 4 * word
            const was = scene.words.getUint32(place, true)
            const value = wrong(was)[i]!
            if (value === was) continue
            scene.words.setUint32(place, value, true)
            scene.shoot()
            const what = `word ${word}: ${was} became ${value}`
            if (noticed === 'check') expect(() => look(scene.region), what).to.throw()
            else expect(scene.region.free(at), what).to.equal(true)
            expect(
              scene.told.map(({ address, size }) => [address, size]),
              what,
            ).to.deep.equal([[at, SIZE]])
            const [finding] = scene.told
            expect(finding!.kind, what).to.be.oneOf(['underflow', 'corrupted'])
            expect(at + finding!.offset, what).to.be.within(place, place + 3)
            expect(scene.bytes[0], 'memory is there').to.not.equal(undefined)
            const { allocated } = finding!
            if (word !== 7) expect(isAt(allocated, line('make')), `${what}: allocated`).to.equal(true)
            else if (allocated !== undefined) expect(isAt(allocated, line('make')), `${what}: allocated`).to.equal(true)
            if (noticed === 'check') {
              expect(scene.region.sizeOf(at), what).to.equal(SIZE)
              expect(scene.region.free(at), what).to.equal(true)
            }
            scene.region.check()
            liveOn(scene, method)
            expect(scene.told.map(String), what).to.have.length(1)
          }
        }
      })
    }

    it('each word before a freed block', () => {
      for (let word = 0; word < HEADER / 4; word++) {
        for (let i = 0; i < 6; i++) {
          const scene = opened()
          const at = make(scene.region, SIZE)
          scene.region.free(at)
          const place = at - HEADER + 4 * word
          const was = scene.words.getUint32(place, true)
          const value = wrong(was)[i]!
          if (value === was) continue
          scene.words.setUint32(place, value, true)
          const what = `word ${word}: ${was} became ${value}`
          mayBeCorrupted(() => look(scene.region))
          expect(scene.told.length, `${what}: told`).to.equal(1)
          expect(scene.told[0]!.kind, what).to.be.oneOf(['write-after-free', 'corrupted', 'underflow'])
          scene.region.check()
          liveOn(scene, method)
          expect(scene.told.map(String), what).to.have.length(1)
        }
      }
    })

    it('the word behind the guards of a block', () => {
      const scene = opened()
      const at = make(scene.region, SIZE)
      const tail = at + SIZE + 8
      scene.spoil(tail, 4)
      expect(() => look(scene.region)).to.throw('overflow')
      expect(scene.told.map(({ kind, address, offset }) => [kind, address, offset])).to.deep.equal([
        ['overflow', at, tail - at],
      ])
      liveOn(scene, method)
      expect(scene.told).to.have.length(1)
    })

    if (method !== 'pool') {
      it('the head of the wrapped block', () => {
        const heads = method === 'best' ? [4] : [4, 8]
        for (const back of heads) {
          for (let i = 0; i < 6; i++) {
            for (const first of ['check', 'free', 'resize', 'compact', 'clear', 'close'] as const) {
              const scene = opened()
              const at = make(scene.region, SIZE)
              const newest = make(scene.region, SIZE)
              const place = at - HEADER - back
              const was = scene.words.getUint32(place, true)
              const value = wrong(was)[i]!
              if (value === was) continue
              scene.words.setUint32(place, value, true)
              const what = `${back} before: ${was} became ${value}, then ${first}`
              if (first === 'check') expect(() => look(scene.region), what).to.throw()
              else if (first === 'free') scene.region.free(method === 'last' ? newest : at)
              else if (first === 'resize') scene.region.resize(at, 3 * SIZE, { copy: true })
              else scene.region[first]()
              if (scene.region.closed) continue
              if (first !== 'clear') {
                mayBeCorrupted(() => scene.region.check())
                expect(scene.told.length, `${what}: told`).to.be.at.least(1)
                expect(scene.told[0]!.kind, what).to.be.oneOf(['corrupted', 'underflow'])
              }
              liveOn(scene, method)
              const texts = scene.told.map(({ kind, address }) => `${kind} ${address}`)
              expect(new Set(texts).size, `${what}: ${scene.told.map(({ what }) => what).join('\n')}`).to.equal(
                texts.length,
              )
            }
          }
        }
      })
    }

    if (method !== 'last') {
      it('the lists of the wrapped method', () => {
        for (let word = 0; word < 2; word++) {
          for (let i = 0; i < 6; i++) {
            const scene = opened({ quarantine: 0 })
            const blocks = Array.from({ length: 6 }, () => make(scene.region, SIZE))
            for (const at of [blocks[1]!, blocks[3]!, blocks[4]!]) scene.region.free(at)
            if (i % 2 === 1) scene.region.compact()
            const place = blocks[3]! - HEADER + 4 * word
            const was = scene.words.getUint32(place, true)
            const value = wrong(was)[i]!
            if (value === was) continue
            scene.words.setUint32(place, value, true)
            const what = `word ${word}: ${was} became ${value}`
            const sound = isSound(() => look(scene.region))
            if (!sound)
              expect(
                scene.told.map(({ kind }) => kind),
                what,
              ).to.deep.equal(['corrupted'])
            if (method === 'best' && i !== 2) expect(sound, `${what}: taken for sound`).to.equal(false)
            liveOn(scene, method)
          }
        }
      })
    }

    it('the state of debug, word by word', () => {
      for (let word = 0; word < 26; word++) {
        for (let i = 0; i < 6; i++) {
          const scene = opened()
          const blocks = [1, 2, 3].map(() => make(scene.region, SIZE))
          const { region } = scene
          for (const at of blocks.slice(1).reverse()) region.free(at)
          const place = scene.state + 4 * word
          const was = scene.words.getUint32(place, true)
          const value = wrong(was)[i]!
          if (value === was) continue
          scene.words.setUint32(place, value, true)
          const what = `word ${word} of the state: ${was} became ${value}`
          try {
            if (i % 2 === 0) mayBeCorrupted(() => region.check())
            useAll(region, sizesOf(method))
            region.free(blocks[0]!)
            mayBeCorrupted(() => region.check())
            region.clear()
            useAll(region, sizesOf(method))
            region.close()
          } catch (error) {
            throw new Error(`${what}: ${String(error)}`, { cause: error })
          }
          const again = scene.told.map(({ kind, what }) => `${kind} ${what}`)
          expect(new Set(again).size, `${what}: ${again.join('\n')}`).to.equal(again.length)
        }
      }
    })

    for (const [name, word] of [
      ['oldest', 2],
      ['newest', 3],
      ['held', 4],
    ] as const) {
      it(`the list of freed blocks: ${name}`, () => {
        for (const value of [0, 8, 0xfffffff0, 0x12345678]) {
          const scene = opened()
          const blocks = Array.from({ length: 5 }, () => make(scene.region, SIZE))
          for (const at of blocks.slice(2).reverse()) scene.region.free(at)
          scene.words.setUint32(scene.state + 4 * word, value, true)
          mayBeCorrupted(() => look(scene.region))
          expect(scene.told.map(({ kind, detected }) => [kind, isAt(detected, line('look'))])).to.deep.equal([
            ['corrupted', true],
          ])
          scene.region.check()
          liveOn(scene, method)
          expect(scene.told).to.have.length(1)
        }
      })
    }

    it('a link of the list of freed blocks', () => {
      for (const value of [0, 8, 0xfffffff0, 0x12345678]) {
        const scene = opened()
        const blocks = Array.from({ length: 5 }, () => make(scene.region, SIZE))
        for (const at of blocks.slice(2).reverse()) scene.region.free(at)
        scene.words.setUint32(blocks[3]! - HEADER + 4, value, true)
        mayBeCorrupted(() => look(scene.region))
        expect(scene.told.map(({ kind }) => kind)).to.deep.equal(['corrupted'])
        scene.region.check()
        liveOn(scene, method)
        expect(scene.told).to.have.length(1)
      }
    })

    for (const where of ['blocks', 'anywhere, looked at', 'anywhere'] as const) {
      it(`random bytes: ${where} (SEED=${SEED})`, () => livesInChild(method, where))
    }

    it('a setting that was overwritten is told, and put right', () => {
      for (let word = 9; word < 26; word++) {
        const scene = opened()
        const place = scene.state + 4 * word
        const was = scene.words.getUint32(place, true)
        scene.words.setUint32(place, was ^ 0x40, true)
        mayBeCorrupted(() => look(scene.region))
        if (scene.words.getUint32(place, true) === (was ^ 0x40) && scene.told.length === 0) continue // not one of its words
        expect(
          scene.told.map(({ kind, detected }) => [kind, isAt(detected, line('look'))]),
          `word ${word}`,
        ).to.deep.equal([['corrupted', true]])
        scene.region.check()
        liveOn(scene, method)
        expect(scene.told).to.have.length(1)
      }
    })

    for (const level of [2, 3]) {
      it(`random guard bytes of live blocks, level ${level} (SEED=${SEED})`, () => {
        for (let life = 0; life < 20; life++) guardHarm(method, level, SEED + life)
      })
    }
  })
}

/** Each damage of a guard byte of a live block is told at the next check, with the right block, and once. */
function guardHarm(method: string, level: number, seed: number): void {
  const rng = new Rng(seed)
  const scene = new Scene({ method: `debug(${method})`, level })
  const { region } = scene
  const live: { at: number; size: number }[] = []
  for (let step = 0; step < 200; step++) {
    if (live.length < 5 || rng.chance(1 / 2)) {
      const size = method === 'pool' ? SIZE : rng.size(600)
      live.push({ at: region.alloc(size), size })
    } else {
      const i = method === 'last' ? live.length - 1 : rng.below(live.length)
      region.free(live.splice(i, 1)[0]!.at)
    }
    if (step % 8 !== 0) continue
    const harmed = new Map<number, number>()
    for (let n = 0; n < 3; n++) {
      const { at, size } = rng.pick(live)
      if (harmed.has(at)) continue
      const offset = rng.chance(1 / 2) ? -1 - rng.below(8) : size + rng.below(8)
      scene.bytes[at + offset]! ^= 1 + rng.below(255)
      harmed.set(at, offset)
    }
    expect(scene.told).to.have.length(0)
    expect(
      isSound(() => region.check()),
      `SEED=${seed} step ${step}`,
    ).to.equal(false)
    const told = scene.taken().map(({ kind, address, size, offset }) => ({ kind, address, size, offset }))
    const expected = live.flatMap(({ at, size }) => {
      const offset = harmed.get(at)
      return offset === undefined ? [] : [{ kind: offset < 0 ? 'underflow' : 'overflow', address: at, size, offset }]
    })
    expect(told, `SEED=${seed} step ${step}`).to.have.deep.members(expected)
    region.check()
  }
  region.close()
  expect(scene.told.map(String), `SEED=${seed}`).to.deep.equal([])
}

/** Random harm in a process of its own: should it never end, the last line says which life it was. */
function livesInChild(method: string, where: Where): void {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--max-old-space-size=500', '--import', ts, harm, method, where, `${SEED}`, '24'],
    {
      encoding: 'utf8',
      timeout: 20_000,
      killSignal: 'SIGKILL',
      env: { ...process.env, VMALLOC_OPTIONS: 'format=none' },
    },
  )
  const end = `${stdout.trim().split('\n').slice(-3).join('\n')}\n${stderr.slice(0, 2000)}`
  expect(status, end).to.equal(0)
  expect(stdout).to.include('lived')
}
