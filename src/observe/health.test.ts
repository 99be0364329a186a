// Tests of the health listener over real sockets: what each page tells, and what it does with everything else.

import { request } from 'node:http'
import type { IncomingHttpHeaders } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import t from 'tap'
import type { Test } from 'tap'
import type { Log } from '../contract/adapter.ts'
import { createHealthServer } from './health.ts'
import type { HealthServerOptions } from './health.ts'
import type { HealthStatus } from './readiness.ts'

const log: Log = { debug () {}, info () {}, warn () {}, error () {} }
const well: HealthStatus = {
  workers: { aliveCount: 2, wantedCount: 2 }, kafka: { ready: true, reason: '' }, journal: undefined, draining: false
}

async function start (t: Test, options: Partial<HealthServerOptions> = {}): Promise<number> {
  const server = createHealthServer({
    host: '127.0.0.1', port: 0, readiness: { kafka: 'optional' }, status: () => well, metrics: async () => 'm 1\n', log,
    ...options
  })
  const { port } = await server.start()
  t.teardown(() => server.close())
  return port
}

interface Got { readonly status: number | undefined, readonly headers: IncomingHttpHeaders, readonly body: string }

function get (port: number, path: string, method = 'GET'): Promise<Got> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path, method, agent: false }, response => {
      text(response).then(body => { resolve({ status: response.statusCode, headers: response.headers, body }) }, reject)
    }).on('error', reject).end()
  })
}

/** Sends bytes as they are and resolves to everything that came back until the server closed. */
function sendRaw (port: number, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    const socket = connect(port, '127.0.0.1', () => { socket.write(bytes) })
    socket.on('data', chunk => chunks.push(chunk))
    socket.on('error', reject)
    socket.on('close', () => { resolve(Buffer.concat(chunks).toString()) })
  })
}

t.test('livez answers whatever the state', async t => {
  const port = await start(t, { status: () => { throw new Error('unknown') } })
  t.match(await get(port, '/livez'), { status: 200, body: '{"status":"ok"}\n' })
})

t.test('readyz tells state and reasons: 503 only where it is unavailable', async t => {
  let status = well
  const port = await start(t, { status: () => status })
  t.match(await get(port, '/readyz?verbose'), { status: 200, body: '{"status":"ok","reasons":[]}\n' })
  status = { ...well, kafka: { ready: false, reason: 'no broker answers' } }
  t.match(await get(port, '/readyz'),
    { status: 200, body: '{"status":"degraded","reasons":["kafka: no broker answers"]}\n' })
  status = { ...well, draining: true }
  t.match(await get(port, '/readyz'),
    { status: 503, body: '{"status":"unavailable","reasons":["this gateway is stopping"]}\n' })
})

t.test('readyz follows the readiness that is configured', async t => {
  const kafka = { ready: false, reason: 'no broker answers' }
  const port = await start(t, { readiness: { kafka: 'required' }, status: async () => ({ ...well, kafka }) })
  t.match(await get(port, '/readyz'), { status: 503 })
})

t.test('a state that cannot be told, or not in time, is unavailable', async t => {
  const rejecting = await start(t, { status: () => Promise.reject(new Error('canary')) })
  const got = await get(rejecting, '/readyz')
  t.match(got, { status: 503, body: /unavailable/ })
  t.notMatch(got.body, 'canary')
  const silent = await start(t, { status: () => new Promise<never>(() => {}) })
  t.match(await get(silent, '/readyz'), { status: 503 })
})

t.test('metrics come as Prometheus text, gathered once for all who wait', async t => {
  let askedCount = 0
  const port = await start(t, {
    metrics () {
      askedCount++
      return new Promise(resolve => { setImmediate(() => { resolve(`m ${askedCount}\n`) }) })
    }
  })
  t.match(await get(port, '/metrics'),
    { status: 200, body: 'm 1\n', headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' } })
  // Both requests arrive in one piece, so that both wait before the first is answered.
  const both = 'GET /metrics HTTP/1.1\r\nhost: x\r\n\r\nGET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'
  t.equal((await sendRaw(port, both)).match(/m 2\n/g)?.length, 2)
  const failing = await start(t, { metrics: () => Promise.reject(new Error('x')) })
  t.match(await get(failing, '/metrics'), { status: 503 })
})

t.test('HEAD tells the length without the text', async t => {
  const port = await start(t)
  t.match(await get(port, '/metrics', 'HEAD'), { status: 200, body: '', headers: { 'content-length': '4' } })
})

t.test('other paths are not found and other methods not allowed', async t => {
  const port = await start(t)
  for (const path of ['/', '/livez/', '/LIVEZ', '/__proto__', '/constructor', '/metrics/..', '//livez']) {
    t.match(await get(port, path), { status: 404 }, path)
  }
  t.match(await get(port, '/livez', 'DELETE'), { status: 405, headers: { allow: 'GET, HEAD' } })
})

t.test('a request with a body is answered without reading it, and its connection ends', async t => {
  const port = await start(t)
  const answer = await sendRaw(port, 'POST /livez HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000000\r\n\r\nabc')
  t.match(answer, /^HTTP\/1\.1 405 [^]*connection: close/i)
})

t.test('headers above the limit and what is no HTTP are refused and cut off', async t => {
  const port = await start(t)
  t.match(await sendRaw(port, `GET /livez HTTP/1.1\r\nhost: x\r\nx: ${'a'.repeat(20_000)}\r\n\r\n`), /^HTTP\/1\.1 431 /)
  t.match(await sendRaw(port, '\u0000\u0001garbage\r\n\r\n'), /^HTTP\/1\.1 400 /)
  t.match(await get(port, '/livez'), { status: 200 }, 'and the next one is served')
})

t.test('closing cuts off whoever holds a connection, and a taken port is told', async t => {
  const options = { host: '127.0.0.1', readiness: { kafka: 'optional' as const }, status: () => well, metrics: async () => '', log }
  const server = createHealthServer({ ...options, port: 0 })
  const { port } = await server.start()
  await t.rejects(createHealthServer({ ...options, port }).start(), { code: 'EADDRINUSE' })
  const held = sendRaw(port, 'GET /livez HTTP/1.1\r\nhost: x\r\n\r\n')
  // The answer shows that the server holds the connection, which keep-alive leaves open.
  await get(port, '/livez')
  await server.close()
  t.match(await held.catch(() => 'reset'), /200 OK|reset|^$/)
  await t.rejects(get(port, '/livez'))
})
