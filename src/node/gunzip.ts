/**
 * gunzip: as much as can be had of a gzip file, of whatever number of members.
 *
 *   whole                     its text
 *   cut off, or damaged       its text up to there, to the last whole line, and a remark
 *
 * Where bytes cannot be unpacked, the longest beginning that can, taken as cut off, is found by halving: if a beginning
 * can be unpacked so can all shorter ones.
 */
import { constants, gunzipSync } from 'node:zlib'

const NEWLINE = 10
const CUT_OFF = { finishFlush: constants.Z_SYNC_FLUSH }

export interface Unpacked {
  readonly bytes: Uint8Array
  readonly remark?: string
}

export function isPacked(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b
}

/** Throws zlib's error where nothing can be had. */
export function gunzip(bytes: Uint8Array): Unpacked {
  try {
    return { bytes: gunzipSync(bytes) }
  } catch (error) {
    const length = longestBeginning(bytes)
    const text = gunzipSync(bytes.subarray(0, length), CUT_OFF)
    const end = text.lastIndexOf(NEWLINE) + 1
    if (end === 0) throw error
    const what = length === bytes.length ? 'it is cut off' : `it is damaged at byte ${length}`
    return { bytes: text.subarray(0, end), remark: `${what}; the lines before are read` }
  }
}

function longestBeginning(bytes: Uint8Array): number {
  if (canBegin(bytes, bytes.length)) return bytes.length
  let good = 0
  let bad = bytes.length
  while (bad - good > 1) {
    const middle = (good + bad) >>> 1
    if (canBegin(bytes, middle)) good = middle
    else bad = middle
  }
  return good
}

function canBegin(bytes: Uint8Array, length: number): boolean {
  try {
    gunzipSync(bytes.subarray(0, length), CUT_OFF)
    return true
  } catch {
    return false
  }
}
