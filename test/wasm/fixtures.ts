/**
 * fixtures: the programs of test/wasm/c, compiled, by name and shape. c/build.sh says what the shapes are.
 *
 *   fixture('errors', 'stripped')     the bytes of a module
 *   start('errors', 'stripped')       a program made of them, begun: call('overrun_by_one', 24)
 *   start('imports', 'exported', { env: importsOf(() => memory) })
 *   mistakes                          each error of errors.c: its call, block, place, stacks, and what must be told of it
 *
 * Modules are made by WebAssembly.Module and WebAssembly.Instance as they stand when a program starts, hooked or not.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const shapes = ['full', 'exports', 'onlymallocfree', 'stripped', 'inlined', 'own'] as const

/** All modules that there are, by program and shape. */
export const fixtures = {
  errors: shapes,
  clean: [...shapes, 'limited'],
  pair: ['full', 'onlymallocfree', 'stripped'],
  imports: ['imported', 'exported'],
  side: ['clang', 'hand'],
  odd: [
    'asyncify',
    'atomics',
    'bad-names',
    'bulk-and-multivalue',
    'customs',
    'empty',
    'exceptions',
    'exceptions-legacy',
    'gc',
    'memory64',
    'multi-memory',
    'no-code',
    'no-table',
    'other-malloc',
    'other-names',
    'padded',
    'reexport',
    'simd',
    'start',
    'table-imported',
    'table-init',
    'tables',
    'tail-calls',
    'unknown-opcode',
  ],
} as const

export type ProgramName = keyof typeof fixtures
export type Shape<P extends ProgramName> = (typeof fixtures)[P][number]

/** What Node 20 does not know yet; `unknown-opcode` nobody will. */
export const tooNew: readonly Shape<'odd'>[] = ['exceptions', 'gc', 'memory64', 'multi-memory', 'table-init']

/** Shapes whose allocator is wasi-libc's dlmalloc. */
export const dlmallocShapes = ['full', 'exports', 'onlymallocfree', 'stripped', 'inlined'] as const

/** What C programs call of an allocator, as far as these modules have it (memalign is only ever imported). */
export const kin = [
  'malloc',
  'free',
  'calloc',
  'realloc',
  'aligned_alloc',
  'posix_memalign',
  'malloc_usable_size',
] as const

const folder = join(import.meta.dirname, 'modules')

export const fixture = <P extends ProgramName>(program: P, shape: Shape<P>): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(readFileSync(join(folder, `${program}.${shape}.wasm`)))

/** Module and instance, and _initialize() called where there is one. */
export const start = <P extends ProgramName>(program: P, shape: Shape<P>, imports?: WebAssembly.Imports): Program =>
  new Program(fixture(program, shape), imports)

/** A module that runs. Words go in and come out unsigned. */
export class Program {
  readonly module: WebAssembly.Module
  readonly instance: WebAssembly.Instance
  private readonly imported: WebAssembly.Memory | undefined

  constructor(bytes: Uint8Array<ArrayBuffer>, imports: WebAssembly.Imports = {}) {
    this.module = new WebAssembly.Module(bytes)
    this.instance = new WebAssembly.Instance(this.module, imports)
    this.imported = imports.env?.memory instanceof WebAssembly.Memory ? imports.env.memory : undefined
    if (this.has('_initialize')) this.call('_initialize')
  }

  get memory(): WebAssembly.Memory {
    const memory = this.instance.exports.memory ?? this.imported
    if (!(memory instanceof WebAssembly.Memory)) throw new Error('the program has no memory of that name')
    return memory
  }

  has(name: string): boolean {
    return typeof this.instance.exports[name] === 'function'
  }

  /** What an exported function answers; 0 where it answers nothing. */
  call(name: string, ...values: number[]): number {
    const it = this.instance.exports[name]
    if (typeof it !== 'function') throw new Error(`the program exports no function ${name}`)
    return Number(it(...values) ?? 0) >>> 0
  }

  /** An exported global, __heap_base for instance. */
  global(name: string): number {
    const it = this.instance.exports[name]
    if (!(it instanceof WebAssembly.Global)) throw new Error(`the program exports no global ${name}`)
    return Number(it.value) >>> 0
  }

  bytes(at: number, length: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, at, length)
  }

  word(at: number): number {
    return new DataView(this.memory.buffer).getUint32(at, true)
  }
}

const PAGE = 65536
const CHUNK = 2 ** 22

export type Env = Record<(typeof kin)[number] | 'memalign', (...values: number[]) => number>

/**
 * The plainest allocator for a module that imports one: it only ever moves on, from `base` (asked for at the first call)
 * or from the end of memory, and counts. Zeroed memory is new memory.
 */
export function importsOf(
  memory: () => WebAssembly.Memory,
  base?: () => number,
): { env: Env; calls: Map<string, number> } {
  const calls = new Map<string, number>()
  const sizes = new Map<number, number>()
  let top = -1
  let end = 0
  const count = (name: string): number => calls.set(name, (calls.get(name) ?? 0) + 1).size
  /** What memory grows by lies behind what was there, which need not be ours. */
  const grow = (bytes: number): void => {
    const pages = Math.ceil((bytes + CHUNK) / PAGE)
    const before = memory().grow(pages) * PAGE
    if (before !== end) top = before
    end = before + pages * PAGE
  }
  const take = (asked: number, alignment = 16): number => {
    const size = asked >>> 0
    if (top < 0) {
      end = memory().buffer.byteLength
      top = base?.() ?? end
    }
    if (top + alignment + size > end) grow(alignment + size)
    const at = Math.ceil(top / alignment) * alignment
    top = at + size
    sizes.set(at, size)
    return at
  }
  const more = (old: number, size: number): number => {
    const at = take(size)
    if (old !== 0) new Uint8Array(memory().buffer).copyWithin(at, old, old + Math.min(sizes.get(old) ?? 0, size))
    return at
  }
  const env: Env = {
    malloc: (size) => count('malloc') && take(size!),
    free: () => count('free'),
    calloc: (n, each) => count('calloc') && take(n! * each!),
    realloc: (old, size) => count('realloc') && more(old! >>> 0, size! >>> 0),
    memalign: (alignment, size) => count('memalign') && take(size!, alignment!),
    aligned_alloc: (alignment, size) => count('aligned_alloc') && take(size!, alignment!),
    posix_memalign: (where, alignment, size) => {
      count('posix_memalign')
      const at = take(size!, alignment!)
      new DataView(memory().buffer).setUint32(where! >>> 0, at, true)
      return 0
    },
    malloc_usable_size: (at) => count('malloc_usable_size') && (sizes.get(at! >>> 0) ?? 0),
  }
  return { env, calls }
}

/** What a debug method has to call it; `value`: only what the call answers gives it away. */
export type Kind =
  | 'overflow'
  | 'underflow'
  | 'write-after-free'
  | 'double-free'
  | 'bad-free'
  | 'bad-resize'
  | 'leak'
  | 'value'

/**
 * One mistake: what is called, and then last_block() is the block, last_size() is `size`, last_place() - last_block() is
 * `offset`. Where `size` is not the block's (static memory, the stack) `isBlock` is false.
 */
export interface Mistake {
  readonly call: string
  readonly args: readonly number[]
  readonly kind: Kind
  readonly size: number
  /** Where the first wrong byte lies, or the address that was handed over: from the payload on. */
  readonly offset: number
  /** Bytes that were written wrongly, from `offset` on. */
  readonly count: number
  readonly isBlock: boolean
  /** At once; at the free of the block, which release_last() does; at a check, or later out of a quarantine; at the end. */
  readonly noticed: 'at once' | 'at release' | 'at a check' | 'at the end'
  /** Functions that made the block, the one that called malloc or its kin first; named in shape `full`. */
  readonly made: readonly string[]
  /** Functions on the stack of the free, before or at the mistake. */
  readonly freed: readonly string[]
  /** What the call answers without any checks, under wasi-libc's dlmalloc; undefined: an address, or what differs. */
  readonly answer?: number
  /** Without any checks, under dlmalloc: the call traps, or release_last() afterwards does. */
  readonly traps?: 'call' | 'release'
}

const loaded = ['new_buffer', 'read_section', 'load_config']
const closed = ['drop_buffer', 'close_session']
const again = ['drop_buffer', 'close_again']

/** Bytes outside a block that stays live. */
const outside = (
  call: string,
  args: readonly number[],
  size: number,
  offset: number,
  count: number,
  rest: Partial<Mistake> = {},
): Mistake => ({
  call,
  args,
  kind: offset < 0 ? 'underflow' : 'overflow',
  size,
  offset,
  count,
  isBlock: true,
  noticed: 'at release',
  made: loaded,
  freed: [],
  ...rest,
})

/** A call that an allocator can refuse. */
const refused = (
  call: string,
  args: readonly number[],
  kind: Kind,
  size: number,
  offset: number,
  rest: Partial<Mistake> = {},
): Mistake => ({ ...outside(call, args, size, offset, 0), kind, noticed: 'at once', freed: closed, ...rest })

const written = (call: string, args: readonly number[], size: number, offset: number): Mistake => ({
  ...outside(call, args, size, offset, 1),
  kind: 'write-after-free',
  noticed: 'at a check',
  freed: closed,
})

const forgotten = (
  call: string,
  args: readonly number[],
  size: number,
  made: readonly string[],
  answer: number,
): Mistake => ({
  ...outside(call, args, size, 0, 0),
  kind: 'leak',
  noticed: 'at the end',
  made,
  answer,
})

/** Every function of errors.c that errs, some with several arguments. */
export const mistakes: readonly Mistake[] = [
  outside('overrun_by_one', [24], 24, 24, 1),
  outside('overrun_by_one', [13], 13, 13, 1),
  outside('overrun_by_four', [24], 24, 24, 4),
  outside('overrun_by_four', [13], 13, 13, 4),
  outside('overrun_by', [24, 40], 24, 24, 40),
  outside('overrun_behind', [24, 3], 24, 27, 1),
  outside('overrun_loop', [6], 24, 24, 4),
  outside('missing_nul', [24], 24, 24, 1),
  outside('missing_nul', [17], 17, 17, 1),
  outside('overrun_calloc', [6, 4], 24, 24, 1, { made: ['new_table'] }),
  outside('overrun_realloc', [24, 60], 60, 60, 1, { made: ['resize_block', 'extend_section'] }),
  outside('overrun_shrunk', [200, 24], 24, 24, 176, { made: ['resize_block', 'extend_section'] }),
  outside('overrun_aligned', [64, 100], 100, 100, 1, { made: ['new_page'] }),
  outside('overrun_posix', [256, 100], 100, 100, 1, { made: ['new_slot'] }),
  outside('overrun_strdup', [20], 21, 21, 1, { made: ['strdup', 'new_name'] }),
  outside('underrun_by_one', [24], 24, -1, 1, { traps: 'release' }),
  outside('underrun_by_four', [24], 24, -4, 4, { traps: 'release' }),
  outside('underrun_by', [24, 8], 24, -8, 8, { traps: 'release' }),

  written('write_after_free', [64, 0], 64, 0),
  written('write_after_free', [64, 40], 64, 40),
  written('write_beside_free', [24], 24, 24),
  { ...written('write_after_realloc', [64, 500], 64, 0), freed: ['resize_block', 'extend_section'] },

  refused('double_free', [40], 'double-free', 40, 0, { freed: again }),
  refused('double_free_later', [40, 20], 'double-free', 40, 0, { freed: again }),
  refused('double_free_reused', [40], 'double-free', 40, 0, { freed: again }),
  refused('free_inside', [64, 16], 'bad-free', 64, 16, { traps: 'call' }),
  refused('free_inside', [64, 5], 'bad-free', 64, 5, { traps: 'call' }),
  refused('free_static', [], 'bad-free', 64, 16, { isBlock: false, made: [] }),
  refused('free_stack', [], 'bad-free', 64, 16, { isBlock: false, made: [], traps: 'call' }),
  refused('realloc_freed', [40, 100], 'bad-resize', 40, 0, { freed: closed }),
  refused('realloc_inside', [64, 16, 100], 'bad-resize', 64, 16, { freed: [], traps: 'call' }),
  refused('realloc_static', [100], 'bad-resize', 64, 16, { isBlock: false, made: [], freed: [] }),

  forgotten('leak', [40, 3], 40, ['new_buffer', 'forget_section'], 120),
  forgotten('leak_grown', [40, 400], 400, ['resize_block', 'extend_section'], 400),
  forgotten('leak_list', [5], 16, ['new_buffer', 'leak_list'], 64),

  { ...outside('read_overrun', [24], 24, 24, 0), kind: 'value', answer: 0 },
  { ...outside('read_new', [64], 64, 32, 0), kind: 'value', made: ['new_buffer', 'read_new'], answer: 0 },
  { ...written('read_after_free', [64], 64, 32), kind: 'value', count: 0, answer: 0x5a5a5a5a },
]

/** Programs of clean.c with what they answer, over any allocator that makes no mistake. */
export const lives: readonly { readonly call: string; readonly args: readonly number[]; readonly answer: number }[] = [
  { call: 'random_life', args: [1, 5000], answer: 896178220 },
  { call: 'random_life', args: [2, 20000], answer: 172650669 },
  { call: 'indirect_life', args: [3, 3000], answer: 1326423380 },
  { call: 'kernel_same', args: [100000], answer: 704982704 },
  { call: 'kernel_sizes', args: [5, 100000], answer: 2134346849 },
  { call: 'deep', args: [200, 100], answer: 2283168453 },
  { call: 'grow_myself', args: [1, 10], answer: 571611787 },
  { call: 'large_blocks', args: [1, 100], answer: 2898409457 },
  { call: 'vector', args: [10000], answer: 663406749 },
]
