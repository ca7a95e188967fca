/**
 * telling: a file from beginning to end, as the program does it: opened, read, read once more if that is wanted, told,
 * closed.
 *
 * Whatever goes wrong with a file is told of that file, so others beside it are read as if it had not been there. Of one
 * that is cut short or damaged, what came before is told too.
 */
import { VmallocError } from 'vmalloc'
import { openCapture } from './capture/capture.ts'
import { CaptureError } from './capture/frame.ts'
import type { Dissection, OpenFile } from './dissection.ts'
import { report } from './report.ts'

/** What there is to say of a file: one of the two at least. */
export interface Telling {
  report?: string
  /** What went wrong, beginning with the path. */
  fault?: string
}

/** `isReload`: reads it a second time, from the beginning; what is told is of that. */
export async function tell(
  dissection: Dissection,
  path: string,
  isReload: boolean,
  opener = () => openCapture(path),
): Promise<Telling> {
  try {
    using file = dissection.open(path, opener)
    const extent = await read(file)
    if (isReload) await file.reload()
    const { ending } = file.session.source
    const fault = ending === undefined ? {} : { fault: `${path}: ${ending}` }
    return { report: `${report(file)}\n${extent}\n`, ...fault }
  } catch (error) {
    return { fault: faultOf(path, error) }
  }
}

/** Reads a file, and tells how much memory the packet scope held after the first turn and at the end. */
async function read(file: OpenFile): Promise<string> {
  let first = 0
  const { frames } = file.findings
  await file.read(() => void (first ||= frames.extent))
  const { count, extent } = file.findings.frames
  const after = first === 0 ? '' : `${first.toLocaleString('en-US')} after 1,000 packets, `
  return `packet scope: bytes held ${after}${extent.toLocaleString('en-US')} after ${count.toLocaleString('en-US')}`
}

/** Of what nobody expected, also where it came from. */
function faultOf(path: string, error: unknown): string {
  if (error instanceof CaptureError) return error.message
  if (error instanceof VmallocError) return `${path}: ${error.message}`
  return `${path}: ${error instanceof Error ? error.stack : error}`
}
