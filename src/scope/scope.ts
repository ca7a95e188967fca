/**
 * scope: a pool that is entered and left.
 *
 *   program   |==========================================================|
 *   file          |===============|   |==========|        several at once, each with scopes of its own
 *   packet         |=| |=| |=| |=|     |=| |=|            what is allocated in one is freed when it is left
 *
 *   idle -> enter -> active -> leave -> leaving: callbacks, newest first; all blocks freed -> idle
 *   close: left if need be, and gone for good
 *
 *   C1  a scope is entered while its parent is active, and left after its children
 *   C2  in an idle scope nothing can be had or freed, whoever kept its region. (A second handle to the same bytes, another
 *       thread's say, is not told.)
 *
 * Entering a scope again costs no `open`: the region waits. A child that is closed leaves its region to the next child of
 * that name: one spare each, of the names that closed last. One that clients left their marks on (values, settings,
 * listeners) is no spare.
 *
 * Source: the scopes of wmem, in a tree and as many as one likes; Wireshark's spare pool for the next packet.
 */
import { around, type Ends } from '../ground/around.ts'
import { VmallocError } from '../ground/fault.ts'
import { type OpenOptions, open } from '../region/open.ts'
import type { Handle } from '../region/region.ts'
import { collect, throwAll } from './errors.ts'
import { Pool } from './pool.ts'

const BARRED = 'use of its region'
/** Bytes that a spare may hold without giving back what is free. */
const MOST_SPARED = 64 * 1024
const MOST_SPARES = 8

export class Scope extends Pool {
  readonly parent: Scope | undefined
  /** Its name and those of the scopes around it: `program/file/packet`. */
  readonly path: string
  private readonly inside = new Set<Scope>()
  /** Regions that closed children have left, the oldest first. */
  private readonly spares = new Map<string, Spare>()
  /** What its region looked like when it came. */
  private marks = ''

  /** Use `openScope` or `scope.child`. */
  constructor(parent: Scope | undefined, name: string, options: OpenOptions) {
    super(nameOf(name), { ...options, name }, 'idle')
    this.parent = parent
    this.path = parent === undefined ? name : `${parent.path}/${name}`
  }

  get children(): Scope[] {
    return [...this.inside]
  }

  /**
   * A scope inside this one, idle at first. Its region is nested beside this scope's, or in it where that is a root,
   * unless the options have a discipline. This scope must be active.
   */
  child(name: string, options: OpenOptions = {}): Scope {
    const region = this.usable(`child ${name}`)
    if (this.standing !== 'active') throw this.wrong(`child ${name}`)
    const child = new Scope(this, name, { discipline: region.parent ?? region, ...options })
    this.inside.add(child)
    return child
  }

  /** Makes it active. Throws VmallocError `scope` when it is not idle or the scope around it is not active. */
  enter(): this {
    if (this.standing !== 'idle') throw this.wrong('enter')
    if (this.parent !== undefined && this.parent.standing !== 'active') {
      throw new VmallocError('scope', `${this}: enter: ${this.parent} is ${this.parent.standing}, expected active`)
    }
    if (this.own === undefined || this.own.closed) {
      this.own = this.parent?.spareFor(this.options) ?? (open(this.options) as Handle)
      this.marks = this.own.marks
    }
    this.own.bar()
    this.standing = 'active'
    return this
  }

  /**
   * Calls the callbacks and frees every block; with `compact` the memory goes back to the discipline, else it waits for
   * the next time. Throws VmallocError `scope`, and `destructor` after everything is done.
   */
  leave({ compact = false }: { compact?: boolean } = {}): void {
    this.mustBeLeft('leave')
    this.standing = 'leaving'
    const errors = this.rinse()
    collect(errors, () => this.lay('idle'))
    if (compact) this.own?.compact()
    throwAll(errors, `${this}: leave`)
  }

  /** Leaves the scopes inside this one that are active, the innermost first; returns what callbacks threw. */
  leaveInside(): unknown[] {
    const errors: unknown[] = []
    for (const scope of this.inner().reverse()) if (scope.standing === 'active') collect(errors, () => scope.leave())
    return errors
  }

  /**
   * Enters, calls `fn`, and leaves; where `fn` answers a promise, when that is settled. When `fn` fails, what is active
   * inside is left before; when it does not, that is an error, as with `leave`.
   */
  run<R>(fn: (scope: this) => R): R {
    if (typeof fn !== 'function') throw new VmallocError('argument', `${this}: run: ${String(fn)}, expected a function`)
    this.enter()
    return around(this, fn, turn)
  }

  /** As `leave` and `enter` do: scopes inside it must be idle. */
  override freeAll(): void {
    this.mustBeLeft('freeAll')
    super.freeAll()
  }

  /** Leaves it if it is active, and gives its region up. Its children must be idle: they are closed before it. */
  close(): void {
    if (this.standing === 'ended') return
    if (this.standing !== 'idle') this.mustBeLeft('close')
    this.standing = 'leaving'
    const errors: unknown[] = []
    for (const scope of this.inner().reverse()) collect(errors, () => scope.close())
    errors.push(...this.wind())
    collect(errors, () => this.lay('ended'))
    for (const { region } of this.spares.values()) collect(errors, () => void region.close())
    this.spares.clear()
    this.parent?.inside.delete(this)
    const { own } = this
    const isSpare =
      own !== undefined && !own.closed && own.marks === this.marks && this.parent?.takeSpare(this.options, own)
    if (isSpare !== true) collect(errors, () => this.shut())
    this.own = undefined
    throwAll(errors, `${this}: close`)
  }

  override destroy(): void {
    this.close()
  }

  override toString(): string {
    return `scope ${this.path}`
  }

  protected override wrong(what: string): VmallocError {
    if (this.standing === 'leaving' && (this.own === undefined || what === BARRED)) {
      return new VmallocError('scope', `${this}: ${what}: it is closed while idle, expected active`)
    }
    const isOrphan = this.standing === 'active' && this.own?.closed === true && what !== 'enter'
    if (this.standing === 'leaving' || isOrphan) return super.wrong(what)
    const hint = this.standing === 'idle' ? ': enter it first' : ''
    const expected = what === 'enter' ? 'idle' : 'active'
    return new VmallocError('scope', `${this}: ${what}: it is ${this.standing}, expected ${expected}${hint}`)
  }

  private mustBeLeft(what: string): void {
    if (this.standing !== 'active') throw this.wrong(what)
    for (const child of this.inside) {
      if (child.standing === 'idle' || child.standing === 'ended') continue
      throw new VmallocError('scope', `${this}: ${what}: ${child} is ${child.standing}, expected idle: leave it first`)
    }
  }

  /** Nothing is left in it, and nobody gets anything from its region until it is entered. */
  private lay(state: 'idle' | 'ended'): void {
    try {
      this.empty()
    } finally {
      this.standing = state
      this.own?.bar(() => this.wrong(BARRED))
    }
  }

  /** All scopes inside, each before those inside it, the older before the younger. */
  private inner(): Scope[] {
    const scopes: Scope[] = []
    const waiting = [...this.inside].reverse()
    for (let scope = waiting.pop(); scope !== undefined; scope = waiting.pop()) {
      scopes.push(scope)
      waiting.push(...[...scope.inside].reverse())
    }
    return scopes
  }

  private spareFor(options: OpenOptions): Handle | undefined {
    const spare = this.spares.get(options.name!)
    if (spare === undefined || !isSame(spare.options, options)) return undefined
    this.spares.delete(options.name!)
    return spare.region.closed ? undefined : spare.region
  }

  private takeSpare(options: OpenOptions, region: Handle): boolean {
    if (this.standing === 'ended' || this.spares.has(options.name!)) return false
    if (region.extent > MOST_SPARED) region.compact()
    this.spares.set(options.name!, { options, region })
    for (const [name, spare] of this.spares) {
      if (this.spares.size <= MOST_SPARES) break
      this.spares.delete(name)
      spare.region.close()
    }
    return true
  }
}

const turn: Ends<Scope> = {
  done: (scope) => scope.leave(),
  failed: (scope) => {
    const errors = scope.leaveInside()
    collect(errors, () => scope.leave())
    throwAll(errors, `${scope}: run`)
  },
  who: String,
}

interface Spare {
  readonly options: OpenOptions
  readonly region: Handle
}

function nameOf(name: string): string {
  if (typeof name === 'string' && name !== '' && !name.includes('/')) return name
  throw new VmallocError('argument', `scope: name ${JSON.stringify(name)}, expected a text without /`)
}

function isSame(one: OpenOptions, other: OpenOptions): boolean {
  const keys = Object.keys(one)
  return keys.length === Object.keys(other).length && keys.every((key) => one[key] === other[key])
}

/** The outermost scope of a tree, idle at first. Options are those of `open`. */
export function openScope(name: string, options: OpenOptions = {}): Scope {
  return new Scope(undefined, name, options)
}
