/**
 * A web server that gives each request a heap of its own, reads JSON into it, and keeps in the session's heap what has to
 * outlive the request.
 *
 *   node --import ./scripts/ts.mjs examples/http-server.ts              sends itself some orders, and tells what became
 *   node --import ./scripts/ts.mjs examples/http-server.ts 8080         serves until it is interrupted
 *   node --import ./scripts/ts.mjs examples/http-server.ts 8080 plain   the same with JavaScript's own objects
 *
 *   curl localhost:8080/orders/ada -d '{"items": [{"name": "tea", "price": 4.5, "count": 2}]}'
 *   curl localhost:8080/metrics
 *
 *   http-server/heap-orders.ts    the orders, in heaps: begin here
 *   http-server/json.ts           a text becomes nodes in a heap
 *   http-server/serve.ts          requests and answers
 *   http-server/memory.ts         who holds the memory, for Prometheus and as JSON
 *   http-server/plain-orders.ts   the orders, in objects
 */
import { once } from 'node:events'
import { Agent, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { HeapOrders } from './http-server/heap-orders.ts'
import { memoryPages } from './http-server/memory.ts'
import { PlainOrders } from './http-server/plain-orders.ts'
import { type Figures, serve } from './http-server/serve.ts'

const [, , port, kind] = process.argv
const agent = new Agent({ keepAlive: true })
if (port === undefined) await show()
else {
  const server = await listen(
    serve(kind === 'plain' ? new PlainOrders() : new HeapOrders(), memoryPages()),
    Number(port),
  )
  console.log(`http://localhost:${portOf(server)}`)
}

async function show(): Promise<void> {
  let seen = ''
  const orders = new HeapOrders((heap, session) => {
    seen = `${heap.bytesLive} bytes of heap ${heap} go, ${session.bytesLive} of heap ${session} stay`
  })
  const server = await listen(serve(orders, memoryPages()), 0)
  const order = (name: string, body: unknown) => send(portOf(server), 'POST', `/orders/${name}`, JSON.stringify(body))
  const honey = { name: 'honey', price: 7, count: 1 }
  const tea = (count: number) => ({ name: 'tea', price: 4.5, count })
  const plenty = { items: [tea(2), honey], note: 'leave it at the door' }

  for (const [name, body] of [
    ['ada', plenty],
    ['bob', { items: [honey] }],
    ['ada', { items: [tea(3)] }],
  ] as const) {
    console.log(`${name} orders: ${await order(name, body)}`)
    console.log(`  ${seen}`)
  }
  console.log(`bob mistypes: ${await send(portOf(server), 'POST', '/orders/bob', '{"items": [{"name": tea}]}')}`)

  console.log(`now: ${told(orders.figures)}`)
  for (let i = 0; i < 1000; i++) {
    await order('ada', plenty)
    await order('ada', { items: [tea(3)] })
  }
  console.log(`2,000 orders later: ${told(orders.figures)}`)
  console.log(`who has it:\n${await liveBytes(portOf(server))}`)

  for (const name of ['ada', 'bob'])
    console.log(`${name} leaves: ${await send(portOf(server), 'DELETE', `/orders/${name}`)}`)
  console.log(`nobody is there: ${told(orders.figures)}`)
  agent.destroy()
  server.close()
}

function told({ sessions, bytesLive, extent }: Figures): string {
  return `${sessions} sessions, ${bytesLive.toLocaleString('en-US')} bytes live in ${extent.toLocaleString('en-US')}`
}

async function listen(server: Server, port: number): Promise<Server> {
  server.listen(port, 'localhost')
  await once(server, 'listening')
  return server
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}

/** The lines of what Prometheus would read that say whose memory is live. */
async function liveBytes(port: number): Promise<string> {
  const lines = (await send(port, 'GET', '/metrics')).split('\n')
  return lines.filter((line) => /^vmalloc_account_live_bytes.* [1-9]/.test(line)).join('\n')
}

/** What the server at a port says. */
async function send(port: number, method: string, path: string, body = ''): Promise<string> {
  const call = request({ host: 'localhost', port, agent, method, path })
  call.setHeader('content-length', Buffer.byteLength(body))
  call.end(body)
  const [response] = await once(call, 'response')
  return text(response)
}
