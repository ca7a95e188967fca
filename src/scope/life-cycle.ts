/**
 * life cycle: when those who take part in a program's work set up and clean up.
 *
 *   start        registered    everybody has registered by now                          once, before the first open
 *   open                       the source is opened; the file's scope is entered
 *                init          before a pass over the source
 *   read                       the pass
 *                postSequence  the first pass is done, the source is open still
 *   redissect    cleanup       another pass over the same source: the scope is left and entered between them
 *                init
 *   reload                     the source is opened anew; only if that works, the old one goes:
 *                cleanup, init, and postSequence after the pass
 *   close        cleanup       then the file's scope is left
 *   end                        what is open is closed, the last one opened first
 *                shutdown      once; then the program's scope is left
 *
 * Memory goes last (scopes inside that are active still are left just before), so routines may still read what lies in a
 * scope that is about to be left. `registered`, `init` and `postSequence` are called in order of registration, `cleanup`
 * and `shutdown` in the reverse order: who comes later may rest on who came before. (Wireshark calls all of them in
 * reverse, as its lists grew at the front.)
 *
 * Several sources are open at once, each a session with a scope of its own. What routines throw comes as one error after
 * all of them ran and the memory is freed.
 *
 * Source: Wireshark's registered routines; that memory goes after the routines is what it came to.
 */
import { around, isThenable } from '../ground/around.ts'
import { VmallocError } from '../ground/fault.ts'
import type { OpenOptions } from '../region/open.ts'
import { collect, throwAll } from './errors.ts'
import { Routines } from './routines.ts'
import { openScope, type Scope } from './scope.ts'

/** Why routines are called. */
export type Reason = 'start' | 'open' | 'read' | 'reload' | 'redissect' | 'close' | 'end'

/** What a routine of a session is handed. */
export interface SessionContext<F> {
  readonly session: Session<F>
  /** The session's scope: active. */
  readonly scope: Scope
  readonly source: F
  readonly reason: Reason
}

/** What a routine of the program is handed. */
export interface ProgramContext {
  /** The program's scope: active. */
  readonly scope: Scope
  readonly reason: Reason
}

export interface LifeCycleOptions<F> {
  /** Name and options of the outermost scope, `program` unless said. */
  program?: OpenOptions
  /** Of the scope of each session, `file` unless said. */
  session?: OpenOptions
  /** Called with a source that is not needed any more, before cleanup routines. */
  release?: (source: F) => void
}

/**
 * `open`: the first pass over the source is not done yet; `read`: it is. `opening`, `reading` and `closing`: on the way,
 * routines or the pass are running, or an async opener is waited for; nothing else can be asked for then.
 */
export type SessionState = 'opening' | 'open' | 'reading' | 'read' | 'closing' | 'closed'

export class LifeCycle<F = unknown> {
  /** The program's scope: active from the beginning until `end`. */
  readonly scope: Scope
  private readonly options: LifeCycleOptions<F>
  private readonly routines: SessionRoutines<F>
  private readonly registered = new Routines<ProgramContext>('onRegistered', 'forward')
  private readonly shutdown = new Routines<ProgramContext>('onShutdown', 'backward')
  private readonly opened = new Set<Session<F>>()
  private state: 'new' | 'starting' | 'started' | 'ended' = 'new'
  private number = 0

  /** Throws VmallocError: those of `open`. */
  constructor(options: LifeCycleOptions<F> = {}) {
    this.options = options
    this.scope = openScope(options.program?.name ?? 'program', options.program).enter()
    this.routines = {
      init: new Routines('onInit', 'forward'),
      postSequence: new Routines('onPostSequence', 'forward'),
      cleanup: new Routines('onCleanup', 'backward'),
    }
  }

  /** The sessions that are open, the oldest first. */
  get sessions(): Session<F>[] {
    return [...this.opened]
  }

  /** To be called once, when everybody has registered. The returned function takes the routine out, here and below. */
  onRegistered(routine: (context: ProgramContext) => void): () => void {
    if (this.state !== 'new')
      throw new VmallocError('scope', `onRegistered: the life cycle has ${this.state}: expected before the first open`)
    return this.registered.add(routine)
  }

  /** To be called before each pass over a source, in its scope. */
  onInit(routine: (context: SessionContext<F>) => void): () => void {
    this.mustLast('onInit')
    return this.routines.init.add(routine)
  }

  /** To be called after the first pass over a source that was opened or reloaded. */
  onPostSequence(routine: (context: SessionContext<F>) => void): () => void {
    this.mustLast('onPostSequence')
    return this.routines.postSequence.add(routine)
  }

  /** To be called before the scope of a pass is left. */
  onCleanup(routine: (context: SessionContext<F>) => void): () => void {
    this.mustLast('onCleanup')
    return this.routines.cleanup.add(routine)
  }

  /** To be called once, at the end. */
  onShutdown(routine: (context: ProgramContext) => void): () => void {
    this.mustLast('onShutdown')
    return this.shutdown.add(routine)
  }

  /** Everybody has registered. The first `open` says so too. Throws `destructor` after all routines ran. */
  start(): void {
    if (this.state === 'ended') throw new VmallocError('scope', 'start: the life cycle has ended')
    if (this.state === 'started') return
    if (this.state === 'starting') throw new VmallocError('scope', 'start: from inside a routine that it calls')
    this.state = 'starting'
    const errors = this.registered.run({ scope: this.scope, reason: 'start' })
    this.state = 'started'
    throwAll(errors, 'start')
  }

  /**
   * Opens a source, enters a scope for it and calls the init routines. When `opener` fails nothing happened; when a
   * routine throws, cleanup routines run, the scope is freed, and all that was thrown comes as one error.
   */
  open(opener: () => Promise<F>): Promise<Session<F>>
  open(opener: () => F): Session<F>
  open(opener: () => F | Promise<F>): Session<F> | Promise<Session<F>> {
    mustBeFunction('open', opener)
    this.start()
    return after(opener(), (source) => this.admit(source))
  }

  /**
   * Closes what is open, the last one opened first, calls shutdown routines and frees the program's scope. Throws
   * `scope` while a session is in a pass; `destructor` at the end, with all that was thrown. A second time does nothing.
   */
  end(): void {
    if (this.state === 'ended') return
    for (const session of this.opened) session.mustBeIdle('end')
    this.state = 'ended'
    const errors: unknown[] = []
    for (const session of [...this.opened].reverse()) errors.push(...session.finish('end'))
    errors.push(...this.shutdown.run({ scope: this.scope, reason: 'end' }))
    errors.push(...this.scope.leaveInside())
    collect(errors, () => this.scope.close())
    throwAll(errors, 'end')
  }

  [Symbol.dispose](): void {
    this.end()
  }

  private mustLast(what: string): void {
    if (this.state === 'ended') throw new VmallocError('scope', `${what}: the life cycle has ended`)
  }

  private admit(source: F): Session<F> {
    const { options, opened } = this
    if (this.state === 'ended' || this.scope.state !== 'active') {
      const why =
        this.state === 'ended' ? 'the life cycle has ended' : `${this.scope} is ${this.scope.state}, not active`
      const errors: unknown[] = []
      collect(errors, () => released(options, source))
      throw new VmallocError('scope', `open: ${why}`, { cause: errors[0] })
    }
    const scope = this.scope.child(options.session?.name ?? 'file', options.session)
    const session: Session<F> = new Session(`session ${++this.number}`, scope, source, this.routines, {
      release: (source) => released(options, source),
      closed: () => void opened.delete(session),
    })
    opened.add(session)
    session.begin('open', [])
    return session
  }
}

interface SessionRoutines<F> {
  readonly init: Routines<SessionContext<F>>
  readonly postSequence: Routines<SessionContext<F>>
  readonly cleanup: Routines<SessionContext<F>>
}

interface Owner<F> {
  release(source: F): void
  closed(): void
}

/** A source that is open, with its scope. */
export class Session<F = unknown> {
  /** Active as long as the session is open. */
  readonly scope: Scope
  private readonly name: string
  private readonly routines: SessionRoutines<F>
  private readonly owner: Owner<F>
  private from: F
  private standing: SessionState = 'opening'

  /** Use `lifeCycle.open`. */
  constructor(name: string, scope: Scope, source: F, routines: SessionRoutines<F>, owner: Owner<F>) {
    this.name = name
    this.scope = scope
    this.from = source
    this.routines = routines
    this.owner = owner
  }

  get source(): F {
    return this.from
  }

  get state(): SessionState {
    return this.standing
  }

  /** The first pass: calls `pass`, then the post-sequence routines, also where `pass` is async. */
  read<R>(pass: (session: this) => R): R {
    mustBeFunction('read', pass)
    this.must('read', 'open')
    if (this.scope.state !== 'active') {
      throw new VmallocError('scope', `${this.name}: read: ${this.scope} is ${this.scope.state}, expected active`)
    }
    return this.pass(pass, 'read')
  }

  /** Another pass over the same source, after a setting changed: cleanup, init, `pass`; post-sequence routines do not run. */
  redissect<R>(pass: (session: this) => R): R {
    mustBeFunction('redissect', pass)
    this.must('redissect', 'read')
    this.begin('redissect', this.wind('redissect'))
    return this.pass(pass, 'redissect')
  }

  /**
   * Opens the source anew. If that fails the session stays as it was; else the old one is released, and cleanup, init,
   * `pass` and post-sequence routines follow.
   */
  reload<R>(opener: () => Promise<F>, pass: (session: this) => R): Promise<Awaited<R>>
  reload<R>(opener: () => F, pass: (session: this) => R): R
  reload<R>(opener: () => F | Promise<F>, pass: (session: this) => R): R | Promise<Awaited<R>> {
    mustBeFunction('reload', opener)
    mustBeFunction('reload', pass)
    const before = this.must('reload', 'open', 'read')
    this.standing = 'opening'
    const source = around(this, () => opener(), {
      done: () => {},
      failed: () => void (this.standing = before),
      who: () => this.name,
    })
    return after(source, (source) => {
      const errors: unknown[] = []
      collect(errors, () => this.owner.release(this.from))
      errors.push(...this.wind('reload'))
      this.from = source
      this.begin('reload', errors)
      return this.pass(pass, 'reload')
    }) as R | Promise<Awaited<R>>
  }

  /** Cleanup routines, then the scope is left for good. Throws `destructor` after all of it. A second time does nothing. */
  close(): void {
    if (this.standing === 'closed') return
    this.mustBeIdle('close')
    throwAll(this.finish('close'), `${this.name}: close`)
  }

  [Symbol.dispose](): void {
    this.close()
  }

  /**
   * For the life cycle: enters the scope and calls the init routines; what was thrown before comes with what they throw.
   * When the scope cannot be entered the session is closed without routines, for none has begun anything.
   */
  begin(reason: Reason, errors: unknown[]): void {
    this.standing = 'opening'
    try {
      this.scope.enter()
    } catch (error) {
      const all = [...errors, error, ...this.finish(reason, false)]
      if (all.length === 1) throw error
      throwAll(all, `${this.name}: ${reason}`)
    }
    const failed = this.routines.init.run(this.context(reason))
    this.standing = reason === 'redissect' ? 'read' : 'open'
    if (failed.length > 0) failed.push(...this.finish(reason))
    throwAll([...errors, ...failed], `${this.name}: ${reason}`)
  }

  /** For the life cycle: closes it, and returns all that was thrown. */
  finish(reason: Reason, hasBegun = true): unknown[] {
    const errors: unknown[] = []
    this.standing = 'closing'
    collect(errors, () => this.owner.release(this.from))
    if (hasBegun) errors.push(...this.routines.cleanup.run(this.context(reason)))
    this.standing = 'closed'
    errors.push(...this.scope.leaveInside())
    collect(errors, () => this.scope.close())
    this.owner.closed()
    return errors
  }

  /** For the life cycle: throws unless it could be closed. */
  mustBeIdle(what: string): void {
    if (this.standing !== 'closed') this.must(what, 'open', 'read')
  }

  /** Ends a pass: routines first, memory after. */
  private wind(reason: Reason): unknown[] {
    this.standing = 'closing'
    const errors = this.routines.cleanup.run(this.context(reason))
    errors.push(...this.scope.leaveInside())
    collect(errors, () => this.scope.leave())
    return errors
  }

  private pass<R>(pass: (session: this) => R, reason: Reason): R {
    this.standing = 'reading'
    return around(this, pass, {
      done: () => {
        const errors = reason === 'redissect' ? [] : this.routines.postSequence.run(this.context(reason))
        this.standing = 'read'
        throwAll(errors, `${this.name}: ${reason}`)
      },
      failed: () => void (this.standing = reason === 'redissect' ? 'read' : 'open'),
      who: () => this.name,
    })
  }

  private context(reason: Reason): SessionContext<F> {
    return { session: this, scope: this.scope, source: this.from, reason }
  }

  private must(what: string, ...states: SessionState[]): SessionState {
    if (states.includes(this.standing)) return this.standing
    throw new VmallocError('scope', `${this.name}: ${what}: it is ${this.standing}, expected ${states.join(' or ')}`)
  }
}

function released<F>({ release }: LifeCycleOptions<F>, source: F): void {
  const answer: unknown = release?.(source)
  if (!isThenable(answer)) return
  throw new VmallocError('argument', 'release: answered a promise, expected a source that is released when it returns')
}

function mustBeFunction(what: string, value: unknown): void {
  if (typeof value !== 'function') throw new VmallocError('argument', `${what}: ${String(value)}, expected a function`)
}

function after<T, R>(value: T | Promise<T>, next: (value: T) => R): R | Promise<R> {
  return isThenable(value) ? (value.then(next as (value: unknown) => R) as Promise<R>) : next(value as T)
}
