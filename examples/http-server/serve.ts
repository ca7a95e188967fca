/**
 * serve: a shop by HTTP. Who keeps the orders, and in what memory, it leaves to `Orders`.
 *
 *   POST   /orders/ada    {"items": [{"name": "tea", "price": 4.5, "count": 2}]}   what it costs, and what changed
 *   DELETE /orders/ada    her session ends
 *   GET    /figures       how much memory the orders have
 *
 * and what else it is given to show (memory.ts).
 */
import { createServer, type IncomingMessage, type Server } from 'node:http'

/** What the shop says to an order. */
export interface Answer {
  readonly session: string
  /** How many orders there were in this session, this one included. */
  readonly orders: number
  readonly total: number
  /** The total of the order before; 0 when there was none. */
  readonly before: number
  /** `change` is how many more than in the order before. */
  readonly items: readonly { readonly name: string; readonly cost: number; readonly change: number }[]
}

export interface Figures {
  readonly sessions: number
  /** Bytes of all blocks that live. */
  readonly bytesLive: number
  /** Bytes held for them. */
  readonly extent: number
}

/** A body on its way, of as many bytes as its head says. */
export interface Body extends AsyncIterable<Uint8Array> {
  readonly length: number
}

/** Who keeps a session of orders for each customer. */
export interface Orders {
  /** Takes an order, which replaces the one before. Throws Refusal. */
  take(session: string, body: Body): Promise<Answer>
  /** Ends a session; false when there is none. */
  end(session: string): boolean
  readonly figures: Figures
}

/** What is shown under a path. */
export interface Page {
  readonly type: string
  readonly text: string
}

export type Pages = Readonly<Record<string, () => Promise<Page>>>

/** What a customer did wrong. */
export class Refusal extends Error {
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

const MOST_BYTES = 64 * 1024

/** A server that is not listening yet. */
export function serve(orders: Orders, pages: Pages = {}): Server {
  return createServer((request, response) => {
    const send = (status: number, { type, text }: Page) => {
      response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(text) })
      response.end(text)
    }
    const page = request.method === 'GET' && Object.hasOwn(pages, request.url!) ? pages[request.url!] : undefined
    const shown = page === undefined ? reply(orders, request).then(asJson) : page()
    shown.then(
      (answer) => send(200, answer),
      (error: unknown) => {
        if (!(error instanceof Refusal) && !request.destroyed) console.error(error)
        send(error instanceof Refusal ? error.status : 500, asJson({ error: (error as Error).message }))
      },
    )
  })
}

function asJson(what: unknown): Page {
  return { type: 'application/json', text: JSON.stringify(what) }
}

async function reply(orders: Orders, request: IncomingMessage): Promise<unknown> {
  const { method, url } = request
  if (method === 'GET' && url === '/figures') return orders.figures
  const session = /^\/orders\/(\w{1,64})$/.exec(url ?? '')?.[1]
  if (session === undefined) throw new Refusal(404, `${url}: nothing there, expected /orders/NAME`)
  if (method === 'POST') return orders.take(session, bodyOf(request))
  if (method !== 'DELETE') throw new Refusal(405, `${method}: expected POST or DELETE`)
  if (!orders.end(session)) throw new Refusal(404, `${session} has no session`)
  return { ended: session }
}

function bodyOf(request: IncomingMessage): Body {
  const length = Number(request.headers['content-length'] ?? Number.NaN)
  if (!(length <= MOST_BYTES))
    throw new Refusal(413, `a body of ${length} bytes, expected at most ${MOST_BYTES}, said ahead`)
  return { length, [Symbol.asyncIterator]: () => request[Symbol.asyncIterator]() }
}
