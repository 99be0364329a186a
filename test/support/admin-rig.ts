// An admin listener of this process over made-up facts, and a client that asks it.

import { createHash } from 'node:crypto'
import { request } from 'node:http'
import type { IncomingHttpHeaders } from 'node:http'
import { text } from 'node:stream/consumers'
import type { Test } from 'tap'
import { createHostCheck } from '../../src/admin/hosts.ts'
import { createOperations } from '../../src/admin/operations.ts'
import type { Facts, NodeStatus } from '../../src/admin/operations.ts'
import { createPrincipalList } from '../../src/admin/principals.ts'
import { createAdminServer } from '../../src/admin/server.ts'
import { createTokenCheck } from '../../src/admin/tokens.ts'
import { isLoopback } from '../../src/config/checks.ts'
import type { Log } from '../../src/contract/adapter.ts'

export const adminToken = 'right-token'

export const nodeStatus: NodeStatus = {
  status: 'degraded', reasons: ['1 of 2 workers are running'], version: '1.2.3', configHash: '0123456789abcdef',
  startedAt: '2026-01-02T03:04:05.000Z', uptimeSeconds: 3_725, workers: { alive: 1, wanted: 2, restarts: 3 },
  listeners: [{ protocol: 'http', host: '127.0.0.1', port: 8080, secure: false }],
  sink: { kind: 'journal', ready: true, reason: '' }, budget: { usedBytes: 1_048_576, limitBytes: 67_108_864 }
}

export interface AdminRig {
  readonly port: number
  /** What was published to workers, in order. */
  readonly published: string[][]
  readonly logged: { readonly level: string, readonly message: string, readonly fields: Record<string, unknown> }[]
}

/** Starts one; the test's teardown stops it. Two names fit into its list of disabled principals. */
export async function startAdmin (t: Test, facts: Partial<Facts> = {}): Promise<AdminRig> {
  const published: string[][] = []
  const principals = createPrincipalList([{ name: 'anna', groups: ['shops'], credentials: [{ apiKey: 'canary' }] }], names => {
    if (names.length > 2) return false
    published.push([...names])
    return true
  })
  const logged: AdminRig['logged'] = []
  const write = (level: string): Log['info'] => (fields, message) => { logged.push({ level, message, fields }) }
  const log: Log = { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') }
  const server = createAdminServer({
    host: '127.0.0.1', port: 0, tls: undefined, version: '1.2.3', log,
    operations: createOperations({
      status: async () => nodeStatus, config: () => ({ sink: 'journal' }), principals, limits: { drainMs: 1 },
      explain: async ({ channel }) => channel === 'orders/eu' ? [{ door: 'rest', channel }] : 'there is no such channel',
      levels: async () => [{ name: 'sluice_connections', labels: { protocol: 'http' }, value: 7 }], ...facts
    }),
    tokens: createTokenCheck([`sha256:${createHash('sha256').update(adminToken).digest('hex')}`], async () => {}),
    checkHost: createHostCheck({ isLoopback, known: [] })
  })
  const { port } = await server.start()
  t.teardown(() => server.close())
  return { port, published, logged }
}

export interface AdminAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  readonly json: unknown
}

export interface AdminRequest {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** Asks with the right token unless `headers` say otherwise; an empty one is left out. */
export function askAdmin (port: number, path: string, sending: AdminRequest = {}): Promise<AdminAnswer> {
  const { method = 'GET', headers = {}, body } = sending
  const standard = { 'authorization': `Bearer ${adminToken}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) }
  const sent = Object.entries({ ...standard, ...headers }).filter(([, value]) => value !== '')
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path, method, agent: false, headers: Object.fromEntries(sent) }, response => {
      text(response).then(answer => {
        const json = answer === '' ? undefined : JSON.parse(answer) as unknown
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text: answer, json })
      }, reject)
    }).on('error', reject).end(body)
  })
}
