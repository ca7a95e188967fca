/**
 * collections: ours, and what a program would keep its values in otherwise.
 *
 *   HashMap, Tree, List, Vector, IntervalTree     in a region of method best
 *   Map, Array, sorted Array                      JavaScript's own; the sorted one is sorted once, then searched by halves
 *   @ronomon/hash-table                           the one hash table on npm that lies in buffers and is MIT: keys of one size,
 *                                                 so texts are filled up with zeros to 16 bytes
 *   sorted-btree, @js-sdsl/ordered-map            ordered maps of objects: a B+ tree, and the red-black tree that most use
 *   yallist                                       a list whose values have places, as ours
 *   @flatten-js/interval-tree                     the one that most use
 *   pools, scope                                  blocks that go together, by their end
 *
 * Looked at and not taken: sharedmap (LGPL); shared-memory-datastructures, which makes JSON of each value; mnemonist, whose
 * maps keep their keys in an object; functional-red-black-tree, which copies a path at each insertion; node-interval-tree,
 * which takes twice as long to find.
 */
import type { Keep, Keeps, Key, Keyed, Table } from '../collections.ts'
import { AROUND, lastUpTo } from '../collections.ts'
import type { Kind, Need, Open, Session, Subject } from '../subject.ts'

/** Bytes of a text in a table whose keys have one size. */
const TEXT = 16
/** What a block has before it. */
const HEAD = 4
const SIZES = [16, 24, 40, 64, 32, 16, 48, 56, 24, 64]
const PACKET = [60, 120] as const

type Load = () => Promise<() => Keeps>

/** A subject that is no heap: what serves blocks in it serves none. */
function subject(name: string, kind: Kind, about: string, does: readonly Need[], load: Load): Subject {
  const refuses = () => 0
  const heap = { alloc: refuses, free() {}, resize: refuses, allocZeroed: refuses, align: refuses }
  const ready = async (): Promise<Open> => {
    const open = await load()
    return (): Session => ({ heap, buffer: () => new ArrayBuffer(8), keeps: open(), close() {} })
  }
  return { name, kind, about, does, ready }
}

// ours

const ofMap: readonly Need[] = ['map', 'map without peers', 'map in order']

export const hashMap = subject('HashMap', 'ours', 'HashMap of u32 or text to u32', ofMap, async () => {
  const { open } = await import('vmalloc')
  const { HashMap, text, u32 } = await import('vmalloc/collections')
  return () => {
    const region = open({ name: 'bench' })
    const keyed = (keys: Keep['keys']): Keyed => ({
      make: () => (keys === 'text' ? new HashMap(region, text, u32) : new HashMap(region, u32, u32)),
      clear: () => void region.clear(),
      bytesOf(fill) {
        region.clear()
        fill()
        const { busyBytes, busyBlocks } = region.stat()
        region.clear()
        return busyBytes + HEAD * busyBlocks
      },
    })
    return { keyed }
  }
})

export const tree = subject('Tree', 'ours', 'a red-black tree in region memory', ['tree'], async () => {
  const { open } = await import('vmalloc')
  const { Tree, text, u32 } = await import('vmalloc/collections')
  return () => {
    const region = open({ name: 'bench' })
    const keyed = (keys: Keep['keys']): Keyed => ({
      make: () => (keys === 'text' ? new Tree(region, text, u32) : new Tree(region, u32, u32)),
      clear: () => void region.clear(),
    })
    return { keyed }
  }
})

export const list = subject('List', 'ours', 'a doubly linked list in region memory', ['list'], async () => {
  const { open } = await import('vmalloc')
  const { List, u32 } = await import('vmalloc/collections')
  return () => {
    const region = open({ name: 'bench' })
    return { listed: () => ({ make: () => new List(region, u32), clear: () => void region.clear() }) }
  }
})

export const vector = subject('Vector', 'ours', 'Vector of a Uint32Array', ['list'], async () => {
  const { open } = await import('vmalloc')
  const { Vector } = await import('vmalloc/collections')
  return () => {
    const region = open({ name: 'bench' })
    const make = () => {
      const values = new Vector(region, Uint32Array)
      return {
        append: (value: number) => values.push(value),
        forEach: (visit: (value: number) => void) => values.array.forEach(visit),
        [Symbol.iterator]: () => values[Symbol.iterator](),
      }
    }
    return { listed: () => ({ make, clear: () => void region.clear() }) }
  }
})

export const intervalTree = subject('IntervalTree', 'ours', 'IntervalTree in a region of best', ['spans'], async () => {
  const { open } = await import('vmalloc')
  const { IntervalTree, u32 } = await import('vmalloc/collections')
  return () => {
    const region = open({ name: 'bench' })
    const make = () => {
      const tree = new IntervalTree(region, u32)
      return {
        insert: (low: number, high: number, value: number) => tree.insert(low, high, value),
        find(low: number, high: number, found: { count: number; sum: number }) {
          for (const { value } of tree.find(low, high)) {
            found.count++
            found.sum += value
          }
        },
      }
    }
    return { spans: () => ({ make, clear: () => void region.clear() }) }
  }
})

const poolOf = (method: string): Subject =>
  subject(`pool, ${method}`, 'ours', `freeAll of a pool of method ${method}`, ['blocks'], async () => {
    const { openPool } = await import('vmalloc/scope')
    return () => {
      const [pool, other] = [openPool({ method }), openPool({ method })]
      const fill = (blocks: number) => {
        for (let n = blocks === 0 ? AROUND : blocks; n < AROUND; n++) other.alloc(SIZES[n % SIZES.length]!)
        for (let n = 0; n < blocks; n++) pool.alloc(SIZES[n % SIZES.length]!)
      }
      return { blocks: () => ({ fill, freeAll: () => pool.freeAll(), clear: () => other.freeAll() }) }
    }
  })

export const eachFreed = subject(
  'blocks, each freed',
  'bare',
  'the same blocks, freed one by one',
  ['blocks'],
  async () => {
    const { open } = await import('vmalloc')
    return () => {
      const [region, other] = [open({ name: 'bench' }), open({ name: 'other' })]
      const places = new Uint32Array(AROUND)
      let count = 0
      const fill = (blocks: number) => {
        for (let n = blocks === 0 ? AROUND : blocks; n < AROUND; n++) other.alloc(SIZES[n % SIZES.length]!)
        for (let n = 0; n < blocks; n++) places[n] = region.alloc(SIZES[n % SIZES.length]!)
        count = blocks
      }
      const freeAll = () => {
        for (let n = 0; n < count; n++) region.free(places[n]!)
      }
      return { blocks: () => ({ fill, freeAll, clear: () => void other.clear() }) }
    }
  },
)

export const scope = subject('scope', 'ours', 'a packet scope in a file scope', ['turns'], async () => {
  const { openScope } = await import('vmalloc/scope')
  return () => {
    const file = openScope('program').enter().child('file', { method: 'block' }).enter()
    const packet = file.child('packet', { method: 'block_fast' })
    const turn = (times: number) => {
      for (let time = 0; time < times; time++) {
        packet.enter()
        packet.alloc(PACKET[0])
        packet.alloc(PACKET[1])
        packet.leave()
      }
    }
    return { turns: () => turn }
  }
})

// JavaScript's own; what is dropped is left to the collector

const leave = () => {}

export const map = subject('Map', 'js', 'JavaScript’s own', ofMap, async () => () => ({
  keyed: () => ({ make: () => new Map<Key, number>(), clear: leave }),
}))

export const sortedArray = subject('sorted Array', 'js', 'sorted once, then searched by halves', ['tree'], async () => {
  const make = (): Table => {
    let keys: Key[] = []
    let values: number[] = []
    return {
      set(key, value) {
        keys.push(key)
        values.push(value)
      },
      sort() {
        const order = keys.map((_, at) => at).sort((a, b) => (keys[a] < keys[b] ? -1 : 1))
        keys = order.map((at) => keys[at])
        values = order.map((at) => values[at]!)
      },
      get(key) {
        const at = lastUpTo(keys, key)
        return keys[at] === key ? values[at] : undefined
      },
      le: (key) => values[lastUpTo(keys, key)],
    }
  }
  return () => ({ keyed: () => ({ make, clear: leave }) })
})

export const array = subject('Array', 'js', 'JavaScript’s own', ['list'], async () => {
  const make = () => {
    const values: number[] = []
    return {
      append: (value: number) => values.push(value),
      forEach: (visit: (value: number) => void) => values.forEach(visit),
      [Symbol.iterator]: () => values[Symbol.iterator](),
    }
  }
  return () => ({ listed: () => ({ make, clear: leave }) })
})

export const twoObjects = subject('two objects', 'bare', 'left to the collector', ['turns'], async () => {
  const held: object[] = []
  const turn = (times: number) => {
    for (let time = 0; time < times; time++) {
      held[0] = { a: time, b: 1, c: 2, d: 3 }
      held[1] = { a: time, b: 1, c: 2, d: 3 }
    }
  }
  return () => ({ turns: () => turn })
})

// from npm

export const hashTable = subject('@ronomon/hash-table', 'js', 'cuckoo hashing in buffers', ['map'], async () => {
  const { default: HashTable } = await import('@ronomon/hash-table')
  const value = Buffer.alloc(4)
  const values = new Uint32Array(value.buffer, value.byteOffset, 1)
  const ofNumbers = (): Table => {
    const table = new HashTable(4, 4)
    const key = Buffer.alloc(4)
    const keys = new Uint32Array(key.buffer, key.byteOffset, 1)
    return {
      set(number, of) {
        keys[0] = number
        values[0] = of
        table.set(key, 0, value, 0)
      },
      get(number) {
        keys[0] = number
        return table.get(key, 0, value, 0) === 1 ? values[0] : undefined
      },
    }
  }
  const ofTexts = (): Table => {
    const table = new HashTable(TEXT, 4)
    const key = Buffer.alloc(TEXT)
    const write = (text: string) => {
      for (let i = 0; i < TEXT; i++) key[i] = i < text.length ? text.charCodeAt(i) : 0
    }
    return {
      set(text, of) {
        write(text)
        values[0] = of
        table.set(key, 0, value, 0)
      },
      get(text) {
        write(text)
        return table.get(key, 0, value, 0) === 1 ? values[0] : undefined
      },
    }
  }
  return () => ({ keyed: (keys) => ({ make: keys === 'text' ? ofTexts : ofNumbers, clear: leave }) })
})

export const bTree = subject('sorted-btree', 'js', 'a B+ tree of objects', ['tree'], async () => {
  const { default: loaded } = await import('sorted-btree')
  const BTree = loaded.default ?? (loaded as unknown as typeof loaded.default)
  const make = (): Table => {
    const tree = new BTree<Key, number>()
    return {
      set: (key, value) => tree.set(key, value),
      get: (key) => tree.get(key),
      le: (key) => tree.getPairOrNextLower(key)?.[1],
    }
  }
  return () => ({ keyed: () => ({ make, clear: leave }) })
})

export const orderedMap = subject('@js-sdsl/ordered-map', 'js', 'a red-black tree of objects', ['tree'], async () => {
  const loaded = await import('@js-sdsl/ordered-map')
  const OrderedMap = loaded.OrderedMap ?? (loaded as unknown as { default: typeof loaded }).default.OrderedMap
  const make = (): Table => {
    const tree = new OrderedMap<Key, number>()
    return {
      set: (key, value) => tree.setElement(key, value),
      get: (key) => tree.getElementByKey(key),
      le(key) {
        const found = tree.reverseUpperBound(key)
        return found.isAccessible() ? found.pointer[1] : undefined
      },
    }
  }
  return () => ({ keyed: () => ({ make, clear: leave }) })
})

export const yallist = subject('yallist', 'js', 'a list of objects', ['list'], async () => {
  const { Yallist } = await import('yallist')
  const make = () => {
    const values = new Yallist<number>()
    return {
      append: (value: number) => values.push(value),
      forEach: (visit: (value: number) => void) => values.forEach(visit),
      [Symbol.iterator]: () => values[Symbol.iterator](),
    }
  }
  return () => ({ listed: () => ({ make, clear: leave }) })
})

export const flatten = subject(
  '@flatten-js/interval-tree',
  'js',
  'a red-black tree of objects',
  ['spans'],
  async () => {
    const { default: IntervalTree } = await import('@flatten-js/interval-tree')
    const make = () => {
      const tree = new IntervalTree<number>()
      return {
        insert: (low: number, high: number, value: number) => tree.insert([low, high], value),
        find(low: number, high: number, found: { count: number; sum: number }) {
          for (const value of tree.search([low, high]) as number[]) {
            found.count++
            found.sum += value
          }
        },
      }
    }
    return () => ({ spans: () => ({ make, clear: leave }) })
  },
)

/** In the order in which the bench shows them. */
export const keepers: readonly Subject[] = [
  hashMap,
  map,
  hashTable,
  tree,
  sortedArray,
  bTree,
  orderedMap,
  list,
  vector,
  array,
  yallist,
  intervalTree,
  flatten,
  ...['block', 'block_fast'].map(poolOf),
  eachFreed,
  scope,
  twoObjects,
]
