/**
 * program-child: one variant of a program in a process of its own; asked as child.ts is.
 *
 *   program-child.mjs                         the table of programs and variants, as JSON
 *   program-child.mjs VARIANT TASK            TASK as JSON: the program, and how large its input is
 */
import { createInterface } from 'node:readline'
import * as vmalloc from 'vmalloc'
import type { Answer, Task } from './child.ts'
import { programs } from './programs/index.ts'

const WARM_MS = 1000
const MOST_WARM = 5

export interface Listed {
  readonly name: string
  readonly about: string
  readonly variants: readonly { readonly name: string; readonly about: string }[]
}

function say(answer: object): void {
  process.stdout.write(`${JSON.stringify(answer)}\n`)
}

function list(): Listed[] {
  return programs.map(({ name, about, variants }) => ({
    name,
    about,
    variants: variants.map(({ name, about }) => ({ name, about })),
  }))
}

async function main(name: string, task: Task): Promise<void> {
  const program = programs.find((program) => program.name === task.program)!
  const variant = program.variants.find((variant) => variant.name === name)!
  const options = { scale: task.scale ?? 1 }
  const run = () => {
    const outcome = variant.run(vmalloc, options)
    globalThis.gc?.()
    return outcome
  }
  const answers: Record<string, () => Answer> = {
    warm() {
      let spent = 0
      for (let n = 0; n < MOST_WARM && spent < WARM_MS; n++) spent += run().ms
      return {}
    },
    pass: () => ({ ns: run().ms * 1e6, steps: 1 }),
    space() {
      const { extent, checksum } = run()
      const expected = program.expected(options)
      return checksum === expected ? { extent } : { failed: -1, why: `answers ${checksum}, expected ${expected}` }
    },
  }
  say({ ready: true })
  for await (const word of createInterface({ input: process.stdin })) {
    try {
      say(answers[word]!())
    } catch (error) {
      say({ failed: -1, why: error instanceof Error ? error.message : String(error) })
    }
  }
}

if (process.argv[2] === undefined) say(list())
else main(process.argv[2], JSON.parse(process.argv[3]!) as Task)
