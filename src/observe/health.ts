// The health listener: /livez, /readyz and /metrics on a plain HTTP server in the supervisor's thread.

import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Eventually, Log } from '../contract/adapter.ts'
import type { ReadinessSettings } from './config.ts'
import { prometheusType } from './metric.ts'
import { readiness } from './readiness.ts'
import type { HealthStatus } from './readiness.ts'

const answerMs = 2_000
const requestMs = 5_000
const connectionsMax = 64

export interface HealthServerOptions {
  readonly host: string
  /** 0 lets the system choose. */
  readonly port: number
  readonly readiness: ReadinessSettings
  /** What is known now. An answer that takes longer than 2 s counts as `unavailable`. */
  status (): Eventually<HealthStatus>
  /** The text of all metrics. Asked once for all who wait at the same time. */
  metrics (): Promise<string>
  readonly log: Log
}

export interface HealthServer {
  /** Rejects where the port cannot be had. */
  start (): Promise<{ host: string, port: number }>
  /** Resolves when the socket is closed; whoever is connected is cut off. */
  close (): Promise<void>
}

interface Answer { readonly status: number, readonly type: string, readonly body: string }

const json = (status: number, body: object): Answer =>
  ({ status, type: 'application/json', body: JSON.stringify(body) + '\n' })

/** Creates it without opening the socket. */
export function createHealthServer (options: HealthServerOptions): HealthServer {
  const { host, port, log } = options
  let scrape: Promise<string> | undefined

  function readMetrics (): Promise<string> {
    scrape ??= options.metrics().finally(() => { scrape = undefined })
    return scrape
  }

  const pages: Record<string, () => Eventually<Answer>> = {
    '/livez': () => json(200, { status: 'ok' }),
    async '/readyz' () {
      const known = readiness(await within(Promise.resolve(options.status())), options.readiness)
      return json(known.status === 'unavailable' ? 503 : 200, known)
    },
    async '/metrics' () {
      return { status: 200, type: prometheusType, body: await within(readMetrics()) }
    }
  }

  async function answer (request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '').split('?', 1)[0] ?? ''
    const page = Object.hasOwn(pages, path) ? pages[path] : undefined
    if (page === undefined) return send(request, response, json(404, { status: 'not found' }))
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD')
      return send(request, response, json(405, { status: 'method not allowed' }))
    }
    try {
      send(request, response, await page())
    } catch (error) {
      log.warn({ error, path }, 'a health request could not be answered')
      send(request, response, json(503, { status: 'unavailable', reasons: ['the supervisor does not know in time'] }))
    }
  }

  const server = createServer({
    maxHeaderSize: 8_192, headersTimeout: requestMs, requestTimeout: requestMs, keepAliveTimeout: requestMs,
    connectionsCheckingInterval: 1_000
  }, (request, response) => { void answer(request, response) })
  server.maxConnections = connectionsMax
  server.maxRequestsPerSocket = 1_000
  server.setTimeout(2 * requestMs)

  return { start: () => listen(server, host, port), close: () => close(server) }
}

function send (request: IncomingMessage, response: ServerResponse, { status, type, body }: Answer): void {
  const length = Buffer.byteLength(body)
  // A body that came along is not read: the connection ends instead.
  if (!request.complete) response.setHeader('connection', 'close')
  response.writeHead(status, {
    'content-type': type, 'content-length': length, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff'
  })
  response.end(request.method === 'HEAD' ? undefined : body)
}

function within<T> (wanted: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => { reject(new Error(`no answer within ${answerMs} ms`)) }, answerMs)
    wanted.then(resolve, reject).finally(() => { clearTimeout(timer) })
  })
}

function listen (server: Server, host: string, port: number): Promise<{ host: string, port: number }> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      resolve({ host, port: (server.address() as AddressInfo).port })
    })
  })
}

function close (server: Server): Promise<void> {
  return new Promise(resolve => {
    server.close(() => { resolve() })
    server.closeAllConnections()
  })
}
