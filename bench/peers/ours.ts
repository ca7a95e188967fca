/**
 * ours: this package as a program gets it, by `import 'vmalloc'`: regions of its methods over its disciplines.
 *
 *   best            best over memory; `best, shared` and `best, nested` over the other disciplines
 *   ... method      the method's object without the region around it: what a definition's `create` made
 *   ... of many     regions of all methods are used by the same loops first
 */
import type { MethodDef, Region } from 'vmalloc'
import type { Need, Open, Other, Session, Subject } from '../subject.ts'

type Vmalloc = typeof import('vmalloc')

const ANY: readonly Need[] = ['replay', 'any size', 'one size', 'resize', 'align', 'fill']

export const best: Subject = {
  name: 'best',
  kind: 'ours',
  about: 'method best over discipline memory',
  does: [...ANY, 'stacks', 'nest'],
  ready: async () => {
    const { open } = await import('vmalloc')
    return () => sessionOf(open({ method: 'best', discipline: 'memory' }), open)
  },
}

export const shared: Subject = {
  name: 'best, shared',
  kind: 'ours',
  about: 'the same over shared memory, with its lock',
  does: ANY,
  ready: () => opening({ method: 'best', discipline: 'shared' }),
}

export const nested: Subject = {
  name: 'best, nested',
  kind: 'ours',
  about: 'the same in a region of another region',
  does: ANY,
  ready: async () => {
    const { open } = await import('vmalloc')
    return () => {
      const root = open({ method: 'best', discipline: 'memory' })
      const child = open({ method: 'best', discipline: root })
      return { ...sessionOf(child), close: () => void (child.close() && root.close()) }
    }
  },
}

export const bestMethod: Subject = {
  name: 'best method',
  kind: 'bare',
  about: 'the object of method best, called without a region',
  does: ['any size'],
  ready: () => methodOf('best'),
}

export const bestOfMany: Subject = {
  name: 'best of many',
  kind: 'ours',
  about: 'best after regions of all methods were used by the same loop',
  does: ['any size'],
  ready: () => amongAll('best'),
}

export const pool: Subject = {
  name: 'pool',
  kind: 'ours',
  about: 'method pool over discipline memory',
  does: ['one size', 'fill'],
  ready: () => opening({ method: 'pool', discipline: 'memory' }),
}

export const poolMethod: Subject = {
  name: 'pool method',
  kind: 'bare',
  about: 'the object of method pool, called without a region',
  does: ['one size', 'fill'],
  ready: () => methodOf('pool'),
}

export const poolOfMany: Subject = {
  name: 'pool of many',
  kind: 'ours',
  about: 'pool after regions of all methods were used by the same loop',
  does: ['one size'],
  ready: () => amongAll('pool'),
}

export const last: Subject = {
  name: 'last',
  kind: 'ours',
  about: 'method last over discipline memory',
  does: ['fill'],
  ready: () => opening({ method: 'last', discipline: 'memory' }),
}

export const lastMethod: Subject = {
  name: 'last method',
  kind: 'bare',
  about: 'the object of method last, called without a region',
  does: ['fill'],
  ready: () => methodOf('last'),
}

export async function opening(options: Parameters<Vmalloc['open']>[0]): Promise<Open> {
  const { open } = await import('vmalloc')
  return () => sessionOf(open(options))
}

export function sessionOf(region: Region, open?: Vmalloc['open']): Session {
  return {
    heap: region,
    buffer: () => region.buffer,
    extent: () => region.stat().extent,
    close: () => void region.close(),
    nest(blocks) {
      const child = open!({ discipline: region })
      for (let n = 0; n < blocks; n++) child.alloc(16)
      child.close()
    },
  }
}

/** The method's object stands for the region; the definition is the registered one but for what notes that object. */
async function methodOf(name: string): Promise<Open> {
  const { open, registry } = await import('vmalloc')
  const definition = registry.methods.find(name)
  return () => {
    let method: ReturnType<MethodDef['create']> | undefined
    const noted: MethodDef = {
      ...definition,
      create: (...given) => (method = definition.create(...given)),
    }
    const region = open({ method: noted, discipline: 'memory' })
    return { ...sessionOf(region), heap: method as unknown as Session['heap'] }
  }
}

async function amongAll(name: string): Promise<Open> {
  const { open, registry } = await import('vmalloc')
  return () => {
    const regions = registry.methods.all().map(({ name }) => open({ method: name, discipline: 'memory' }))
    const otherOf = (region: Region): Other => {
      const definition = registry.methods.get(region.method.split('(')[0]!)
      return { heap: region, size: definition?.sizes === 'any' ? 0 : 64, newest: definition?.frees !== 'any' }
    }
    const session = sessionOf(open({ method: name, discipline: 'memory' }))
    const close = () => {
      for (const region of regions) region.close()
      session.close()
    }
    return { ...session, others: regions.map(otherOf), close }
  }
}
