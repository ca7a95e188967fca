/**
 * corpus: unmodified packages print the same and end alike, whether their memory is theirs, watched, ours or debugged.
 */
import { expect } from 'chai'
import { corpus, inPairs, type Outcome, run, versionOf, WAYS, type Way } from './corpus.ts'

const place = { factor: 0.1, limit: 50 }
const entries = corpus.filter(({ byHand }) => !byHand)

describe('wasm corpus', () => {
  const outcomes = new Map<string, Promise<Outcome>>()
  const outcome = (program: string, way: Way) => outcomes.get(`${program} ${way}`)!

  before(() => {
    const jobs = entries.flatMap((entry) => WAYS.map((way) => ({ entry, way })))
    const runs = inPairs(
      jobs.map(
        ({ entry, way }) =>
          () =>
            run(entry, way, place),
      ),
    )
    jobs.forEach(({ entry, way }, i) => {
      runs[i]!.catch(() => {})
      outcomes.set(`${entry.program} ${way}`, runs[i]!)
    })
  })

  for (const { program, packages, debug = 'debug' } of entries) {
    describe(`${program} (${packages.map((name) => `${name} ${versionOf(name)}`).join(', ')})`, () => {
      it('runs plain', async () => {
        const { stdout, stderr, end } = await outcome(program, 'plain')
        expect(stderr).to.equal('')
        expect(end).to.equal(0)
        expect(stdout.length).to.be.above(20)
      })
      const levels = { observed: 'observe', replaced: 'replace', debugged: debug }
      for (const way of ['observed', 'replaced', 'debugged'] as const) {
        it(`prints the same ${way}`, async () => {
          const plain = await outcome(program, 'plain')
          const { stdout, stderr, end } = await outcome(program, way)
          expect({ end, stdout }, stderr).to.deep.equal({ end: plain.end, stdout: plain.stdout })
        })
        it(`is ${way}: ${levels[way]}`, async () => {
          const { modules, stderr } = await outcome(program, way)
          const served = modules.filter(({ left }) => left === '')
          expect(served, stderr).to.have.length.above(0)
          for (const { level, figures, why } of served) {
            expect(level, why).to.equal(levels[way])
            expect(figures!.allocs).to.be.above(50)
            expect(figures!.frees).to.be.above(50)
          }
        })
        it(`has nothing to say when ${way} but why it is not served`, async () => {
          const { stderr } = await outcome(program, way)
          const said = stderr.split('\n').filter((line) => line !== '')
          for (const line of said) expect(line).to.match(/^vmalloc: module [\w.-]+ is (left alone|observed): /)
          const observed = way === 'debugged' && debug === 'observe'
          expect(said.some((line) => / is observed: /.test(line))).to.equal(observed)
        })
      }
    })
  }
})
