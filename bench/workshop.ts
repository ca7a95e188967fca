/**
 * workshop: a temporary folder in which a run of the bench has all that its children need, as it was at the start.
 *
 *   node_modules/vmalloc   a copy of what is built: a build meanwhile does not change what is measured
 *   child.mjs and so on    bundled by esbuild, so that children start fast and run what is written and no more
 *   replay                 the C program, where there is a compiler
 *   trace-NAME             dumps of traces
 */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { readTrace } from '../src/node/traces.ts'
import type { Task } from './child.ts'
import { dumpOf, firstOf } from './dump.ts'
import { type Load, type Loop, roomFor } from './loads.ts'
import { compiler } from './peers/native.ts'
import type { Listed } from './program-child.ts'
import type { Subject } from './subject.ts'

const here = import.meta.dirname
const root = join(here, '..')
/** For peers that are CommonJS. */
const REQUIRE = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);"

export class Workshop {
  readonly folder = mkdtempSync(join(tmpdir(), 'vmalloc-bench-'))
  readonly #child = join(this.folder, 'child.mjs')
  readonly #programChild = join(this.folder, 'program-child.mjs')
  readonly #native = join(this.folder, 'replay')

  /** Builds what children run. */
  static async open(): Promise<Workshop> {
    const shop = new Workshop()
    const copy = join(shop.folder, 'node_modules/vmalloc')
    mkdirSync(copy, { recursive: true })
    cpSync(join(root, 'dist'), join(copy, 'dist'), { recursive: true })
    cpSync(join(root, 'package.json'), join(copy, 'package.json'))
    await shop.#bundle('child')
    await shop.#bundle('program-child')
    shop.#compile()
    return shop
  }

  close(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }

  /** What a child is told of a load, the bytes that are live at its peak, and how many events a trace has. */
  taskOf(load: Load, { limit, scale }: { limit: number; scale: number }): Task & { peakLive: number; events: number } {
    const { loop, program, script, keep } = load
    if (load.file === undefined || script !== undefined) {
      return {
        file: load.file,
        loop,
        program,
        script,
        keep,
        scale,
        need: loop === undefined ? 0 : roomFor(load, 0),
        limit,
        peakLive: 0,
        events: 0,
      }
    }
    const { first = Number.POSITIVE_INFINITY } = load
    const trace = firstOf(readTrace(load.file), first)
    const { peakLive, events } = trace
    const file = join(this.folder, `trace-${load.name}`)
    writeFileSync(file, dumpOf(trace))
    return { file, fromMany: load.need === 'stacks', need: roomFor(load, peakLive), limit, peakLive, events }
  }

  /** The programs there are: loads, each with its variants as subjects. */
  programs(): { load: Load; subjects: Subject[] }[] {
    const { stdout } = spawnSync(process.execPath, [this.#programChild], { encoding: 'utf8' })
    return (JSON.parse(stdout) as Listed[]).map(({ name, variants }) => ({
      load: { name: `program ${name}`, need: 'program', unit: 'run', program: name },
      subjects: variants.map((variant) => ({ ...variant, kind: 'ours', does: ['program'] })),
    }))
  }

  /** Takes away what a load left here. */
  tidy(): void {
    for (const name of readdirSync(this.folder)) {
      if (name.startsWith('trace-') || name.endsWith('.trace')) rmSync(join(this.folder, name))
    }
  }

  /** Program and arguments of a child. */
  command(kind: string, subject: string, task: Task): [string, string[]] {
    if (kind === 'native') return [this.#native, nativeArguments(task)]
    const { file, fromMany, loop, program, script, keep, scale, need, limit } = task
    if (script !== undefined) {
      return [process.execPath, [join(here, 'wasm', script), subject, JSON.stringify({ file, scale })]]
    }
    const child = program === undefined ? this.#child : this.#programChild
    const told = JSON.stringify({ file, fromMany, loop, program, keep, scale, need, limit })
    return [process.execPath, ['--expose-gc', child, subject, told]]
  }

  async #bundle(name: string): Promise<void> {
    await build({
      entryPoints: { [name]: join(here, `${name}.ts`) },
      outdir: this.folder,
      outExtension: { '.js': '.mjs' },
      bundle: true,
      splitting: true,
      platform: 'node',
      format: 'esm',
      target: 'node20',
      banner: { js: REQUIRE },
      external: ['vmalloc', 'vmalloc/*'],
      logLevel: 'warning',
    })
  }

  #compile(): void {
    const cc = compiler()
    if (cc === undefined) return
    const args = ['-O2', '-fno-builtin', '-o', this.#native, join(here, 'native/replay.c')]
    const { status, stderr } = spawnSync(cc, args, { encoding: 'utf8' })
    if (status !== 0) throw new Error(`bench: ${cc} does not compile native/replay.c:\n${stderr}`)
  }
}

function nativeArguments(task: Task): string[] {
  if (task.file !== undefined) return ['trace', task.file]
  const { shape, live, least, most, alignment, steps } = task.loop as Loop
  return [shape, ...[live, least, most, alignment, steps].map(String)]
}
