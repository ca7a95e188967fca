/**
 * plain-orders: the same shop in JavaScript's own objects, to be compared with the one in heaps.
 */
import { type Answer, type Body, type Figures, type Orders, Refusal } from './serve.ts'

interface Item {
  readonly name: string
  readonly price: number
  readonly count: number
}

interface Order {
  readonly items: readonly Item[]
}

interface Session {
  readonly orders: number
  readonly total: number
  readonly last: Order
}

const NONE: Session = { orders: 0, total: 0, last: { items: [] } }

export class PlainOrders implements Orders {
  private readonly sessions = new Map<string, Session>()
  readonly figures: Figures = { sessions: 0, bytesLive: 0, extent: 0 }

  async take(name: string, body: Body): Promise<Answer> {
    const chunks: Uint8Array[] = []
    for await (const chunk of body) chunks.push(chunk)
    const order = orderOf(read(Buffer.concat(chunks).toString()))
    const { orders, total: before, last } = this.sessions.get(name) ?? NONE
    let total = 0
    const items = order.items.map(({ name, price, count }) => {
      const cost = price * count
      total += cost
      return { name, cost, change: count - (last.items.find((item) => item.name === name)?.count ?? 0) }
    })
    this.sessions.set(name, { orders: orders + 1, total, last: order })
    return { session: name, orders: orders + 1, total, before, items }
  }

  end(name: string): boolean {
    return this.sessions.delete(name)
  }
}

function read(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Refusal(400, `no JSON ${(error as Error).message}`)
  }
}

function orderOf(order: unknown): Order {
  const items = (order as { items?: unknown } | null)?.items
  if (!Array.isArray(items)) throw new Refusal(400, 'no list of items')
  for (const item of items) {
    for (const [name, type] of Object.entries({ name: 'string', price: 'number', count: 'number' })) {
      if (typeof item?.[name] !== type) throw new Refusal(400, `an item without ${name}`)
    }
  }
  return order as Order
}
