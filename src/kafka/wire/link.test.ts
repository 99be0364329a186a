// The life of a connection against a scripted server: every stage can fail, and every request is told its end once.

import t from 'tap'
import type { Test } from 'tap'
import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import type { BrokerLink, LinkListener } from '../broker-link.ts'
import { problemOf } from '../classify.ts'
import { systemClock } from '../clock.ts'
import { KafkaError } from '../kafka-error.ts'
import { Frames } from './frames.ts'
import { createOpenLink } from './link.ts'
import type { LinkOptions } from './link.ts'
import type { SaslMechanism } from './login.ts'
import { Writer } from './writer.ts'

interface Request { readonly key: number, readonly version: number, readonly correlationId: number }
type Answer = (request: Request, reply: (body: Writer, tagged?: boolean) => void, socket: Socket) => void

const apiVersionsKey = 18

/** The answer to ApiVersions 3: everything that is spoken here, in all versions. */
function allVersions (): Writer {
  const body = new Writer().int16(0).uvarint(6)
  for (const key of [0, 3, 17, 22, 36]) body.int16(key).int16(0).int16(20).zero()
  return body.int32(0).zero()
}

/** A server that answers ApiVersions itself, and everything else as the test says. */
async function serve (t: Test, answer: Answer): Promise<number> {
  const server: Server = createServer(socket => {
    socket.on('error', () => {})
    t.teardown(() => socket.destroy())
    const frames = new Frames(frame => {
      const request = { key: frame.readInt16BE(0), version: frame.readInt16BE(2), correlationId: frame.readInt32BE(4) }
      answer(request, (body, tagged = request.key !== apiVersionsKey && request.key !== 17) => {
        socket.write(framed(request.correlationId, body, tagged))
      }, socket)
    })
    socket.on('data', (chunk: Buffer) => { frames.push(chunk) })
  })
  t.teardown(() => { server.close() })
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  return (server.address() as AddressInfo).port
}

function framed (correlationId: number, body: Writer, tagged: boolean): Buffer {
  const head = new Writer().int32(0).int32(correlationId)
  if (tagged) head.zero()
  head.int32At(0, head.length - 4 + body.length)
  return Buffer.concat([head.slice(), body.slice()])
}

interface Opened {
  readonly link: BrokerLink
  readonly opened: Promise<void>
  readonly closed: Promise<Error>
  drainedCount: number
}

function open (t: Test, port: number, options: Partial<LinkOptions> = {}): Opened {
  const opened = Promise.withResolvers<void>()
  const closed = Promise.withResolvers<Error>()
  let closedCount = 0
  const listener: LinkListener = {
    opened: opened.resolve,
    drained: () => { result.drainedCount++ },
    closed: error => {
      if (closedCount++ > 0) t.fail('closed twice')
      closed.resolve(error)
    }
  }
  const openLink = createOpenLink({
    tls: undefined, sasl: undefined, clientId: 'test', connectionTimeoutMs: 2_000, requestTimeoutMs: 2_000,
    clock: systemClock, ...options
  })
  const link = openLink({ host: '127.0.0.1', port }, listener)
  const result: Opened = { link, opened: opened.promise, closed: closed.promise, drainedCount: 0 }
  t.teardown(() => { result.link.close(new Error('the test is over')) })
  return result
}

const greet: Answer = (request, reply) => { if (request.key === apiVersionsKey) reply(allVersions()) }
const loggedIn = (lifetimeMs: bigint): Writer =>
  new Writer().int16(0).zero().compactBytes(Buffer.alloc(0)).int64(lifetimeMs).zero()
const emptyMetadata = (throttleMs = 0): Writer =>
  new Writer().int32(throttleMs).uvarint(1).zero().int32(1).uvarint(1).zero()

function lookUp (link: BrokerLink): Promise<unknown> {
  return new Promise(resolve => { link.metadata([], resolve) })
}

t.test('answers come byte by byte or together, and each finds its request', async t => {
  const port = await serve(t, (request, _reply, socket) => {
    if (request.key === apiVersionsKey) {
      const bytes = framed(request.correlationId, allVersions(), false)
      for (const at of bytes.keys()) socket.write(bytes.subarray(at, at + 1))
    } else if (request.correlationId === 3) {
      const answers = [2, 3].map(correlationId => framed(correlationId, emptyMetadata(), true))
      socket.write(Buffer.concat(answers))
    }
  })
  const { link, opened } = open(t, port)
  t.equal(link.writable, false)
  await opened
  t.ok(link.open && link.writable)
  const both = [lookUp(link), lookUp(link)]
  t.equal(link.inFlightCount, 2)
  t.same(await Promise.all(both), [{ brokers: [], topics: [] }, { brokers: [], topics: [] }])
  t.equal(link.inFlightCount, 0)
})

t.test('a broker that knows no ApiVersions 3 is asked again in version 0', async t => {
  const versions: number[] = []
  const port = await serve(t, (request, reply) => {
    versions.push(request.version)
    const body = new Writer().int16(request.version > 0 ? 35 : 0).int32(3)
    for (const key of [0, 3, 22]) body.int16(key).int16(0).int16(20)
    reply(body, false)
  })
  await open(t, port).opened
  t.same(versions, [3, 0])
})

t.test('a broker without a common version is left, with words for the operator', async t => {
  const port = await serve(t, (_request, reply) => {
    reply(new Writer().int16(0).uvarint(2).int16(0).int16(0).int16(8).zero().int32(0).zero())
  })
  t.match(await open(t, port).closed, { type: 'UNSUPPORTED_VERSION', broker: `127.0.0.1:${port}` })
})

t.test('a server that says nothing is left in time, before it is open and after', async t => {
  const mute = await serve(t, () => {})
  t.equal(problemOf(await open(t, mute, { connectionTimeoutMs: 100 }).closed).cause, 'silent')
  const { link, opened, closed } = open(t, await serve(t, greet), { requestTimeoutMs: 100 })
  await opened
  const answers = [lookUp(link), lookUp(link)]
  t.match(await closed, { code: 'ETIMEDOUT', message: 'no answer in time' })
  for (const answer of await Promise.all(answers)) t.ok(answer instanceof KafkaError)
  t.equal(link.open, false)
  t.ok(await lookUp(link) instanceof Error, 'and later ones are told, too')
})

t.test('bytes that are no answer end the connection', async t => {
  const wrong: [string, Buffer][] = [
    ['a negative size', Buffer.from('ffffffff', 'hex')], ['a giant size', Buffer.from('7fffffff', 'hex')],
    ['an answer to nobody', framed(99, new Writer(), false)]
  ]
  for (const [what, bytes] of wrong) {
    const port = await serve(t, (request, reply, socket) => {
      if (request.key === apiVersionsKey) reply(allVersions())
      else socket.write(bytes)
    })
    const { link, opened, closed } = open(t, port)
    await opened
    const told: string[] = []
    link.produce([{ topic: 't', partition: 0, bytes: Buffer.from('x') }], 1, {
      answered: () => told.push('answered'), unanswered: () => told.push('unanswered')
    })
    t.ok(await closed instanceof KafkaError, what)
    t.same(told, ['unanswered'])
  }
})

t.test('an answer to a produce request that cannot be read says nothing about its batches', async t => {
  const port = await serve(t, (request, reply) => {
    reply(request.key === apiVersionsKey ? allVersions() : new Writer().uvarint(200))
  })
  const { link, opened, closed } = open(t, port)
  await opened
  const told = new Promise<string>(resolve => {
    link.produce([{ topic: 't', partition: 0, bytes: Buffer.from('x') }], 1, {
      answered: () => resolve('answered'), unanswered: error => resolve(error.message)
    })
  })
  t.match(await told, /cannot be read/)
  t.ok(await closed)
})

t.test('a broker that asks for a pause is left alone for so long', async t => {
  const port = await serve(t, (request, reply) => {
    reply(request.key === apiVersionsKey ? allVersions() : emptyMetadata(80))
  })
  const opened = open(t, port)
  await opened.opened
  await lookUp(opened.link)
  t.equal(opened.link.writable, false)
  const startMs = performance.now()
  while (opened.drainedCount === 0) await new Promise(resolve => setImmediate(resolve))
  t.ok(performance.now() - startMs > 50)
  t.ok(opened.link.writable)
})

t.test('failures of the network and of the login are named as such', async t => {
  const nobody = createServer()
  await new Promise<void>(resolve => { nobody.listen(0, '127.0.0.1', resolve) })
  const { port: deadPort } = nobody.address() as AddressInfo
  await new Promise(resolve => { nobody.close(resolve) })
  t.equal(problemOf(await open(t, deadPort).closed).cause, 'refused')

  const hangsUp = await serve(t, (_request, _reply, socket) => { socket.destroy() })
  t.equal(problemOf(await open(t, hangsUp).closed).cause, 'closed')

  const noTls = await serve(t, (_request, _reply, socket) => { socket.write('no TLS here') })
  t.match(problemOf(await open(t, noTls, { tls: true, connectionTimeoutMs: 300 }).closed).cause, /tls|silent|closed/)
  t.equal(problemOf(await open(t, noTls, { tls: { ca: '/nowhere' } }).closed).cause, 'tls-files')

  const sasl: SaslMechanism = {
    name: 'TEST', begin: async () => ({ first: Buffer.from('hello'), next: () => undefined })
  }
  const other = await serve(t, (request, reply) => {
    if (request.key === apiVersionsKey) reply(allVersions())
    else reply(new Writer().int16(33).int32(1).text('PLAIN'))
  })
  const refused = problemOf(await open(t, other, { sasl }).closed)
  t.equal(refused.cause, 'credentials')
  t.match(refused.text, /PLAIN/)

  const denies = await serve(t, (request, reply) => {
    if (request.key === apiVersionsKey) reply(allVersions())
    else if (request.key === 17) reply(new Writer().int16(0).int32(0))
    else reply(new Writer().int16(58).compactText('bad').zero().int64(0n).zero())
  })
  t.equal(problemOf(await open(t, denies, { sasl }).closed).cause, 'credentials')
})

t.test('a login that ends is renewed on the same connection, when nothing is under way (KIP-368)', async t => {
  let logins = 0
  let connections = 0
  const keys: number[] = []
  const port = await serve(t, (request, reply) => {
    if (request.key === apiVersionsKey) {
      connections++
      return reply(allVersions())
    }
    keys.push(request.key)
    if (request.key === 17) reply(new Writer().int16(0).int32(0))
    else if (request.key === 36) reply(loggedIn(++logins === 1 ? 100n : 0n))
    else reply(emptyMetadata())
  })
  const sasl: SaslMechanism = { name: 'TEST', begin: async () => ({ first: Buffer.from('hello'), next: () => undefined }) }
  const opened = open(t, port, { sasl })
  await opened.opened
  while (opened.drainedCount === 0) await lookUp(opened.link)
  t.equal(logins, 2)
  t.equal(connections, 1)
  t.ok(opened.link.writable)
  t.ok(await lookUp(opened.link))
  const renewal = keys.lastIndexOf(17)
  t.equal(keys[renewal + 1], 36, 'nothing came in between')
})
