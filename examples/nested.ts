/**
 * A heap for each request, nested in its session's, nested in the default heap; each is dropped in one call.
 *
 *   node --import ./scripts/ts.mjs examples/nested.ts
 *
 *   heap      | block | session                                           | block | ...
 *   session             | block | request 1         | request 2         |
 *   request                       | block | block |   | block | block |
 *
 * A region is one block, or a few, of the region that it is nested in. So closing a request frees all its blocks at
 * once whatever their number, closing the session frees the requests that are still open, and an address means the
 * same in all of them.
 */
import { heap, open, type Region } from 'vmalloc'

interface Request {
  path: number
  headers: number[]
}

/** What a parser would do: many small blocks, of which nobody keeps a list. */
function parse(region: Region, text: string): Request {
  const [path = '', ...headers] = text.split('\n')
  return { path: region.string(path), headers: headers.map((header) => region.string(header)) }
}

const before = heap().stat().busyBlocks

const session = open({ name: 'session' })
const user = session.string('ada')

for (const [i, path] of ['/', '/index.html', '/logo.svg'].entries()) {
  const request = open({ name: `request ${i + 1}`, discipline: session, method: 'last' })
  const { headers } = parse(request, `${path}\nhost: example.org\naccept: */*\nuser: ada`)
  const { busyBlocks, busyBytes } = request.stat()
  console.log(`${request.name}: ${busyBlocks} blocks, ${busyBytes} bytes, "${request.readString(headers[0]!)}"`)
  if (i === 0) {
    request.close()
    console.log(`${request.name} is closed: its blocks are gone, the session's are not: "${session.readString(user)}"`)
  }
}

const names = session.children().map((child) => child.name)
console.log(`open in the session: ${names.join(', ')}`)

const third = session.child('request 3')!
const note = third.string('kept in request 3')
console.log(`one space: the session reads "${session.readString(note)}"`)
console.log(`owner of that block: ${heap().regionOf(note)?.name}, nested in ${third.parent?.name}`)
console.log(String(session.inspect()).replace(/^/gm, '  '))

session.close()
console.log(`the session is closed, request 3 ${third.closed ? 'is closed with it' : 'is open'}`)
console.log(`blocks in the heap: ${heap().stat().busyBlocks - before} more than before`)
