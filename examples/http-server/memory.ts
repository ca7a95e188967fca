/**
 * memory: who holds the memory of the server, for those who look after it. (A server for everybody would show this at
 * another port, where not everybody comes.)
 *
 *   GET /metrics     for Prometheus, by prom-client
 *   GET /accounts    regions and their accounts, as JSON
 */
import client from 'prom-client'
import { prometheusMetrics, report, reportJson } from 'vmalloc/account'
import type { Pages } from './serve.ts'

export function memoryPages(): Pages {
  const register = new client.Registry()
  prometheusMetrics(client, { register })
  return {
    '/metrics': async () => ({ type: register.contentType, text: await register.metrics() }),
    '/accounts': async () => ({ type: 'application/json', text: reportJson(report()) }),
  }
}
