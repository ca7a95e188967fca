/**
 * read: the figures that the page was given (src/report/data.ts tells how they are packed).
 */
import type { ColumnName, PageData } from '../report/data.ts'

export type Columns = Map<ColumnName, Uint32Array>

export function readData(): PageData {
  return JSON.parse(document.getElementById('report')!.textContent!)
}

export async function readColumns({ columns }: PageData): Promise<Columns> {
  const read: Columns = new Map()
  if (columns.length === 0) return read
  const bytes = await inflate(document.getElementById('columns')!.textContent!)
  let from = 0
  for (const { name, length, ascends } of columns) {
    read.set(name as ColumnName, columnOf(bytes.subarray(from, from + 4 * length), length, ascends))
    from += 4 * length
  }
  return read
}

async function inflate(base64: string): Promise<Uint8Array> {
  const packed = Uint8Array.from(atob(base64.trim()), (letter) => letter.charCodeAt(0))
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('deflate'))
  return new Uint8Array(await new Response(stream).arrayBuffer())
}

function columnOf(planes: Uint8Array, length: number, ascends: boolean): Uint32Array {
  const values = new Uint32Array(length)
  let before = 0
  for (let i = 0; i < length; i++) {
    const value =
      planes[i]! | (planes[length + i]! << 8) | (planes[2 * length + i]! << 16) | (planes[3 * length + i]! << 24)
    values[i] = before = ascends ? before + (value >>> 0) : value
  }
  return values
}
