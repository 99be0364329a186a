// The life of a connection against a scripted server: every stage can fail, and every request is told its end once.

import t from 'tap'
import type { Test } from 'tap'
import { execFile } from 'node:child_process'
import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { promisify } from 'node:util'
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
const execute = promisify(execFile)

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

function open (t: Test, port: number, { host = '127.0.0.1', ...options }: Partial<LinkOptions> & { host?: string } = {}): Opened {
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
  const link = openLink({ host, port }, listener)
  const result: Opened = { link, opened: opened.promise, closed: closed.promise, drainedCount: 0 }
  t.teardown(() => { result.link.close(new Error('the test is over')) })
  return result
}

const greet: Answer = (request, reply) => { if (request.key === apiVersionsKey) reply(allVersions()) }
const loggedIn = (lifetimeMs: bigint): Writer =>
  new Writer().int16(0).zero().compactBytes(Buffer.alloc(0)).int64(lifetimeMs).zero()
const emptyMetadata = (throttleMs = 0): Writer =>
  new Writer().int32(throttleMs).uvarint(1).zero().int32(1).uvarint(1).zero()

const sasl: SaslMechanism = { name: 'TEST', begin: async () => ({ first: Buffer.from('hello'), next: () => undefined }) }

/** A broker that lets everybody in for `lifetimeMs`, then does as `renewed` says, and knows no topics. */
function loginBroker (t: Test, lifetimeMs: bigint, renewed: Answer): Promise<number> {
  let logins = 0
  return serve(t, (request, reply, socket) => {
    if (request.key === apiVersionsKey) reply(allVersions())
    else if (request.key === 17) reply(new Writer().int16(0).int32(0))
    else if (request.key !== 36) reply(emptyMetadata())
    else if (++logins === 1) reply(loggedIn(lifetimeMs))
    else renewed(request, reply, socket)
  })
}

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
  const hungUp = await open(t, hangsUp).closed
  t.equal(problemOf(hungUp).cause, 'closed')
  t.match(hungUp.message, /may want TLS/)
  t.equal(problemOf(await open(t, hangsUp, { host: `${'x'.repeat(64)}.invalid` }).closed).cause, 'address')

  const wantsTls = await serve(t, (_request, _reply, socket) => { socket.write(Buffer.from('15030300020250', 'hex')) })
  t.equal(problemOf(await open(t, wantsTls).closed).cause, 'tls')

  const noTls = await serve(t, (_request, _reply, socket) => { socket.write('no TLS here') })
  t.match(problemOf(await open(t, noTls, { tls: true, connectionTimeoutMs: 300 }).closed).cause, /tls|silent|closed/)
  t.equal(problemOf(await open(t, noTls, { tls: { ca: '/nowhere' } }).closed).cause, 'tls-files')

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

t.test('an answer to a question that cannot be read ends the connection, and is told once', async t => {
  const port = await serve(t, (request, reply) => {
    reply(request.key === apiVersionsKey ? allVersions() : new Writer().int32(0).uvarint(200))
  })
  const { link, opened, closed } = open(t, port)
  await opened
  const told: unknown[] = []
  link.metadata(['t'], answer => { told.push(answer) })
  t.match(await closed, /answer to Metadata cannot be read/)
  t.equal(told.length, 1)
  t.ok(told[0] instanceof KafkaError)
})

t.test('a connection that ends within an answer leaves its requests without one', async t => {
  const port = await serve(t, (request, reply, socket) => {
    if (request.key === apiVersionsKey) reply(allVersions())
    else socket.end(framed(request.correlationId, emptyMetadata(), true).subarray(0, 9))
  })
  const { link, opened, closed } = open(t, port)
  await opened
  const answer = lookUp(link)
  t.equal(problemOf(await closed).cause, 'closed')
  t.match(await answer, { code: 'ECONNRESET', message: /may want a login/ })
})

t.test('a broker that ends its side of a quiet connection is left', async t => {
  const sockets: Socket[] = []
  const port = await serve(t, (_request, reply, socket) => {
    sockets.push(socket)
    reply(allVersions())
  })
  const { link, opened, closed } = open(t, port)
  await opened
  sockets[0]?.end()
  t.match(await closed, { code: 'ECONNRESET', message: 'the broker closed the connection' })
  t.notOk(link.open || link.writable)
})

t.test('a port that a broker made up fails like a connection', async t => {
  for (const port of [-1, 65_536]) t.match(await open(t, port).closed, { code: 'ERR_SOCKET_BAD_PORT' })
})

t.test('what a close leaves without an answer is told before the close is, and later requests after they were made', async t => {
  const { link, opened, closed } = open(t, await serve(t, greet))
  await opened
  const told: string[] = []
  const listener = { answered: () => told.push('answered'), unanswered: (error: Error) => told.push(error.message) }
  const batches = [{ topic: 't', partition: 0, bytes: Buffer.from('x') }]
  link.produce(batches, 1, listener)
  void closed.then(() => told.push('closed'))
  link.close(new Error('enough'))
  t.same(told, ['enough'])
  link.produce(batches, 1, listener)
  t.equal(told.length, 1)
  await closed
  await new Promise(resolve => setImmediate(resolve))
  t.same(told.toSorted(), ['closed', 'enough', 'enough'])
})

t.test('bytes that the socket does not take make the link wait, until it takes them', async t => {
  let paused: Socket | undefined
  const port = await serve(t, (request, reply, socket) => {
    if (request.key === apiVersionsKey) {
      paused = socket.pause()
      reply(allVersions())
    } else if (request.key === 0) reply(new Writer().uvarint(1).int32(0).zero())
  })
  const opened = open(t, port)
  await opened.opened
  const { link } = opened
  const batches = [{ topic: 't', partition: 0, bytes: Buffer.alloc(1 << 20) }]
  const answers: Promise<unknown>[] = []
  for (let count = 0; link.writable && count < 100; count++) {
    answers.push(new Promise((resolve, reject) => {
      link.produce(batches, 1, { answered: resolve, unanswered: reject })
    }))
  }
  t.equal(link.writable, false)
  t.equal(opened.drainedCount, 0)
  paused?.resume()
  for (const results of await Promise.all(answers)) t.same(results, [undefined])
  t.equal(opened.drainedCount, 1)
  t.ok(link.writable)
})

t.test('questions wait for the end of a pause, too', async t => {
  const cameMs: number[] = []
  const port = await serve(t, (request, reply) => {
    if (request.key !== apiVersionsKey) cameMs.push(performance.now())
    reply(request.key === apiVersionsKey ? allVersions() : emptyMetadata(cameMs.length === 1 ? 80 : 0))
  })
  const { link, opened } = open(t, port)
  await opened
  await lookUp(link)
  t.same(await lookUp(link), { brokers: [], topics: [] })
  const [firstMs = 0, secondMs = 0] = cameMs
  t.ok(secondMs - firstMs > 60)
})

t.test('a login that is not renewed ends the connection, and what waited for it is told', async t => {
  const refuse: Answer = (_request, reply) => reply(new Writer().int16(58).compactText('expired').zero().int64(0n).zero())
  for (const [renewed, cause] of [[refuse, 'credentials'], [() => {}, 'silent']] as const) {
    const { link, opened, closed } = open(t, await loginBroker(t, 50n, renewed), { sasl, connectionTimeoutMs: 200 })
    await opened
    t.ok(link.writable)
    let answer: unknown
    while (link.open && !(answer instanceof Error)) answer = await lookUp(link)
    t.equal(problemOf(await closed).cause, cause)
    t.ok(answer instanceof Error)
  }
})

t.test('a renewal whose credentials do not come is given up in time', async t => {
  let begun = 0
  const stuck: SaslMechanism = {
    name: 'TEST', begin: () => ++begun === 1 ? sasl.begin({ host: '', port: 0 }) : new Promise(() => {})
  }
  const port = await loginBroker(t, 50n, () => {})
  t.match(await open(t, port, { sasl: stuck, connectionTimeoutMs: 150 }).closed, { code: 'ETIMEDOUT', message: 'no login in time' })
  t.equal(begun, 2)
})

t.test('a login that lasts longer than timers go is not renewed at once', async t => {
  const asked: number[] = []
  const clock = { ...systemClock, after (ms: number, run: () => void) {
    asked.push(ms)
    return systemClock.after(ms, run)
  } }
  await open(t, await loginBroker(t, 1n << 52n, () => {}), { sasl, clock }).opened
  t.equal(Math.max(...asked), 2 ** 31 - 1)
})

t.test('a broker that goes silent at the TLS handshake or the login is left in time', async t => {
  const mute = await serve(t, () => {})
  t.equal(problemOf(await open(t, mute, { tls: true, connectionTimeoutMs: 100 }).closed).cause, 'silent')
  const noLogin = await serve(t, greet)
  t.equal(problemOf(await open(t, noLogin, { sasl, connectionTimeoutMs: 100 }).closed).cause, 'silent')
})

t.test('a listener that throws does not harm the connection, and its exception comes up', async t => {
  const port = await serve(t, (request, reply) => {
    if (request.key === apiVersionsKey) reply(allVersions())
    else if (request.key === 3) reply(emptyMetadata())
  })
  const script = `
    import { systemClock } from './src/kafka/clock.ts'
    import { createOpenLink } from './src/kafka/wire/link.ts'
    const said = []
    const fail = what => { said.push(what); throw new Error(what) }
    process.on('uncaughtException', error => said.push('!' + error.message))
    const openLink = createOpenLink({ sasl: undefined, tls: undefined, clientId: 'c', connectionTimeoutMs: 5000,
      requestTimeoutMs: 5000, clock: systemClock })
    const link = openLink({ host: '127.0.0.1', port: ${port} }, {
      opened () {
        link.metadata([], () => fail('first'))
        link.metadata([], () => setImmediate(end))
        fail('opened')
      },
      drained () {}, closed: () => fail('closed')
    })
    function end () {
      const listener = { answered () {}, unanswered: () => fail('unanswered') }
      for (let i = 0; i < 2; i++) link.produce([{ topic: 't', partition: 0, bytes: Buffer.from('x') }], 1, listener)
      link.close(new Error('enough'))
      setImmediate(() => console.log(said.join(' ')))
    }`
  const { stdout } = await execute(process.execPath, ['--input-type=module', '-e', script])
  t.same(stdout.trim().split(' '), ['opened', '!opened', 'first', '!first', 'unanswered', 'unanswered', 'closed',
    '!unanswered', '!unanswered', '!closed'])
})
