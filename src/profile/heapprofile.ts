/**
 * heapprofile: profiles as Chrome DevTools' sampling heap profile (`.heapprofile`), which its Memory panel loads.
 *
 *   { head: node, samples: [{ size, nodeId, ordinal }] }
 *   node    { callFrame: { functionName, scriptId, url, lineNumber, columnNumber }, selfSize, id, children }
 *
 * Calls are nested from the outermost in; below the root there is a node for each region. Sizes are bytes that are live,
 * and lines and columns count from 0, as in the protocol (HeapProfiler.SamplingHeapProfile).
 */
import type { Profile } from '../contract/profile.ts'
import type { Frame } from '../ground/stacks.ts'
import { framesOrNone } from './names.ts'

export interface HeapNode {
  readonly callFrame: {
    readonly functionName: string
    readonly scriptId: string
    readonly url: string
    readonly lineNumber: number
    readonly columnNumber: number
  }
  selfSize: number
  readonly id: number
  readonly children: HeapNode[]
}

export interface HeapProfile {
  readonly head: HeapNode
  readonly samples: { readonly size: number; readonly nodeId: number; readonly ordinal: number }[]
}

export function heapProfileOf(profiles: readonly Profile[]): HeapProfile {
  let ids = 0
  const scripts = new Map<string, string>()
  const index = new Map<HeapNode, Map<string, HeapNode>>()
  const samples: HeapProfile['samples'] = []
  const nodeFor = ({ name, file, line, column }: Frame): HeapNode => {
    if (file !== '' && !scripts.has(file)) scripts.set(file, String(scripts.size + 1))
    const scriptId = scripts.get(file) ?? '0'
    const callFrame = {
      functionName: name,
      scriptId,
      url: urlOf(file),
      lineNumber: line - 1,
      columnNumber: column - 1,
    }
    return { callFrame, selfSize: 0, id: ++ids, children: [] }
  }
  const childOf = (parent: HeapNode, frame: Frame): HeapNode => {
    const below = index.get(parent) ?? new Map<string, HeapNode>()
    index.set(parent, below)
    const key = JSON.stringify(frame)
    let child = below.get(key)
    if (child === undefined) {
      child = nodeFor(frame)
      below.set(key, child)
      parent.children.push(child)
    }
    return child
  }

  const head = nodeFor(titled('(root)'))
  for (const { region, sites } of profiles) {
    const top = childOf(head, titled(`(region ${region})`))
    for (const { frames, liveBytes } of sites) {
      if (liveBytes <= 0) continue
      const node = framesOrNone(frames).reduceRight(childOf, top)
      node.selfSize += liveBytes
      samples.push({ size: liveBytes, nodeId: node.id, ordinal: samples.length + 1 })
    }
  }
  return { head, samples }
}

const titled = (name: string): Frame => ({ name, file: '', line: 0, column: 0 })

function urlOf(file: string): string {
  if (/^[A-Za-z]:\\/.test(file)) return `file:///${encodeURI(file.replaceAll('\\', '/'))}`
  return file.startsWith('/') ? `file://${encodeURI(file)}` : file
}
