/**
 * heap-orders: the shop in heaps. A request has one, which goes when it is answered; a session has one, which stays.
 *
 *   globalHeap
 *     `- session          | record |   + the last order
 *          |- request     | body | node | text | node | ...
 *          `- request
 *
 *   record   +0       +8      +16
 *           | ORDERS | TOTAL | LAST |                         LAST is the address of the last order, 0 before there is one
 *
 * A request lies in its session, so `escape` is all it takes to keep an order: its blocks stay where they are and belong
 * to the session from then on. (Both draw on the default heap: over another root they would be copied, and what leads
 * from node to node would lead nowhere.) What the session had in their place it frees. Nothing else has to be freed by
 * hand: body and nodes go with the request, however it ends, and what a session has goes with the session.
 *
 * Which part of the program a block is for, its account says: what comes in is charged to http/body, what is read out of
 * it to http/json. The functions that allocate need not know: the account that runs pays in every region that keeps
 * accounts, through awaits too. An order that is kept is charged to orders from then on.
 */
import { heap as root, type View } from 'vmalloc'
import { account } from 'vmalloc/account'
import { globalHeap, type Heap, openHeap } from 'vmalloc/heap'
import { JsonError, LIST, Nodes, NUMBER, parse, TEXT } from './json.ts'
import { type Answer, type Body, type Figures, type Orders, Refusal } from './serve.ts'

const ORDERS = 0
const TOTAL = 1
const LAST = 2

const accounts = {
  body: account('http/body', globalHeap),
  json: account('http/json', globalHeap),
  orders: account('orders', globalHeap),
}

/** Sees a request's heap when the request is answered, and the heap of its session. */
export type Watch = (request: Heap, session: Heap) => void

export class HeapOrders implements Orders {
  private readonly sessions = new Map<string, Session>()
  private readonly watch: Watch | undefined

  constructor(watch?: Watch) {
    this.watch = watch
  }

  async take(name: string, body: Body): Promise<Answer> {
    let session = this.sessions.get(name)
    if (session === undefined) this.sessions.set(name, (session = new Session(name, this.watch)))
    return session.take(body)
  }

  end(name: string): boolean {
    this.sessions.get(name)?.end()
    return this.sessions.delete(name)
  }

  get figures(): Figures {
    let { bytesLive } = globalHeap
    for (const { heap } of this.sessions.values()) bytesLive += heap.bytesLive
    return { sessions: this.sessions.size, bytesLive, extent: root().extent }
  }
}

class Session {
  readonly heap: Heap
  private readonly name: string
  private readonly record: View<Float64Array>
  private readonly nodes: Nodes
  private readonly watch: Watch | undefined

  constructor(name: string, watch: Watch | undefined) {
    this.name = name
    this.watch = watch
    this.heap = openHeap({ name: 'session', accounts: true }, globalHeap)
    this.record = accounts.orders.run(() => this.heap.new(Float64Array, 3))
    this.nodes = new Nodes(this.heap.region)
  }

  take(body: Body): Promise<Answer> {
    return this.heap.subHeap({ name: 'request', accounts: true }, async (heap) => {
      const at = await accounts.body.run(() => receive(heap, body))
      const order = accounts.json.run(() => read(heap, at, body.length))
      const answer = this.weigh(order)
      this.keep(heap, order, answer)
      this.watch?.(heap, this.heap)
      return answer
    })
  }

  end(): void {
    this.heap.close()
  }

  /** What an order costs, and how it differs from the last one. */
  private weigh(order: number): Answer {
    const { nodes } = this
    const [orders, before, last] = [...this.record.array] as [number, number, number]
    let total = 0
    const items = this.itemsOf(order).map((item) => {
      const [name, price, count] = this.fieldsOf(item)
      const cost = nodes.number(price) * nodes.number(count)
      const twin = last === 0 ? 0 : this.find(last, name)
      total += cost
      return { name: nodes.text(name), cost, change: nodes.number(count) - (twin === 0 ? 0 : nodes.number(twin)) }
    })
    return { session: this.name, orders: orders + 1, total, before, items }
  }

  private keep(request: Heap, order: number, { orders, total }: Answer): void {
    const last = this.record.array[LAST]!
    const blocks = this.nodes.blocks(order)
    const payer = account(accounts.orders.path, request) // in the region that the blocks lie in
    for (const at of blocks) payer.adopt(at)
    request.escape(blocks)
    if (last !== 0) for (const at of this.nodes.blocks(last)) this.heap.free(at)
    const record = this.record.array
    record[ORDERS] = orders
    record[TOTAL] = total
    record[LAST] = order
  }

  /** How many of a thing an order has: the node of the number, or 0. */
  private find(order: number, name: number): number {
    const same = this.itemsOf(order).find((item) => this.nodes.isSame(this.nodes.member(item, 'name'), name))
    return same === undefined ? 0 : this.nodes.member(same, 'count')
  }

  private itemsOf(order: number): number[] {
    const items = this.nodes.member(order, 'items')
    if (items === 0 || this.nodes.type(items) !== LIST) throw new Refusal(400, 'no list of items')
    return [...this.nodes.in(items)]
  }

  private fieldsOf(item: number): [name: number, price: number, count: number] {
    const { nodes } = this
    const field = (name: string, type: number) => {
      const at = nodes.member(item, name)
      if (at === 0 || nodes.type(at) !== type) throw new Refusal(400, `an item without ${name}`)
      return at
    }
    return [field('name', TEXT), field('price', NUMBER), field('count', NUMBER)]
  }
}

/** Copies a body into a block as it comes. */
async function receive(heap: Heap, body: Body): Promise<number> {
  const at = heap.alloc(body.length)
  let had = 0
  for await (const chunk of body) {
    if (heap.closed) throw new Refusal(410, 'the session ended meanwhile')
    heap.region.bytes(at + had, chunk.length).set(chunk)
    had += chunk.length
  }
  if (heap.closed) throw new Refusal(410, 'the session ended meanwhile')
  return at
}

function read(heap: Heap, at: number, length: number): number {
  try {
    return parse(heap, at, length)
  } catch (error) {
    throw error instanceof JsonError ? new Refusal(400, `no JSON ${error.message}`) : error
  }
}
