// Tests of connections: what abuses them is cut, what ages goes, and health and reflection say what there is.

import { constants } from 'node:http2'
import type { ClientHttp2Session } from 'node:http2'
import { connect } from 'node:net'
import t from 'tap'
import { Client, credentials } from '@grpc/grpc-js'
import { service as healthService } from 'grpc-health-check'
import { refuse } from '../../src/contract/outcome.ts'
import { anonymous } from '../../test/support/fake-ingress.ts'
import { flatEvent } from '../../test/support/grpc-client.ts'
import { beginCall, framed, startGrpc } from '../../test/support/grpc-rig.ts'
import { until } from '../../test/support/rest-rig.ts'
import { fileDescriptors } from './generated/descriptors.ts'
import { PublishStreamRequest } from './generated/sluice/v1/ingest.ts'

/** Resolves with the code that a connection is ended with. */
function goneAway (session: ClientHttp2Session): Promise<number> {
  return new Promise(resolve => { session.once('goaway', resolve) })
}

t.test('a client that pings without end is cut, and others are not', async t => {
  const { session, sender, level } = await startGrpc(t, { pingsPerSecondMax: 10 })
  const noisy = session()
  const gone = goneAway(noisy)
  await new Promise(resolve => { noisy.once('connect', resolve) })
  for (let count = 0; count < 50; count++) noisy.ping(() => {})
  t.equal(await gone, constants.NGHTTP2_ENHANCE_YOUR_CALM)
  t.equal(level('connections_cut'), 1)
  t.equal((await sender.publish({ channel: 'orders/eu' })).told, 'written')
})

t.test('a client that measures its way with a ping for every answer is not cut', async t => {
  const { session, level } = await startGrpc(t, { pingsPerSecondMax: 5 })
  const client = session()
  const call = beginCall(client, 'PublishStream')
  let answersCount = 0
  const flat = flatEvent({ channel: 'orders/eu', data: Buffer.from('{}') })
  const send = (): void => {
    const id = answersCount
    call.write(framed(Buffer.from(PublishStreamRequest.encode({ id, channel: '', message: { $case: 'flat', flat } }).finish())))
  }
  call.on('data', () => {
    answersCount += 1
    client.ping(() => {})
    send()
  })
  await until(() => answersCount >= 100 || client.destroyed)
  t.equal(level('connections_cut'), 0)
  t.notOk(client.destroyed)
})

t.test('a client that begins calls and breaks them off is cut before much has begun', async t => {
  const { session, sender, ingress, level } = await startGrpc(t, { resetsPerSecondMax: 50 })
  let askedCount = 0
  ingress.authenticated = () => { askedCount += 1; return anonymous }
  const attacker = session()
  const gone = goneAway(attacker)
  await new Promise(resolve => { attacker.once('connect', resolve) })
  const flood = setInterval(() => {
    for (let count = 0; count < 20 && !attacker.destroyed; count++) beginCall(attacker, 'PublishStream').close(constants.NGHTTP2_CANCEL)
  }, 1)
  t.teardown(() => { clearInterval(flood) })
  t.equal(await gone, constants.NGHTTP2_ENHANCE_YOUR_CALM)
  clearInterval(flood)
  t.ok(askedCount <= 50, `${askedCount} were asked who they are`)
  await until(() => level('calls_in_flight') === 0)
  t.equal((await sender.publish({ channel: 'orders/eu' })).told, 'written')
})

t.test('a client that sends a message byte by byte is cut, and one that sends it in larger pieces is not', async t => {
  const { session, ingress, level } = await startGrpc(t, { fragmentsPerSecondMax: 100 })
  const attacker = session()
  const gone = goneAway(attacker)
  const large = framed(Buffer.alloc(100_000))
  const pieces = beginCall(attacker, 'PublishStream')
  pieces.write(large.subarray(0, 10))
  const drip = setInterval(() => {
    for (let at = 0; at < 10 && pieces.writable; at++) pieces.write(Buffer.alloc(1))
  }, 1)
  t.teardown(() => { clearInterval(drip) })
  t.equal(await gone, constants.NGHTTP2_ENHANCE_YOUR_CALM)
  clearInterval(drip)
  const good = beginCall(session(), 'Publish')
  const answered = new Promise(resolve => { good.once('response', resolve) })
  for (let at = 0; at < large.length; at += 200) good.write(large.subarray(at, at + 200))
  good.end()
  await answered
  t.equal(level('connections_cut'), 1)
  await until(() => ingress.reservedBytes === 0)
})

t.test('a client whose messages are larger than a frame is not cut for where its frames happen to end', async t => {
  const { session, level } = await startGrpc(t, { fragmentsPerSecondMax: 20 })
  for (const size of [65_536, 262_144, 3_000_000]) {
    const flat = flatEvent({ channel: 'orders/eu', data: Buffer.alloc(size - 40) })
    const call = beginCall(session(), 'PublishStream')
    call.resume()
    const ended = new Promise(resolve => {
      call.once('trailers', headers => { resolve(headers['grpc-status']) })
      call.once('close', () => { resolve(`reset ${call.rstCode}`) })
    })
    for (let id = 1; id <= 60_000_000 / size && !call.destroyed; id++) {
      const message = PublishStreamRequest.encode({ id, channel: '', message: { $case: 'flat', flat } }).finish()
      if (!call.write(framed(Buffer.from(message)))) {
        await Promise.race([ended, new Promise(resolve => { call.once('drain', resolve) })])
      }
    }
    call.end()
    t.equal(await ended, '0', `${size} bytes`)
  }
  t.equal(level('connections_cut'), 0)
})

t.test('a client that begins too many calls in a second is cut', async t => {
  const { session, ingress } = await startGrpc(t, { streamsPerSecondMax: 30 })
  ingress.authenticated = () => refuse('unauthenticated', 'for a test')
  const attacker = session()
  const gone = goneAway(attacker)
  for (let count = 0; count < 100; count++) beginCall(attacker, 'Publish')
  t.equal(await gone, constants.NGHTTP2_ENHANCE_YOUR_CALM)
  t.ok(ingress.refusals.length <= 60, `${ingress.refusals.length} calls were served`)
})

t.test('a connection has so many calls open and no more', async t => {
  const { session, level } = await startGrpc(t, { streamsPerConnectionMax: 5 })
  const client = session()
  await new Promise(resolve => { client.once('remoteSettings', resolve) })
  for (let count = 0; count < 20; count++) beginCall(client, 'PublishStream')
  await until(() => level('streams_open') === 5)
  t.equal(client.remoteSettings.maxConcurrentStreams, 5)
})

t.test('bytes of no known shape end their connection and nothing else', async t => {
  const { session, sender, level } = await startGrpc(t)
  const stream = session().request({ ':method': 'POST', ':path': '/sluice.v1.Ingest/Publish', 'content-type': 'text/plain' })
  t.equal(await new Promise(resolve => { stream.once('response', headers => { resolve(headers[':status']) }) }), 415)
  const unknown = beginCall(session(), 'Nothing' as 'Publish')
  t.equal(await new Promise(resolve => { unknown.once('response', headers => { resolve(headers['grpc-status']) }) }), '12')
  const lying = beginCall(session(), 'Publish')
  lying.end(framed(Buffer.from('not compressed'), true))
  await until(() => lying.destroyed || lying.closed || level('calls_in_flight') === 0)
  t.equal((await sender.publish({ channel: 'orders/eu' })).told, 'written')
  await until(() => level('reserved_bytes') === 0)
})

t.test('an old connection is told to go, and what it has begun is finished', async t => {
  const { sender, session } = await startGrpc(t, { connectionAgeMs: 300 })
  const gone = goneAway(session())
  const stream = sender.stream()
  stream.send(1, { channel: 'orders/eu' })
  t.equal(await gone, constants.NGHTTP2_NO_ERROR)
  stream.send(2, { channel: 'orders/eu' })
  stream.end()
  t.equal((await stream.ended).code, 0)
  t.equal(stream.acked, 2)
})

t.test('a stream that stays on an old connection is ended, and not cut', async t => {
  const { sender, ingress, level } = await startGrpc(t, { connectionAgeMs: 100, connectionAgeGraceMs: 600 })
  const stream = sender.stream()
  for (let id = 1; id <= 20; id++) stream.send(id, { channel: 'orders/eu' })
  t.match(await stream.ended, { code: 14, told: 'shutting-down', detail: /age/ })
  t.equal(stream.acked, 20)
  t.same(ingress.refusals, [])
  await until(() => level('connections_open') === 0)
})

t.test('a connection without a call is not kept', async t => {
  const { session } = await startGrpc(t, { connectionIdleMs: 150 })
  t.equal(await goneAway(session()), constants.NGHTTP2_NO_ERROR)
})

t.test('a connection with a call is kept, however long that is silent', async t => {
  const { sender, level } = await startGrpc(t, { connectionIdleMs: 100 })
  const stream = sender.stream()
  stream.send(1, { channel: 'orders/eu' })
  const startMs = performance.now()
  await until(() => performance.now() - startMs > 400)
  t.equal(level('connections_open'), 1)
  stream.end()
  t.equal((await stream.ended).code, 0)
  await until(() => level('connections_open') === 0)
})

t.test('headers that never end are no call', async t => {
  const { port, level } = await startGrpc(t, { connectionIdleMs: 100 })
  const socket = connect(port, '127.0.0.1').on('error', () => {}).resume()
  t.teardown(() => socket.destroy())
  // SETTINGS, then HEADERS without END_HEADERS (RFC 9113 6.2), of which one byte has come.
  socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
  socket.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0x83]))
  await until(() => level('connections_open') === 1)
  await until(() => level('connections_open') === 0)
})

interface Health { readonly status: string }

t.test('health is told by service, and changes when the gateway begins to stop', async t => {
  const { port, ingress, adapter } = await startGrpc(t)
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure())
  t.teardown(() => { client.close() })
  const { Check: check, Watch: watch } = healthService as unknown as Record<'Check' | 'Watch', {
    requestSerialize (value: object): Buffer, responseDeserialize (bytes: Buffer): Health
  }>
  const ask = (service: string): Promise<string> => new Promise(resolve => {
    client.makeUnaryRequest('/grpc.health.v1.Health/Check', check.requestSerialize, check.responseDeserialize, { service },
      (error, answer) => { resolve(error === null ? answer?.status ?? '' : String(error.code)) })
  })
  t.same([await ask(''), await ask('sluice.v1.Ingest'), await ask('other')], ['SERVING', 'SERVING', '5'])
  const heard: string[] = []
  const watching = client.makeServerStreamRequest(
    '/grpc.health.v1.Health/Watch', watch.requestSerialize, watch.responseDeserialize, { service: 'sluice.v1.Ingest' }
  )
  watching.on('data', ({ status }: Health) => { heard.push(status) })
  watching.on('error', () => {})
  await until(() => heard.length === 1)
  ingress.draining.set(true)
  await until(() => heard.length === 2)
  t.same(heard, ['SERVING', 'NOT_SERVING'])
  const ended = new Promise(resolve => { watching.once('close', resolve) })
  await adapter.drain()
  await ended
})

t.test('reflection tells of the service where it is asked for, and else is not there', async t => {
  const list = (port: number): Promise<string> => new Promise(resolve => {
    const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure())
    t.teardown(() => { client.close() })
    const call = client.makeBidiStreamRequest(
      '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo', (bytes: Buffer) => bytes, (bytes: Buffer) => bytes
    )
    call.on('data', (bytes: Buffer) => {
      resolve(bytes.toString('latin1'))
      call.end()
    })
    call.on('error', (error: { code?: number }) => { resolve(String(error.code)) })
    // list_services: "*"
    call.write(Buffer.from([0x3a, 1, 0x2a]))
  })
  const open = await startGrpc(t, { reflection: true })
  t.match(await list(open.port), /sluice\.v1\.Ingest[^]*grpc\.health\.v1\.Health/)
  t.equal(await list((await startGrpc(t)).port), '12')
  t.ok(fileDescriptors.length > 1)
})
