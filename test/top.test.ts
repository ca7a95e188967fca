/**
 * top: `vmalloc top`: what it draws, where programs serve it, what clients may do, and the command itself.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import sinon from 'sinon'
import type { AccountFigures, RegionFigures } from '../src/account/report.ts'
import { account, type Report, report, serveTop } from '../src/account.ts'
import { injectOptions, open } from '../src/index.ts'
import { main } from '../src/node/cli.ts'
import { nameOf, places, Teller } from '../src/node/top-client.ts'
import { frame, layout, pressed, type TopState, type View } from '../src/node/top-frame.ts'
import { countCell, cut, left, right, sizeCell, spanCell, visible, widthOf } from '../src/node/top-text.ts'
import { faultOf, foldersOf, ownerOfName, type Platform, platformHere, socketFor } from '../src/top/place.ts'
import { answerOf, Lines, lineOf, questionOf } from '../src/top/protocol.ts'
import { command } from './fixtures/command.ts'

const root = join(import.meta.dirname, '..')
const isUnix = process.platform !== 'win32'
const START = 1_700_000_000_000

// What is drawn

function counts(bytes: number, allocs = 1, frees = 0, failures = 0, peak = bytes) {
  return { bytes, blocks: allocs - frees, peak, allocs, frees, failures }
}

function accountOf(path: string, total: ReturnType<typeof counts>, more: Partial<AccountFigures> = {}): AccountFigures {
  const limits = { hard: Infinity, soft: Infinity }
  return { path, name: path.split('/').at(-1)!, own: total, total, limits, accounts: [], ...more }
}

function regionOf(name: string, more: Partial<RegionFigures> = {}): RegionFigures {
  const figures = { parent: undefined, shared: false, busyBytes: 0, highTide: 0, extent: 0, accounts: undefined }
  return { id: name.length, name, method: 'best', discipline: 'memory', ...figures, ...more }
}

function reportOf(regions: readonly RegionFigures[], more: Partial<Report> = {}): Report {
  return { taken: START + 5000, started: START, pid: 4711, thread: 0, regions, closed: [], ...more }
}

const view: View = { sort: 'bytes', scroll: 0, isCollapsed: false, isPaused: false }

function stateOf(regions: readonly RegionFigures[], more: Partial<TopState> = {}): TopState {
  const threads = [{ thread: 0, report: reportOf(regions) }]
  return { pid: 4711, name: 'server.mjs', started: START, rss: 2 ** 26, threads, view, interval: 1, ...more }
}

/** packets with a tree of accounts, and a region without any. */
function busyRegions(allocs: number): RegionFigures[] {
  const strings = accountOf('parser/strings', counts(1100, allocs, allocs - 20, 0, 1200))
  const parser = accountOf('parser', counts(8000, allocs + 100, allocs, 3, 9100), {
    limits: { hard: 8192, soft: 4096 },
    accounts: [strings],
  })
  const cache = accountOf('缓存', counts(2048, 7), { limits: { hard: Infinity, soft: 1024 } })
  const own = counts(500, 5)
  const accounts = accountOf('', counts(10548, 1000 + allocs, 900, 3), { own, accounts: [cache, parser] })
  return [
    regionOf('log', { busyBytes: 100, highTide: 3_000_000, extent: 65536, method: 'last' }),
    regionOf('packets', { busyBytes: 10548, highTide: 12000, extent: 16384, accounts }),
  ]
}

function watched(more: Partial<View> = {}, isOnce = false): TopState {
  const before = reportOf(busyRegions(1000), { taken: START + 3000 })
  const threads = [{ thread: 0, report: reportOf(busyRegions(4000)), before }]
  return stateOf([], { threads, view: { ...view, ...more }, interval: isOnce ? undefined : 1 })
}

function many(accounts: number, more: Partial<View> = {}): TopState {
  const below = Array.from({ length: accounts }, (_, i) => accountOf(`a${i}`, counts(1000 - i)))
  const regions = [
    regionOf('many', {
      busyBytes: 5000,
      extent: 9000,
      accounts: accountOf('', counts(5000), { own: counts(0, 0), accounts: below }),
    }),
  ]
  return stateOf(regions, { view: { ...view, ...more } })
}

const namesIn = (lines: readonly string[]) => lines.slice(4).map((line) => line.match(/^[\s|`-]*(\S+)/)?.[1])

describe('top: the frame', () => {
  it('shows a program without regions', () => {
    expect(frame(stateOf([]), 80, 8)).to.deep.equal([
      'vmalloc top  server.mjs  pid 4711  up 5 s  rss 64.0M',
      'busy 0B of 0B  0 regions  0 accounts  every 1 s',
      '',
      'NAME             LIVE BLOCKS   PEAK ALLOC/S FREE/S FAILED FULL',
      'no region is open',
      '',
      '',
      'q quit  s sort: bytes  c accounts  p pause  arrows scroll',
    ])
  })

  it('shows regions with bars, accounts as a tree, rates of two reports, and limits', () => {
    expect(frame(watched(), 120, 13)).to.deep.equal([
      'vmalloc top  server.mjs  pid 4711  up 5 s  rss 64.0M',
      'busy 10.4K of 80.0K [###-------------------]  2 regions  3 accounts  every 1 s',
      '',
      'NAME                          LIVE  BLOCKS    PEAK  ALLOC/S  FREE/S  FAILED  FULL',
      'packets (best over memory)   10.3K    4100   11.7K     1500       0       3  [##############--------]  64% of 16.0K',
      '|- parser                     7.8K     100    8.9K     1500    1500       3  [#####################-]  98% of 8.0K',
      '|  `- strings                 1.1K      20    1.2K     1500    1500       0',
      '|- 缓存                       2.0K       7    2.0K        0       0       0  [######################] 200% soft 1.0K',
      '`- (none)                     500B       5    500B        0       0       0',
      'log (last over memory)        100B            2.9M                           [----------------------]   0% of 64.0K',
      '',
      '',
      'q quit  s sort: bytes  c accounts  p pause  arrows scroll',
    ])
  })

  it('shows sums instead of rates where it looks once, and no keys', () => {
    const lines = frame(watched({}, true), 100, Infinity)
    expect(lines).to.have.length(10)
    expect(lines[1]).to.match(/2 regions {2}3 accounts$/)
    expect(lines[3]).to.match(/ALLOCS {3}FREES {2}FAILED {2}FULL$/)
    expect(lines[5]).to.match(/^\|- parser +7\.8K +100 +8\.9K +4100 +4000 +3 .* 98% of 8\.0K$/)
    expect(frame(watched({ most: 2 }, true), 100, Infinity)).to.deep.equal(lines.slice(0, 6))
  })

  it('has no rates from a report of another process of that number', () => {
    const state = watched()
    const { report: now, before } = state.threads[0]!
    const threads = [{ thread: 0, report: now, before: { ...before!, started: START - 1 } }]
    expect(frame({ ...state, threads }, 120, 13)[4]).to.match(/ 4100 +11\.7K +- +- +3 /)
  })

  it('marks accounts that are almost full', () => {
    const styles = layout(watched(), 120, 13).map(({ style }) => style)
    expect(styles.slice(3, 10)).to.deep.equal(['head', 'region', 'full', 'plain', 'full', 'plain', 'region'])
  })

  it('sorts regions, and the accounts of each, by what is asked for', () => {
    const names = (sort: View['sort']) => namesIn(frame(watched({ sort }), 120, 13)).slice(0, 6)
    expect(names('bytes')).to.deep.equal(['packets', 'parser', 'strings', '缓存', '(none)', 'log'])
    expect(names('peak')).to.deep.equal(['log', 'packets', 'parser', 'strings', '缓存', '(none)'])
    expect(names('name')).to.deep.equal(['log', 'packets', '(none)', 'parser', 'strings', '缓存'])
    expect(names('allocs')).to.deep.equal(['packets', 'parser', 'strings', '缓存', '(none)', 'log'])
  })

  it('collapses accounts', () => {
    expect(namesIn(frame(watched({ isCollapsed: true }), 120, 13)).slice(0, 3)).to.deep.equal([
      'packets',
      'log',
      undefined,
    ])
  })

  it('scrolls, and says which rows are shown', () => {
    const at = (scroll: number) => frame(many(40, { scroll }), 80, 15)
    expect(namesIn(at(0)).slice(0, 3)).to.deep.equal(['many', 'a0', 'a1'])
    expect(at(0).at(-1)).to.match(/arrows scroll +1-10 of 41$/)
    expect(at(7).at(-1)).to.match(/8-17 of 41$/)
    expect(namesIn(at(7)).slice(0, 10)).to.deep.equal(Array.from({ length: 10 }, (_, i) => `a${i + 6}`))
    expect(at(1000).at(-1)).to.match(/32-41 of 41$/)
    expect(at(1000).at(-1)!.length).to.equal(80)
  })

  it('scrolls by keys, within bounds', () => {
    const pressing = (...keys: string[]) => {
      let view: View | undefined = many(40).view
      for (const key of keys) view = pressed(many(40, view), key, 15)
      return view!.scroll
    }
    expect(pressing('j', 'down', 'j', 'k')).to.equal(2)
    expect(pressing('pagedown')).to.equal(10)
    expect(pressing('pagedown', 'pageup', 'up')).to.equal(0)
    expect(pressing('end')).to.equal(31)
    expect(pressing('end', 'j', 'pagedown', 'up')).to.equal(30)
    expect(pressing('end', 'home')).to.equal(0)
    expect(pressing('x')).to.equal(0)
  })

  it('hears the other keys', () => {
    const pressing = (key: string, state = many(4, { scroll: 2 })) => pressed(state, key, 15)
    expect(pressing('q')).to.equal(undefined)
    expect(pressing('ctrl-c')).to.equal(undefined)
    expect(pressing('s')?.sort).to.equal('peak')
    expect(pressing('s', many(4, { sort: 'name' }))?.sort).to.equal('bytes')
    expect(pressing('c')).to.include({ isCollapsed: true, scroll: 0 })
    expect(pressing('p')?.isPaused).to.equal(true)
    expect(frame(many(4, { isPaused: true }), 80, 15)[1]).to.match(/PAUSED$/)
  })

  it('fits into every terminal', () => {
    for (const state of [stateOf([]), watched(), watched({}, true), many(30, { scroll: 9 })]) {
      for (let columns = 0; columns <= 130; columns += 1 + (columns >> 4)) {
        for (let rows = 0; rows <= 16; rows++) {
          const lines = frame(state, columns, rows)
          expect(lines.length).to.be.at.most(rows)
          const wide = (line: string) => line.length + (line.match(/[缓存]/g)?.length ?? 0)
          for (const line of lines) expect(wide(line), `"${line}" in ${columns} columns`).to.be.at.most(columns)
        }
      }
    }
    expect(frame(watched(), 24, 4)).to.deep.equal([
      'vmalloc top  server.mjs~',
      'NAME                LIVE',
      'packets (best ov~  10.3K',
      '|- parser           7.8K',
    ])
  })

  it('gives names room before figures that say less', () => {
    const titles = (columns: number) => frame(watched(), columns, 13)[3]!.trim().split(/ +/)
    expect(titles(80)).to.deep.equal(['NAME', 'LIVE', 'BLOCKS', 'PEAK', 'ALLOC/S', 'FREE/S', 'FAILED', 'FULL'])
    expect(titles(60)).to.deep.equal(['NAME', 'LIVE', 'BLOCKS', 'PEAK', 'ALLOC/S', 'FULL'])
    expect(titles(40)).to.deep.equal(['NAME', 'LIVE', 'ALLOC/S'])
  })

  it('shows of several threads which one has a region, and counts a shared one once', () => {
    const shared = regionOf('table', { id: 5, shared: true, busyBytes: 1024, extent: 4096, discipline: 'shared' })
    const child = regionOf('child', {
      id: 6,
      shared: true,
      busyBytes: 10,
      extent: 512,
      parent: 5,
      discipline: 'region',
    })
    const threads = [0, 3].map((thread) => ({ thread, report: reportOf([shared, child], { thread }) }))
    const lines = frame(stateOf([], { threads }), 100, 12)
    expect(lines[0]).to.match(/2 threads$/)
    expect(lines[1]).to.match(/^busy 522B of 4\.0K .* 2 regions/)
    expect(lines[3]).to.match(/^THR {2}NAME/)
    expect(lines.slice(4, 8).map((line) => line.slice(0, 27).trimEnd())).to.deep.equal([
      '  0  table (best over shar~',
      '  3  table (best over shar~',
      '  0  child (best in table)',
      '  3  child (best in table)',
    ])
  })

  it('says what is wrong with a thread', () => {
    const threads = [{ thread: 0, report: reportOf([]), trouble: 'NO ANSWER for 3 s' }]
    expect(frame(stateOf([], { threads }), 80, 10)[1]).to.match(/NO ANSWER for 3 s$/)
  })

  it('lets no name steer the terminal', () => {
    const regions = [regionOf('\x1b[2J\u009b1m\u202egnp', { extent: 1 })]
    const lines = frame(stateOf(regions, { name: 'a\nb\x07' }), 130, 10)
    expect(lines.join('\n')).to.contain('?[2J?1m?gnp (best over memory)').and.to.contain('  a?b?  ')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
    expect(lines.join('')).not.to.match(/[\x00-\x1f\x7f-\x9f]/)
  })
})

describe('top: cells', () => {
  it('cuts by columns, whole characters only', () => {
    expect([cut('abc', 3), cut('abcd', 3), cut('缓存缓', 4), cut('缓存缓', 5), cut('x', 0)]).to.deep.equal([
      'abc',
      'ab~',
      '缓~',
      '缓存~',
      '',
    ])
    expect([left('缓', 4), right('缓', 4), left('缓存', 3)]).to.deep.equal(['缓  ', '  缓', '缓~'])
    expect(widthOf('e\u0301缓👩‍👧')).to.equal(5)
    expect(visible('👩‍👧')).to.equal('👩‍👧')
  })

  it('shows figures in at most five columns', () => {
    expect([0, 1023, 1024, 1536, 1023.6 * 1024, 99.96 * 2 ** 20, 2 ** 32].map(sizeCell)).to.deep.equal([
      '0B',
      '1023B',
      '1.0K',
      '1.5K',
      '1.0M',
      '100M',
      '4.0G',
    ])
    expect([0, 0.52, 9.96, 12345, 99_999, 123_456, 999_600, 1.5e9].map(countCell)).to.deep.equal([
      '0',
      '0.5',
      '10',
      '12345',
      '99999',
      '123k',
      '1.0M',
      '1.5G',
    ])
    for (let n = 0.3; n < 1e12; n *= 1.07) expect(`${sizeCell(n)}${countCell(n)}`.length).to.be.at.most(10)
    expect([-1, 59.9, 61, 3725].map(spanCell)).to.deep.equal(['0 s', '59 s', '1:01', '1:02:05'])
  })
})

describe('top: the protocol', () => {
  it('keeps a report as it is, with limits that are none', () => {
    const answer = { report: JSON.parse(JSON.stringify(reportOf([]))) as Report, rss: 5 }
    expect(answerOf(lineOf(answer))).to.deep.equal(answer)
    const sent = answerOf(lineOf({ report: reportOf(busyRegions(50)) }))
    expect(sent).to.deep.equal({ report: reportOf(busyRegions(50)) })
  })

  it('takes nothing else for an answer', () => {
    const noAnswers = ['', 'x', '[]', 'null', '{}', '{"vmalloc":"top"}', '{"regions":[{}],"closed":[]}']
    for (const line of noAnswers)
      expect(answerOf(line), line)
        .to.have.property('error')
        .that.matches(/no answer/)
    expect(answerOf('{"error":"why"}')).to.deep.equal({ error: 'why' })
    expect(['{"ask":"hello"}', '{"ask":"report","x":1}', '{"ask":"all"}', 'x', '1', ''].map(questionOf)).to.deep.equal([
      'hello',
      'report',
      undefined,
      undefined,
      undefined,
      undefined,
    ])
  })

  it('cuts lines as they come, of bounded length', () => {
    const lines = new Lines(5)
    expect(['a', 'b\ncd', '\n\nef', 'ghi', '\n'].map((piece) => lines.add(piece))).to.deep.equal([
      [],
      ['ab'],
      ['cd', ''],
      [],
      ['efghi'],
    ])
    expect(lines.add('123456')).to.equal(undefined)
    expect(new Lines(5).add('123456\n1')).to.equal(undefined)
  })
})

// Where programs serve

let folder = ''
let env: { TMPDIR: string | undefined; XDG_RUNTIME_DIR: string | undefined }

/** Sockets of this test in a folder of its own. */
function moveIn(): void {
  env = { TMPDIR: process.env.TMPDIR, XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR }
  folder = mkdtempSync(join(tmpdir(), 'vmalloc-top-'))
  process.env.TMPDIR = folder
  delete process.env.XDG_RUNTIME_DIR
}

function moveOut(): void {
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined) delete process.env[name]
    else process.env[name] = value
  }
  rmSync(folder, { recursive: true })
}

const sockets = () => foldersOf(platformHere()!)[0]!
const socketHere = () => join(sockets(), `${process.pid}-0.sock`)
const nobody = (sentence: string) => expect.fail(sentence)

/** The server listens, or has given up, once what is queued is done. */
const turn = () => new Promise((resolve) => setTimeout(resolve, 30))

describe('top: the place', () => {
  beforeEach(moveIn)
  afterEach(moveOut)

  const windows = (user: string): Platform => ({ ...platformHere()!, platform: 'win32', uid: -1, user })

  it('is a pipe with the name of the user on Windows', () => {
    const of = windows('Zoë\\..')
    expect(foldersOf(of)).to.deep.equal([])
    expect(socketFor(of, 4711, 2)).to.equal('\\\\.\\pipe\\vmalloc-Zo__..-4711-2')
    expect(ownerOfName('vmalloc-Zo__..-4711-2', of)).to.deep.equal({ pid: 4711, thread: 2 })
    for (const name of ['vmalloc-Zo__xx-4711-2', 'vmalloc-Zo__..-4711', 'vmalloc-Zo__..-1-1.sock']) {
      expect(ownerOfName(name, of)).to.equal(undefined)
    }
  })

  if (!isUnix) return

  it('reads process and thread from the name of a socket', () => {
    const of = platformHere()!
    expect(ownerOfName('12-3.sock', of)).to.deep.equal({ pid: 12, thread: 3 })
    for (const name of ['12-3', '12.sock', 'x12-3.sock', '12-3.sock~'])
      expect(ownerOfName(name, of)).to.equal(undefined)
  })

  it('is the folder of the session where that is the own one, else one for temporary files', () => {
    const of = (runtime: string) => foldersOf({ ...platformHere()!, env: { XDG_RUNTIME_DIR: runtime } })
    const other = `${folder}/vmalloc-${process.getuid!()}`
    const session = join(folder, 'session')
    expect(of(session)).to.deep.equal([other])
    mkdirSync(session, { mode: 0o700 })
    expect(of(`${session}/`)).to.deep.equal([`${session}/vmalloc`, other])
    expect(of('session')).to.deep.equal([other])
    expect(of(`${session}/${'x'.repeat(80)}`)).to.deep.equal([other])
    chmodSync(session, 0o770)
    expect(of(session)).to.deep.equal([other])
    writeFileSync(join(folder, 'file'), '')
    expect(of(join(folder, 'file'))).to.deep.equal([other])
  })

  it('is made with mode 0700, and used again', () => {
    const path = socketFor(platformHere()!, 1, 0)
    expect(path).to.equal(join(sockets(), '1-0.sock'))
    expect(statSync(sockets()).mode & 0o7777).to.equal(0o700)
    expect(socketFor(platformHere()!, 1, 0)).to.equal(path)
  })

  /** Makes the folder, with modes of its own and of the one above, as no umask changes them. */
  function make(mode = 0o700, above = 0o700): void {
    mkdirSync(sockets())
    chmodSync(sockets(), mode)
    chmodSync(folder, above)
  }

  // biome-ignore format: a table
  const refused: [what: string, lay: () => void, why: RegExp, more?: Partial<Platform>][] = [
    ['a folder that others can write', () => make(0o722), /is open to others \(mode 0722\), expected mode 0700/],
    ['a folder that others can only read', () => make(0o704), /is open to others \(mode 0704\)/],
    ['a link to a folder', () => symlinkSync(folder, sockets()), /is no folder/],
    ['a link to nothing', () => symlinkSync(join(folder, 'x'), sockets()), /is no folder/],
    ['a file', () => writeFileSync(sockets(), ''), /is no folder/],
    ['a folder in one that others can write', () => make(0o700, 0o777), /can be written by others \(mode 0777\), expected a sticky one/],
    ['a folder with a name too long', () => {}, /characters, expected at most 103 for a socket/, { tmpdir: `/tmp/${'x'.repeat(90)}` }],
  ]
  for (const [what, lay, why, more] of refused) {
    it(`is not ${what}`, () => {
      lay()
      expect(() => socketFor({ ...platformHere()!, ...more }, 1, 0)).to.throw(why)
    })
  }

  it('is a folder in one that others can write, if that is sticky', () => {
    make(0o700, 0o1777)
    expect(faultOf(sockets(), platformHere()!)).to.equal(undefined)
  })

  it('is no folder of somebody else', () => {
    const me = process.getuid!()
    const of = { ...platformHere()!, uid: me + 1 }
    const theirs = foldersOf(of)[0]!
    mkdirSync(theirs, { mode: 0o700 })
    expect(() => socketFor(of, 1, 0)).to.throw(`${theirs} belongs to user ${me}, expected user ${me + 1}`)
  })

  it('is not looked into by the command where it is not safe', () => {
    make(0o755)
    const said: string[] = []
    expect(places((sentence) => said.push(sentence))).to.deep.equal([])
    expect(said).to.have.length(1)
    expect(said[0]).to.match(/is open to others/)
  })
})

// Serving

describe('top: the server', function () {
  if (!isUnix) this.pending = true
  let end = () => {}

  beforeEach(moveIn)
  afterEach(() => {
    end()
    end = () => {}
    moveOut()
  })

  /** What comes back for bytes that are no polite question, until the program hangs up. */
  function hearFor(bytes: string): Promise<string> {
    return new Promise((resolve) => {
      let heard = ''
      const socket: Socket = connect(socketHere(), () => socket.write(bytes))
      socket.on('data', (data) => (heard += data))
      socket.on('error', () => {})
      socket.on('close', () => resolve(heard))
    })
  }

  async function teller(): Promise<Teller> {
    return Teller.reach(places(nobody).find(({ pid }) => pid === process.pid)!, 1000)
  }

  it('tells who it is, and what report() says', async () => {
    const region = open({ name: 'packets', discipline: 'memory' })
    account('parser', region).limit({ soft: 100 })
    account('parser', region).alloc(1000)
    end = serveTop()
    const one = await teller()
    expect(one.hello).to.deep.include({ vmalloc: 'top', version: 1, pid: process.pid, thread: 0 })
    expect(one.hello.started).to.be.closeTo(Date.now() - 1000 * process.uptime(), 2000)
    const { report: told, rss } = await one.report(1000)
    expect({ ...told, taken: 0 }).to.deep.equal({ ...JSON.parse(JSON.stringify(report())), ...report(), taken: 0 })
    expect(told.regions.find(({ name }) => name === 'packets')?.accounts?.accounts[0]?.limits).to.deep.equal({
      hard: Infinity,
      soft: 100,
    })
    expect(rss).to.be.greaterThan(2 ** 20)
    one.close()
    region.close()
  })

  it('serves until all who asked for it ended it, and again', async () => {
    const [first, second] = [serveTop(), serveTop()]
    await turn()
    first()
    first()
    expect(existsSync(socketHere())).to.equal(true)
    expect(statSync(sockets()).mode & 0o7777).to.equal(0o700)
    second()
    expect(readdirSync(sockets())).to.deep.equal([])
    end = serveTop()
    const one = await teller()
    expect(one.isGone).to.equal(false)
    end()
    await turn()
    expect(one.isGone).to.equal(true)
  })

  it('sends away who asks rubbish, too much, or two things at once, and serves the others', async () => {
    end = serveTop()
    const polite = await teller()
    for (const rubbish of ['x\n', '{"ask":"everything"}\n', '{}\n{}\n', '\n', 'x'.repeat(300), 'x'.repeat(100_000)]) {
      expect(await hearFor(rubbish)).to.match(/^\{"error":"expected \{.*\}\n$/)
    }
    const twice = '{"ask":"report"}\n'
    expect(await hearFor(twice + twice)).to.match(/^\{"error":"expected/)
    expect((await polite.report(1000)).report.pid).to.equal(process.pid)
    polite.close()
  })

  it('sends away who asks again while it waits for its turn', async () => {
    end = serveTop()
    const before = await Promise.all(Array.from({ length: 7 }, teller))
    const answers = Promise.all(before.map((one) => one.report(1000)))
    const impatient = connect(socketHere(), () => {
      impatient.write('{"ask":"report"}\n')
      setTimeout(() => impatient.write('{"ask":"report"}\n'), 10)
    })
    const heard = await new Promise((resolve) => impatient.once('data', (data) => resolve(`${data}`)))
    expect(heard).to.match(/^\{"error":"expected no question before the last one is answered"\}\n$/)
    expect(await answers).to.have.length(7)
    for (const one of before) one.close()
  })

  it('makes reports 20 ms apart, and serves eight at once', async () => {
    end = serveTop()
    const all = await Promise.all(Array.from({ length: 8 }, teller))
    const began = performance.now()
    await Promise.all(all.map((one) => one.report(1000)))
    expect(performance.now() - began).to.be.within(7 * 20 - 5, 1000)
    const [place] = places(nobody)
    expect(await Teller.reach(place!, 1000).catch(({ why }) => why)).to.equal('gone')
    for (const one of all) one.close()
    await turn()
    ;(await teller()).close()
  })

  it('says why it has no report, and goes on', async () => {
    end = serveTop()
    const one = await teller()
    const broken = sinon.stub(Date, 'now').throws(new Error('no time'))
    const refused = await one.report(1000).catch(({ message }) => message)
    broken.restore()
    expect(refused).to.equal(`${nameOf({ pid: process.pid, thread: 0 })}: no time`)
    expect((await one.report(1000)).report.pid).to.equal(process.pid)
    one.close()
  })

  it('takes the place of a process of its number that was killed', async () => {
    leaveSocket(`${process.pid}-0.sock`)
    end = serveTop()
    await turn()
    const one = await teller()
    expect(one.hello.thread).to.equal(0)
    one.close()
  })

  it('warns once where it cannot serve, and does not throw', async () => {
    const file = join(folder, 'warnings')
    const old = injectOptions(`warn=${file}`)
    try {
      mkdirSync(sockets(), { mode: 0o700 })
      const other = createServer().listen(socketHere())
      end = serveTop()
      await turn()
      expect(readFileSync(file, 'utf8')).to.match(/^vmalloc: top is not served: .*EADDRINUSE.*\n$/)
      end()
      other.close()
      chmodSync(sockets(), 0o755)
      end = serveTop()
      await turn()
      expect(readFileSync(file, 'utf8').split('\n')).to.have.length(2)
      expect(readdirSync(sockets())).to.deep.equal([])
    } finally {
      injectOptions(old)
    }
  })

  it('is not there where there are no sockets', () => {
    const none = sinon.stub(process, 'getBuiltinModule').returns(undefined)
    try {
      expect(serveTop)
        .to.throw('serveTop: there are no local sockets on this platform')
        .with.property('code', 'unsupported')
    } finally {
      none.restore()
    }
  })
})

/** Leaves a socket that nobody serves, as a process does that is killed. */
function leaveSocket(name: string): string {
  mkdirSync(sockets(), { mode: 0o700, recursive: true })
  const path = join(sockets(), name)
  const killed = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`
  spawnSync(process.execPath, ['-e', killed])
  expect(existsSync(path)).to.equal(true)
  return path
}

// The command

describe('top: the command', function () {
  if (!isUnix) this.pending = true
  const programs: ChildProcess[] = []

  before(moveIn)
  after(() => {
    for (const program of programs) program.kill('SIGKILL')
    moveOut()
  })

  async function start(words: string[], options = 'top'): Promise<ChildProcess> {
    const args = ['--import', './scripts/ts.mjs', 'test/fixtures/topped.ts', ...words]
    const program = spawn(process.execPath, args, {
      cwd: root,
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, VMALLOC_OPTIONS: options },
    })
    programs.push(program)
    await new Promise((resolve) => program.stdout!.once('data', resolve))
    return program
  }

  const ended = (program: ChildProcess) => new Promise<number | null>((resolve) => program.once('exit', resolve))

  function run(...words: string[]): Promise<{ status: number | null; stdout: string; stderr: string }> {
    return new Promise((resolve) => {
      const child = spawn(process.execPath, [...command, 'top', ...words], { cwd: root })
      const texts = { stdout: '', stderr: '' }
      child.stdout.on('data', (data) => (texts.stdout += data))
      child.stderr.on('data', (data) => (texts.stderr += data))
      child.on('close', (status) => resolve({ status, ...texts }))
    })
  }

  /** The same in this process, which is quicker. */
  async function runHere(...words: string[]): Promise<{ status: number | null; stdout: string; stderr: string }> {
    const stdout = sinon.stub(process.stdout, 'write').returns(true)
    const stderr = sinon.stub(process.stderr, 'write').returns(true)
    try {
      const status = await main(['top', ...words])
      const said = ({ args }: sinon.SinonStub) => args.map(([text]) => text).join('')
      return { status, stdout: said(stdout), stderr: said(stderr) }
    } finally {
      for (const stub of [stdout, stderr]) stub.restore()
    }
  }

  it('says that nobody serves, takes away what was left, and exits with 1', async () => {
    const left = leaveSocket('999999-0.sock')
    const young = leaveSocket('999999-1.sock')
    utimesSync(left, 1, 1)
    const none = await runHere()
    expect(none).to.deep.include({ status: 1, stdout: '' })
    expect(none.stderr).to.match(
      /^vmalloc: no program serves top: start it with VMALLOC_OPTIONS=top, or .*serveTop\(\)/,
    )
    expect([left, young].map(existsSync)).to.deep.equal([false, true])
    const unknown = { status: 1, stdout: '', stderr: 'vmalloc: no program 999999 runs\n' }
    expect(await runHere('999999')).to.deep.equal(unknown)
    const { stderr } = await runHere(String(process.pid))
    expect(stderr).to.match(/^vmalloc: program \d+ does not serve top: start it with/)
  })

  it('shows a program and its threads once, as text and as JSON, and lists programs to choose from', async () => {
    const [one, two] = await Promise.all([start(['stay', 'worker']), start(['stay'])])
    const [once, silent] = await Promise.all([run(`${one.pid}`, '--once', '--sort', 'name'), start(['stay'], 'notop')])
    const json = await runHere(`${two.pid}`, '--json')
    const list = await runHere()
    const choice = await runHere('--json')
    const not = await runHere(`${silent.pid}`)
    expect(once).to.deep.include({ status: 0, stderr: '' })
    expect(once.stdout).to.match(
      new RegExp(`^vmalloc top  topped\\.ts stay worker  pid ${one.pid}  up \\d.*  2 threads\\n`),
    )
    expect(once.stdout).to.match(/^ {2}0 {2}packets \(best over memory\) .* of /m)
    expect(once.stdout).to.match(/^ {2}\d {2}parcels \(best over memory\) .* of /m)
    expect(once.stdout).to.match(/^ +`- parser +31\.4K +2 +31\.4K +2 +0 +0 .* 50% of 62\.5K$/m)
    expect(once.stdout).to.match(/^ +`- strings +\d+B +1 /m)

    expect(json).to.deep.include({ status: 0, stderr: '' })
    const [told, ...rest] = JSON.parse(json.stdout) as Report[]
    expect(rest).to.deep.equal([])
    expect(told).to.include({ pid: two.pid, thread: 0 })
    const packets = told!.regions.find(({ name }) => name === 'packets')!
    expect(packets.accounts!.accounts[0]).to.deep.include({ path: 'parser', limits: { hard: 64000, soft: null } })

    expect(list.status).to.equal(0)
    expect(list.stdout).to.match(/^ *pid +threads +busy +program\n/)
    expect(list.stdout).to.match(new RegExp(`^ *${one.pid} +2 +\\S+ +topped\\.ts stay worker$`, 'm'))
    expect(list.stdout).to.match(new RegExp(`^ *${two.pid} +1 +31\\.\\dK +topped\\.ts stay$`, 'm'))
    expect(list.stderr).to.equal('vmalloc: 2 programs serve top: choose one with vmalloc top PID\n')
    expect(choice).to.deep.include({ status: 2, stdout: '' })
    expect(not).to.deep.include({ status: 1, stdout: '' })
    expect(not.stderr).to.match(/does not serve top/)

    for (const program of [one, two, silent]) program.stdin!.end()
    expect(await Promise.all([one, two, silent].map(ended))).to.deep.equal([0, 0, 0])
  })

  // biome-ignore format: a table
  const misuses: [words: string[], message: RegExp][] = [
    [['me'], /top me: expected the number of a process/],
    [['0'], /top 0: expected the number of a process/],
    [['--sort', 'byte'], /--sort byte: did you mean bytes\?/],
    [['--interval', '0'], /--interval 0: expected seconds from 0\.1/],
    [['--rows', '0'], /--rows 0: expected a whole number from 1/],
  ]
  for (const [words, message] of misuses) {
    it(`exits with 2 at vmalloc top ${words.join(' ')}`, async () => {
      const { status, stdout, stderr } = await runHere(...words)
      expect({ status, stdout }).to.deep.equal({ status: 2, stdout: '' })
      expect(stderr).to.match(message)
    })
  }

  it('does not keep a program alive, though it is watched by one that takes no answer', async () => {
    const program = await start(['400', 'many'])
    const over = ended(program)
    const place = places(nobody).find(({ pid }) => pid === program.pid)!
    const watcher = connect(place.path, () => watcher.write('{"ask":"hello"}\n'))
    watcher.on('error', () => {})
    const slow = connect(place.path, () => slow.pause().write('{"ask":"report"}\n'))
    slow.on('error', () => {})
    await new Promise((resolve) => program.stdout!.once('data', resolve))
    const deadline = new Promise((resolve) => setTimeout(() => resolve('still running'), 6000).unref())
    expect(await Promise.race([over, deadline])).to.equal(0)
    expect(existsSync(place.path)).to.equal(false)
    watcher.destroy()
    slow.destroy()
  })

  it('says only that a program does not answer where it is busy', async () => {
    const program = await start(['20000', 'busy'])
    const [once, named] = await Promise.all([run('--once'), run(`${program.pid}`, '--json')])
    program.kill('SIGKILL')
    const late = `vmalloc: program ${program.pid} does not answer: it may be busy\n`
    expect([once, named]).to.deep.equal(Array(2).fill({ status: 1, stdout: '', stderr: late }))
  })

  it('says so where a program greets and then says no more', async () => {
    const greeting = lineOf({
      vmalloc: 'top',
      version: 1,
      pid: process.pid,
      thread: 0,
      title: '',
      argv: [],
      started: 1,
    })
    mkdirSync(sockets(), { mode: 0o700, recursive: true })
    let isRude = false
    const server = createServer((socket) => {
      socket.on('error', nobody)
      socket.write(greeting)
      socket.on('data', (text) => `${text}`.includes('report') && isRude && socket.destroy())
    }).listen(socketHere())
    try {
      const silent = await runHere(`${process.pid}`, '--once')
      isRude = true
      const gone = await runHere(`${process.pid}`, '--once')
      const [late, ended] = ['does not answer: it may be busy', 'has ended, or serves top no more']
      expect(silent).to.deep.equal({ status: 1, stdout: '', stderr: `vmalloc: program ${process.pid} ${late}\n` })
      expect(gone).to.deep.equal({ status: 1, stdout: '', stderr: `vmalloc: program ${process.pid} ${ended}\n` })
    } finally {
      server.close()
    }
  })

  it('leaves no socket behind where the program ends by an error', async () => {
    const args = ['--import', './scripts/ts.mjs', 'test/fixtures/topped.ts', 'throw']
    const program = spawn(process.execPath, args, { cwd: root, env: { ...process.env, VMALLOC_OPTIONS: 'top' } })
    let said = ''
    program.stderr.on('data', (data) => (said += data))
    expect(await ended(program)).to.equal(1)
    expect(said).to.contain('that nobody catches')
    expect(existsSync(sockets()) && readdirSync(sockets()).includes(`${program.pid}-0.sock`)).to.equal(false)
  })

  describe('on a terminal', () => {
    const hasScript = isUnix && spawnSync('script', ['-qec', 'true', '/dev/null']).status === 0

    /** Runs it on a terminal of 100 x 20; `hear` sees what is on it so far, and answers with keys. */
    function onTerminal(words: string[], hear: (text: string) => string): Promise<string> {
      return new Promise((resolve) => {
        const line = [process.execPath, ...command, 'top', ...words].map((word) => `'${word}'`).join(' ')
        const shell = `stty rows 20 cols 100; ${line}; echo "exit $?"; stty -a`
        const child = spawn('script', ['-qec', shell, '/dev/null'], { cwd: root })
        programs.push(child)
        let text = ''
        child.stdout.on('data', (data) => {
          text += data
          const keys = hear(text)
          if (keys !== '') child.stdin.write(keys)
        })
        child.on('close', () => resolve(text))
      })
    }

    /** What is on the terminal once it was given back. */
    const restored = (text: string) => text.split('\x1b[?7h\x1b[?25h\x1b[?1049l')[1]

    it('draws until q, hears keys, and gives the screen back; ends with the program', async function () {
      if (!hasScript) {
        console.log('      no `script` here that makes a terminal')
        return this.skip()
      }
      const program = await start(['stay'])
      const asked = new Set<string>()
      const once = (key: string) => (asked.size < asked.add(key).size ? key : '')
      const [quit, lost] = await Promise.all([
        onTerminal([`${program.pid}`, '--interval', '0.2'], (text) => {
          if (text.includes('sort: peak')) return once('q')
          return /ALLOC\/S/.test(text) ? once('s') : ''
        }),
        onTerminal([`${program.pid}`, '--interval', '0.2'], (text) => {
          if (/ALLOC\/S/.test(text) && once('end') !== '') setTimeout(() => program.stdin!.end(), 800)
          return ''
        }),
      ])
      expect(quit).to.contain('\x1b[?1049h\x1b[?25l')
      expect(quit).to.match(/`- parser +31\.4K .*50% of 62\.5K/)
      expect(restored(quit))
        .to.match(/^exit 0\r\n/)
        .and.to.match(/ icanon .*[^-]echo /s)
      expect(restored(lost)).to.match(new RegExp(`^program ${program.pid} has ended\\r\\nexit 0\\r\\n`))
      expect(restored(lost)).to.match(/ icanon /)
    })
  })
})
