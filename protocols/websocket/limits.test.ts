// What one connection may not do: hold more than the node has, stand still, flood, stay silent, not read.

import { deflateRawSync } from 'node:zlib'
import t from 'tap'
import fc from 'fast-check'
import { refuse } from '../../src/contract/outcome.ts'
import { receiptOf } from '../../test/support/fake-ingress.ts'
import { until } from '../../test/support/rest-rig.ts'
import { clientFrame, startWebsocket } from '../../test/support/websocket-rig.ts'

/** A client's frame with a mask of zeros. */
function frame (opcode: number, payload: Buffer | string, fin = true): Buffer {
  return clientFrame(opcode | (fin ? 0x80 : 0), payload)
}
const text = 1
const ping = 9
const full = refuse('overloaded', 'no room', { retryAfterMs: 1_000 })
const event = (id: number, data = '1'): string => `{"type":"event","id":${id},"channel":"a","data":${data}}`

t.test('bytes are taken from the budget as they come, also those of a message that is not whole', async t => {
  const rig = await startWebsocket(t)
  const socket = await rig.raw()
  const whole = frame(text, event(1, `"${'x'.repeat(1_000)}"`))
  for (const at of [1, 3, 500]) {
    const before = rig.ingress.reservedBytes
    socket.write(whole.subarray(before, at))
    await until(() => rig.ingress.reservedBytes === at)
  }
  socket.destroy()
  await until(() => rig.gauge('connections_open') === 0)
  t.equal(rig.ingress.reservedBytes, 0)
})

t.test('whatever the pieces, what is held afterwards is nothing, or the message that is not whole', async t => {
  const rig = await startWebsocket(t, { config: { controlFramesPerSecondMax: 10_000 } })
  const sizesOfMessages = fc.array(fc.nat({ max: 200 }), { minLength: 1, maxLength: 8 })
  await fc.assert(fc.asyncProperty(sizesOfMessages, fc.nat({ max: 5 }), async (sizes, cut) => {
    const socket = await rig.raw()
    const frames = sizes.flatMap((size, at) => {
      const body = event(at + 1, `"${'y'.repeat(size)}"`)
      const half = Math.floor(body.length / 2)
      return size % 3 === 0
        ? [frame(text, body)]
        : [frame(text, body.slice(0, half), false), frame(ping, 'p'), frame(0, body.slice(half))]
    })
    const bytes = Buffer.concat([...frames, frame(text, 'half').subarray(0, cut)])
    const before = rig.ingress.envelopes.length
    for (let at = 0; at < bytes.length; at += 37) {
      socket.write(bytes.subarray(at, at + 37))
      if (at % 5 === 0) await new Promise(resolve => { setImmediate(resolve) })
    }
    await until(() => rig.ingress.envelopes.length === before + sizes.length && rig.ingress.reservedBytes === cut)
    socket.destroy()
    await until(() => rig.gauge('connections_open') === 0)
    return rig.ingress.reservedBytes === 0
  }), { numRuns: 20 })
})

t.test('where the budget refuses, what came is nacked, reading stops, and goes on when there is room', async t => {
  const rig = await startWebsocket(t)
  const client = await rig.connect()
  rig.ingress.pressure.set(true)
  rig.ingress.reservation = () => full
  client.event(1)
  await client.until(({ acked }) => acked === 1)
  t.same(client.nacks, ['1 overloaded'])
  t.match(rig.ingress.refusals[0], { refusal: { code: 'overloaded' }, arrival: { channel: 'orders/eu' } })
  t.equal(rig.gauge('connections_not_read'), 1)
  client.event(2)
  rig.ingress.reservation = undefined
  rig.ingress.pressure.set(false)
  await client.until(({ acked }) => acked === 2)
  t.same(client.nacks, ['1 overloaded'])
  t.equal(rig.ingress.reservedBytes, 0)
})

t.test('half a message that found no room is paid for before more of it is read', async t => {
  const rig = await startWebsocket(t)
  const socket = await rig.raw()
  const whole = frame(text, event(1, `"${'x'.repeat(500)}"`))
  rig.ingress.pressure.set(true)
  rig.ingress.reservation = () => full
  socket.write(whole.subarray(0, 200))
  await until(() => rig.gauge('connections_not_read') === 1)
  socket.write(whole.subarray(200))
  t.equal(rig.ingress.reservedBytes, 0)
  rig.ingress.reservation = undefined
  rig.ingress.pressure.set(false)
  await until(() => rig.ingress.envelopes.length === 1)
  t.equal(rig.ingress.reservedBytesPeak, whole.length)
})

t.test('a message of very many events is refused in turns where there is no room, and never read unpaid', async t => {
  const rig = await startWebsocket(t, { config: { windowEventsMax: 100 } })
  const client = await rig.connect()
  const numbers = Array.from({ length: 5_000 }, (_, at) => at)
  const records = Buffer.from(numbers.flatMap(at => [0x11, (at & 0x7f) | 0x80, at >> 7, 1, 0x61, 0]))
  rig.ingress.pressure.set(true)
  rig.ingress.reservation = () => full
  client.send(records)
  await client.until(({ nacks }) => nacks.length > 0)
  t.equal(rig.ingress.envelopes.length, 0)
  t.ok(client.nacks.length <= 100, `${client.nacks.length}`)
  rig.ingress.reservation = undefined
  rig.ingress.pressure.set(false)
  await client.until(({ acked }) => acked === 4_999)
  t.equal(client.nacks.length + rig.ingress.envelopes.length, 5_000)
  t.equal(rig.ingress.reservedBytes, 0)
})

/** An event of a channel that was never declared. */
const undeclared = (id: number): number[] => [0x10, (id & 0x7f) | 0x80, (id >> 7 & 0x7f) | 0x80, id >> 14, 7, 0]
/** So many of them in one message, from 0 on. */
const flood = (count: number): Buffer => Buffer.from(Array.from({ length: count }, (_, id) => undeclared(id)).flat())

t.test('what is refused is told in small parts, however much of it came at once, and others come between', async t => {
  const rig = await startWebsocket(t)
  const client = await rig.connect()
  const other = await rig.connect()
  let seen = 0
  let most = 0
  const look = (): void => {
    most = Math.max(most, rig.ingress.refusals.length - seen)
    seen = rig.ingress.refusals.length
    next = setImmediate(look)
  }
  let next = setImmediate(look)
  t.teardown(() => { clearImmediate(next) })
  client.send(flood(8_000))
  await client.until(({ nacks }) => nacks.length > 0)
  other.event(1)
  await other.until(({ acked }) => acked === 1)
  t.ok(client.nacks.length < 8_000, `${client.nacks.length} by then`)
  await client.until(({ acked }) => acked === 7_999)
  t.equal(client.nacks.length, 8_000)
  // Of what was read, and of what waited.
  t.ok(most <= 512, `${most} in a turn`)
})

t.test('connections that have much to be refused take turns', async t => {
  const rig = await startWebsocket(t)
  const clients = await Promise.all(Array.from({ length: 20 }, () => rig.connect()))
  for (const client of clients) client.send(flood(4_000))
  await Promise.race(clients.map(client => client.until(({ nacks }) => nacks.length >= 2_000)))
  const counts = clients.map(({ nacks }) => nacks.length)
  t.ok(Math.min(...counts) > 500, `${Math.min(...counts)} to ${Math.max(...counts)}`)
  t.ok(rig.gauge('connections_in_line') > 0)
  for (const client of clients) await client.until(({ acked }) => acked === 3_999)
  t.equal(rig.gauge('connections_in_line'), 0)
})

t.test('who of many has nothing but refusals for long is told to come back later, and who has more is kept', async t => {
  const rig = await startWebsocket(t, { config: { overloadTimeoutMs: 100 } })
  const clients = await Promise.all(Array.from({ length: 30 }, () => rig.connect()))
  const mixed = await rig.connect()
  for (const client of clients) client.send(flood(30_000))
  let isOver = false
  void Promise.race(clients.map(client => client.closed())).then(() => { isOver = true })
  for (let id = 1; !isOver; id += 2) {
    mixed.event(id)
    mixed.send(Buffer.from(undeclared(id + 1)))
    await mixed.until(({ acked }) => acked === id + 1)
  }
  // On a slow machine it may be all of them by now.
  t.same([...new Set(clients.map(({ closeCode }) => closeCode))].filter(code => code !== 0), [1013])
  t.equal(mixed.closeCode, 0)
})

t.test('whoever goes on sending after the end is cut off', async t => {
  const rig = await startWebsocket(t)
  const socket = await rig.raw()
  const more = setInterval(() => { socket.write(Buffer.alloc(16_384, 0)) }, 1)
  t.teardown(() => { clearInterval(more) })
  socket.write(frame(text, 'nonsense'))
  const startMs = performance.now()
  await until(() => rig.gauge('connections_open') === 0)
  t.ok(performance.now() - startMs < 1_900, 'sooner than the answer to a close is waited for')
})

t.test('a connection for which there is no room for long is told to come back later', async t => {
  const rig = await startWebsocket(t, { config: { overloadTimeoutMs: 50 } })
  const client = await rig.connect()
  rig.ingress.pressure.set(true)
  rig.ingress.reservation = () => full
  client.event(1)
  await client.closed()
  t.same([client.nacks, client.closeCode], [['1 overloaded'], 1013])
})

t.test('what is read without room is bounded over all connections, and given up by whoever reads more', async t => {
  const rig = await startWebsocket(t, { config: { unpaidBytesMax: 65_536 } })
  rig.ingress.reservation = () => full
  // The beginning of a message.
  const part = frame(text, Buffer.alloc(100_000)).subarray(0, 40_000)
  const sockets = [await rig.raw(), await rig.raw(), await rig.raw()]
  for (const socket of sockets.slice(0, 2)) socket.write(part)
  await until(() => rig.gauge('connections_open') === 2)
  t.equal(rig.gauge('unpaid_bytes'), part.length, 'of the one that is left')
  rig.ingress.reservation = undefined
  sockets[2]?.write(part)
  await until(() => rig.gauge('unpaid_bytes') === 0)
  t.equal(rig.gauge('connections_open'), 2, 'nobody is closed who has room')
})

t.test('who has waited for room goes on as soon as there is some, whatever others need', async t => {
  const rig = await startWebsocket(t)
  const client = await rig.connect()
  rig.ingress.pressure.set(true)
  rig.ingress.reservation = () => full
  client.socket.send('{"type":"event","id":1,"channel":"orders/eu",', { fin: false })
  await until(() => rig.gauge('connections_not_read') === 1)
  rig.ingress.reservation = undefined
  client.socket.send('"data":1}', { fin: true })
  await client.until(({ acked }) => acked === 1)
  t.ok(rig.ingress.pressure.on)
})

t.test('a flood of pings ends the connection, a few do not', async t => {
  const rig = await startWebsocket(t)
  const client = await rig.connect()
  for (let count = 0; count < 20; count++) client.socket.ping()
  client.event(1)
  await client.until(({ acked }) => acked === 1)
  let pongsCount = 0
  client.socket.on('pong', () => { pongsCount += 1 })
  for (let count = 0; count < 200; count++) client.socket.ping()
  await client.closed()
  t.equal(client.closeCode, 1008)
  t.ok(pongsCount <= 41, `${pongsCount} were answered`)
})

t.test('tiny pieces of a message end the connection, a few do not, nor do many that are larger', async t => {
  const rig = await startWebsocket(t)
  const pieced = async (count: number, bytes: number): Promise<Awaited<ReturnType<typeof rig.connect>>> => {
    const client = await rig.connect()
    for (let at = 0; at < count; at++) client.socket.send(' '.repeat(bytes), { fin: false })
    client.socket.send(event(1, '1'))
    return client
  }
  for (const [count, bytes] of [[100, 1], [900, 64]] as const) {
    await (await pieced(count, bytes)).until(({ acked }) => acked === 1)
  }
  const flooder = await pieced(101, 1)
  await flooder.closed()
  t.equal(flooder.closeCode, 1008)
  t.equal(rig.ingress.envelopes.length, 2)
})

t.test('a message in very many pieces ends the connection', async t => {
  const rig = await startWebsocket(t, { config: { fragmentsPerSecondMax: 1_000_000 } })
  const socket = await rig.raw()
  const pieces = Array.from({ length: 2_000 }, (_, at) => frame(at === 0 ? text : 0, 'x', false))
  socket.write(Buffer.concat(pieces))
  await until(() => rig.gauge('connections_open') === 0)
  t.equal(rig.ingress.reservedBytes, 0)
  t.match(rig.ingress.refusals.map(({ refusal }) => refusal.code), ['malformed'])
})

t.test('a message that does not end, and a connection that says nothing, end in time', async t => {
  const rig = await startWebsocket(t, { config: { messageTimeoutMs: 50, idleTimeoutMs: 60_000 } })
  const client = await rig.connect()
  client.socket.send('{', { fin: false })
  await client.closed()
  t.equal(client.closeCode, 1008)
  const quiet = await startWebsocket(t, { config: { idleTimeoutMs: 50 } })
  const other = await quiet.connect()
  await other.closed()
  t.equal(other.closeCode, 1000)
})

t.test('a peer that gives no sign of life is cut off, one that answers is not', async t => {
  const rig = await startWebsocket(t, { config: { pingIntervalMs: 50, pongTimeoutMs: 50 } })
  const live = await rig.connect()
  let pings = 0
  live.socket.on('ping', () => { pings += 1 })
  const dead = await rig.connect({ autoPong: false })
  await dead.closed()
  t.equal(dead.closeCode, 1006)
  await until(() => pings > 2)
  t.equal(live.closeCode, 0)
})

t.test('a connection that is not read owes no sign of life', async t => {
  const rig = await startWebsocket(t, { config: { pingIntervalMs: 50, pongTimeoutMs: 50, windowEventsMax: 1 } })
  rig.ingress.outcomeOf = () => undefined
  const client = await rig.connect({ autoPong: false })
  client.event(1)
  await until(() => rig.gauge('connections_not_read') === 1)
  const other = await rig.connect({ autoPong: false })
  await other.closed()
  t.equal(client.closeCode, 0)
})

t.test('a peer that does not read what it is told is not read, and cut off in time', async t => {
  const rig = await startWebsocket(t, { config: { outBytesMax: 2_000_000, writeTimeoutMs: 200, windowEventsMax: 10 } })
  rig.ingress.outcomeOf = (envelope, index) => ({ ...receiptOf(envelope, index), id: 'x'.repeat(20_000) })
  const socket = await rig.raw()
  socket.pause()
  socket.write(frame(text, '{"type":"open","receipts":true}'))
  let id = 0
  const more = setInterval(() => {
    for (let count = 0; count < 10; count++) socket.write(frame(text, event(++id)))
  }, 1)
  t.teardown(() => { clearInterval(more) })
  await until(() => rig.gauge('connections_not_read') === 1)
  t.ok(rig.gauge('unsent_bytes') <= 1_500_000, `${rig.gauge('unsent_bytes')}`)
  await until(() => rig.gauge('connections_open') === 0)
  clearInterval(more)
  t.equal(rig.ingress.reservedBytes, 0)
})

t.test('what all leave unread is bounded: those with more than their share are cut, the others go on', async t => {
  const config = { unreadBytesMax: 500_000, outBytesMax: 20_000_000, windowEventsMax: 10 }
  const rig = await startWebsocket(t, { config })
  rig.ingress.outcomeOf = (envelope, index) => ({ ...receiptOf(envelope, index), id: 'x'.repeat(20_000) })
  const reader = await rig.connect()
  const deaf = await rig.raw()
  deaf.pause()
  deaf.write(frame(text, '{"type":"open","receipts":true}'))
  let id = 0
  const more = setInterval(() => {
    for (let count = 0; count < 10; count++) deaf.write(frame(text, event(++id)))
    reader.event(id)
  }, 1)
  t.teardown(() => { clearInterval(more) })
  await until(() => rig.gauge('connections_open') === 1)
  const seen = id
  await reader.until(({ acked }) => acked > seen)
  t.equal(reader.closeCode, 0)
  t.ok(rig.gauge('unsent_bytes') <= 500_000)
})

t.test('frames that no client may send end the connection', async t => {
  const broken = [
    Buffer.from([0x81, 0x01, 0x78]), Buffer.from([0xc1, 0x80, 0, 0, 0, 0]), Buffer.from([0x83, 0x80, 0, 0, 0, 0]),
    frame(ping, 'x', false), frame(text, Buffer.from([0xff])), frame(0, 'x')
  ]
  for (const bytes of broken) {
    const rig = await startWebsocket(t)
    const socket = await rig.raw()
    const told: Buffer[] = []
    socket.on('data', (chunk: Buffer) => { told.push(chunk) })
    socket.write(bytes)
    await until(() => told.length > 0)
    t.match(Buffer.concat(told).readUInt16BE(2), bytes[6] === 0xff ? 1007 : 1002)
    socket.destroy()
    await until(() => rig.gauge('connections_open') === 0)
    t.equal(rig.ingress.reservedBytes, 0)
  }
})

t.test('compression is off unless it is asked for; then what is inflated counts, and is bounded', async t => {
  const plain = await startWebsocket(t)
  t.equal((await plain.connect({ perMessageDeflate: true })).socket.extensions, '')
  const rig = await startWebsocket(t, { config: { compression: true, messageBytesMax: 100_000 } })
  const client = await rig.connect({ perMessageDeflate: { threshold: 0 } })
  t.match(client.socket.extensions, /permessage-deflate/)
  client.event(1, 'x'.repeat(50_000))
  await client.until(({ acked }) => acked === 1)
  t.ok(rig.ingress.reservedBytesPeak >= 50_000)
  rig.ingress.reservation = bytes => bytes > 1_000 ? full : undefined
  client.event(2, 'x'.repeat(50_000))
  await client.until(({ acked }) => acked === 2)
  t.same(client.nacks, ['2 overloaded'])
  client.event(3, 'x'.repeat(200_000))
  await client.closed()
  t.equal(client.closeCode, 1009)
  t.equal(rig.ingress.reservedBytes, 0)
  t.ok(deflateRawSync(Buffer.alloc(200_000)).length < 1_000)
})

t.test('connections beyond those that may be compressed are served without', async t => {
  const rig = await startWebsocket(t, { config: { compression: true, compressedConnectionsMax: 1 } })
  const first = await rig.connect({ perMessageDeflate: true })
  const second = await rig.connect({ perMessageDeflate: true })
  t.match(first.socket.extensions, /permessage-deflate/)
  t.equal(second.socket.extensions, '')
  t.equal(rig.gauge('connections_compressed'), 1)
  second.event(0)
  await second.until(({ acked }) => acked === 0)
  first.socket.close()
  await until(() => rig.gauge('connections_compressed') === 0)
  const third = await rig.connect({ perMessageDeflate: true })
  t.match(third.socket.extensions, /permessage-deflate/)
})
