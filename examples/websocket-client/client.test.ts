// What the client does when a server plays tricks: windows that shrink, nacks, silence, credentials that end.

import t from 'tap'
import type { Test } from 'tap'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { WebSocketServer } from 'ws'
import type { WebSocket } from 'ws'
import { until } from '../../test/support/until.ts'
import { StreamClient } from './client.ts'
import type { ClientOptions } from './client.ts'

interface Received {
  readonly type: string, readonly id: number, readonly data: unknown, readonly attributes: Record<string, string>
}

/** One connection as the server sees it; the test says what it answers. */
class Connection {
  readonly received: Received[] = []
  readonly protocols: string
  readonly #socket: WebSocket

  constructor (socket: WebSocket, protocols: string) {
    this.protocols = protocols
    this.#socket = socket
    socket.on('error', () => {}).on('message', (bytes: Buffer) => {
      this.received.push(JSON.parse(bytes.toString()) as Received)
    })
  }

  say (message: object): void { this.#socket.send(JSON.stringify(message)) }
  hello (window: number, more: object = {}): void {
    this.say({ type: 'hello', authenticated: true, window, messageBytesMax: 1_000, ...more })
  }
  /** The client has read all that was said, and what it sent before its answer has come. */
  async heard (): Promise<void> {
    this.#socket.ping()
    await once(this.#socket, 'pong')
  }
  close (code: number): void { this.#socket.close(code) }
  /** As if a cable were pulled: no close. */
  cut (): void { this.#socket.terminate() }
  get keys (): (string | undefined)[] { return this.received.map(({ attributes }) => attributes['idempotency-key']) }
  get data (): unknown[] { return this.received.map(({ data }) => data) }
}

async function start (t: Test, options: Partial<ClientOptions> = {}): Promise<{
  client: StreamClient, connection: (number: number) => Promise<Connection>
}> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'sluice.v1' })
  const connections: Connection[] = []
  server.on('connection', (socket, request) => {
    connections.push(new Connection(socket, request.headers['sec-websocket-protocol'] ?? ''))
  })
  await once(server, 'listening')
  const client = new StreamClient({ url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`, ...options })
  t.teardown(() => {
    for (const socket of server.clients) socket.terminate()
    server.close()
  })
  const connection = async (number: number): Promise<Connection> => {
    await waitFor(() => connections.length > number, `connection ${number}`)
    const found = connections[number]
    if (found === undefined) throw new Error('no connection')
    return found
  }
  return { client, connection }
}

const waitFor = (holds: () => boolean, what: string): Promise<number> =>
  until(holds, { timeoutMs: 20_000, what: () => what })
const ids = (connection: Connection): number[] => connection.received.map(({ id }) => id)

t.test('no more is in flight than the window says, also when it shrinks', async t => {
  const { client, connection } = await start(t)
  const outcomes = Array.from({ length: 8 }, (_, n) => client.publish('orders', n))
  const server = await connection(0)
  server.hello(3)
  await waitFor(() => server.received.length === 3, 'three events')
  server.say({ type: 'window', window: 1 })
  server.say({ type: 'ack', id: 2 })
  await server.heard()
  t.equal(server.received.length, 3, 'one is in flight, which is as many as may be')
  server.say({ type: 'ack', id: 3 })
  await server.heard()
  t.equal(server.received.length, 4, 'an ack lets the next one go')
  server.say({ type: 'window', window: 100 })
  await waitFor(() => server.received.length === 8, 'the rest')
  t.same(ids(server), [1, 2, 3, 4, 5, 6, 7, 8])
  server.say({ type: 'ack', id: 8 })
  t.same(await Promise.all(outcomes), Array.from({ length: 8 }, () => ({ outcome: 'written' })))
  await client.close()
})

t.test('what was not acked goes over the next connection first, in its order and with its key', async t => {
  const { client, connection } = await start(t)
  const outcomes = ['a', 'b', 'c', 'd'].map(name => client.publish('orders', name, `key-${name}`))
  const first = await connection(0)
  first.hello(3)
  await waitFor(() => first.received.length === 3, 'three events')
  first.say({ type: 'ack', id: 1 })
  await waitFor(() => first.received.length === 4, 'a fourth')
  first.cut()
  const second = await connection(1)
  second.hello(10)
  await waitFor(() => second.received.length === 3, 'the three that were not acked')
  t.same(second.keys, ['key-b', 'key-c', 'key-d'])
  t.ok(ids(second).every((id, index, all) => index === 0 || id > (all[index - 1] ?? 0)), 'ids grow')
  second.say({ type: 'ack', id: ids(second).at(-1) })
  t.same(await Promise.all(outcomes), Array.from({ length: 4 }, () => ({ outcome: 'written' })))
  await client.close()
})

t.test('a nack that may be tried again holds everything up for its time; one that may not is the outcome', async t => {
  const { client, connection } = await start(t)
  const server = await connection(0)
  server.hello(10)
  const outcomes = ['slow', 'wrong', 'maybe', 'good'].map(name => client.publish('orders', name))
  await waitFor(() => server.received.length === 4, 'four events')
  const startMs = performance.now()
  server.say({ type: 'nack', id: 1, code: 'rate-limited', outcome: 'refused', detail: 'too fast', retryable: true, retryAfterMs: 300 })
  server.say({ type: 'nack', id: 2, code: 'no-route', outcome: 'refused', detail: 'no such channel', retryable: false })
  server.say({ type: 'nack', id: 3, code: 'delivery-timeout', outcome: 'unknown', detail: 'nobody knows', retryable: true })
  server.say({ type: 'ack', id: 4 })
  t.same(await outcomes[1], { outcome: 'refused', code: 'no-route', detail: 'no such channel', retryable: false })
  t.same(await outcomes[3], { outcome: 'written' })
  outcomes.push(client.publish('orders', 'next'))
  await waitFor(() => server.received.length === 7, 'three more')
  t.ok(performance.now() - startMs >= 300)
  t.same(server.data.slice(4), ['slow', 'maybe', 'next'])
  t.same(server.keys.slice(4, 6), [server.keys[0], server.keys[2]])
  server.say({ type: 'ack', id: 7 })
  t.match(await Promise.all(outcomes), ['written', 'refused', 'written', 'written', 'written'].map(outcome => ({ outcome })))
  await client.close()
})

t.test('a server that says nothing any more counts as gone', async t => {
  const { client, connection } = await start(t, { silenceMsMax: 200 })
  const outcome = client.publish('orders', 1)
  const first = await connection(0)
  first.hello(10)
  await waitFor(() => first.received.length === 1, 'the event')
  const second = await connection(1)
  second.hello(10)
  await waitFor(() => second.received.length === 1, 'the event again')
  t.same(second.keys, first.keys)
  second.say({ type: 'ack', id: second.received[0]?.id })
  t.same(await outcome, { outcome: 'written' })
  await client.close()
})

t.test('a proof that ends is renewed on a new connection; one that is refused ends the client', async t => {
  let count = 0
  const { client, connection } = await start(t, { credential: async () => ({ token: `token-${++count}` }) })
  const outcome = client.publish('orders', 1)
  for (const [number, token] of ['token-1', 'token-2'].entries()) {
    const server = await connection(number)
    t.match(server.protocols, 'sluice.authenticate')
    server.hello(0, { authenticated: false })
    await waitFor(() => server.received.length === 1, 'the token')
    t.same(server.received, [{ type: 'authenticate', token }], 'and nothing before it is taken')
    server.say({ type: 'authenticated', principal: 'shop', window: 10 })
    await waitFor(() => server.received.length === 2, 'the event')
    server.close(4401)
  }
  const third = await connection(2)
  third.hello(0, { authenticated: false })
  third.close(4401)
  await t.rejects(outcome, /4401/)
  await t.rejects(client.publish('orders', 2), /4401/)
})
