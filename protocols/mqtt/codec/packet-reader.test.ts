// Tests of the packet reader: the same packets wherever chunks are cut, nothing held too long, nothing thrown ever.

import { deepStrictEqual } from 'node:assert/strict'
import t from 'tap'
import fc from 'fast-check'
import { codecLimits, encodePacket, fuzzCase, headerRules, validConversation } from '../../../test/support/mqtt-packets.ts'
import type { PacketKind } from '../../../test/support/mqtt-packets.ts'
import { body } from '../../../test/support/mqtt-bytes.ts'
import { Random } from '../../../test/simulation/random.ts'
import type { Packet } from './packet.ts'
import { PacketReader } from './packet-reader.ts'
import type { Violation } from './violation.ts'

const kinds: readonly PacketKind[] = [
  { version: 4, from: 'client' }, { version: 5, from: 'client' },
  { version: 4, from: 'server' }, { version: 5, from: 'server' }
]
const seeds = fc.integer()

function readerOf ({ from, version }: PacketKind, packetBytesMax = 1_048_576): PacketReader {
  return new PacketReader({ from, packetBytesMax, limits: codecLimits, ...(from === 'server' ? { version } : {}) })
}

/** Everything that comes out, up to and with a violation. */
function take (reader: PacketReader): (Packet | Violation)[] {
  const taken: (Packet | Violation)[] = []
  for (let one = reader.next(); one !== undefined; one = reader.next()) {
    taken.push(one)
    if (one.type === 'violation') break
  }
  return taken
}

function bytesOf (packets: readonly Packet[], { version }: PacketKind): Buffer {
  return Buffer.concat(packets.map(packet => encodePacket(packet, version)))
}

const connect = Buffer.from('101000044d51545404020000000464657631', 'hex')
const pingreq = Buffer.from('c000', 'hex')

for (const kind of kinds) {
  const title = `${kind.from}, ${kind.version === 4 ? '3.1.1' : '5'}`

  t.test(`${title}: what is written is what is read`, async t => {
    fc.assert(fc.property(seeds, seed => {
      const packets = validConversation(new Random(seed), kind, 12)
      const reader = readerOf(kind)
      reader.push(bytesOf(packets, kind))
      deepStrictEqual(take(reader), packets)
      deepStrictEqual([reader.heldBytes, reader.announcedBytes], [0, 0])
    }), { numRuns: 300 })
    t.pass()
  })

  t.test(`${title}: every place to cut two conversations in two gives the same packets`, async t => {
    for (const seed of [1, 2]) {
      const packets = validConversation(new Random(seed), kind, 6)
      const bytes = bytesOf(packets, kind)
      for (let cut = 0; cut <= bytes.length; cut++) {
        const reader = readerOf(kind)
        reader.push(bytes.subarray(0, cut))
        const first = take(reader)
        reader.push(bytes.subarray(cut))
        deepStrictEqual([...first, ...take(reader)], packets)
      }
    }
    t.pass()
  })

  t.test(`${title}: one byte at a time, or many chunks at once, give the same packets [MQTT-6.0.0-2]`, async t => {
    fc.assert(fc.property(seeds, fc.array(fc.nat(400), { maxLength: 20 }), (seed, cuts) => {
      const packets = validConversation(new Random(seed), kind, 8)
      const bytes = bytesOf(packets, kind)
      const single = readerOf(kind)
      const read: (Packet | Violation)[] = []
      for (const octet of bytes) {
        single.push(Buffer.from([octet]))
        read.push(...take(single))
      }
      deepStrictEqual(read, packets)
      const places = [0, ...cuts.map(cut => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length]
      const waiting = readerOf(kind)
      places.slice(1).forEach((end, index) => { waiting.push(bytes.subarray(places[index], end)) })
      deepStrictEqual(take(waiting), packets)
    }), { numRuns: 60 })
    t.pass()
  })

  t.test(`${title}: mutated packets end in a violation or are packets, the same again when written again`, async t => {
    const count = { cases: 3_000, packets: 0, violations: 0, pastHeader: 0 }
    const random = new Random(7)
    for (let times = 0; times < count.cases; times++) {
      const { greeting, bytes } = fuzzCase(random, kind)
      const reader = readerOf(kind)
      reader.push(greeting)
      if (greeting.length > 0) take(reader)
      reader.push(bytes)
      const answers = take(reader)
      const last = answers.at(-1)
      if (last?.type === 'violation') {
        count.violations++
        deepStrictEqual([reader.heldBytes, reader.next()], [0, last])
      }
      if (last?.type !== 'violation' || !headerRules.has(last.rule)) count.pastHeader++
      for (const one of answers) {
        if (one.type === 'violation') continue
        count.packets++
        const again = readerOf(kind)
        again.push(greeting)
        take(again)
        again.push(encodePacket(one, kind.version))
        deepStrictEqual(again.next(), one, bytes.toString('hex'))
      }
    }
    t.ok(count.violations > 1_000 && count.packets > 300, JSON.stringify(count))
    t.ok(count.pastHeader > count.cases / 3, 'a third and more of them past the fixed header')
  })
}

t.test('any bytes end in a violation or are not complete, and never throw', async t => {
  const violated = new Set<string>()
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, greeted) => {
    const reader = readerOf({ from: 'client', version: 5 })
    if (greeted) reader.push(connect)
    reader.push(Buffer.from(bytes))
    const last = take(reader).at(-1)
    if (last?.type === 'violation') {
      violated.add(last.rule)
      deepStrictEqual(reader.next(), last)
      reader.push(pingreq)
      deepStrictEqual([reader.next(), reader.heldBytes], [last, 0])
    }
  }), { numRuns: 5_000 })
  t.ok(violated.has('first-packet') && violated.has('packet-type'), [...violated].join(' '))
})

t.test('the payload of a packet that came whole is a view of its chunk, that of another one a copy', async t => {
  const publish = Buffer.from('300700016170617961', 'hex')
  const reader = readerOf({ from: 'client', version: 4 })
  const chunk = Buffer.concat([connect, publish])
  reader.push(chunk)
  const [, whole] = take(reader)
  t.equal(whole?.type === 'PUBLISH' && whole.payload.buffer === chunk.buffer, true)
  reader.push(publish.subarray(0, 5))
  t.equal(reader.next(), undefined)
  t.equal(reader.announcedBytes, publish.length)
  reader.push(publish.subarray(5))
  const cut = reader.next()
  t.equal(cut?.type === 'PUBLISH' && cut.payload.toString(), 'paya')
  t.equal(cut?.type === 'PUBLISH' && cut.payload.buffer !== publish.buffer, true)
})

t.test('a packet above the maximum packet size is refused from its fixed header alone [MQTT-3.2.2-15]', async t => {
  const cases = [[64, 62, false], [64, 63, true], [1_000, 998, true], [1_000, 997, false]] as const
  for (const [bytesMax, remaining, isRefused] of cases) {
    const header = remaining < 128 ? [0x30, remaining] : [0x30, remaining & 0x7f | 0x80, remaining >> 7]
    const limited = readerOf({ from: 'client', version: 5 }, bytesMax)
    limited.push(Buffer.concat([connect, Buffer.from(header)]))
    t.equal(limited.next()?.type, 'CONNECT')
    const answer = limited.next()
    t.match(answer, isRefused ? { rule: 'packet-too-large', reasonCode: 0x95, clause: 'section 2.2.3' } : undefined)
    t.equal(limited.heldBytes, 0, 'nothing of it is held')
  }
  const unauthenticated = readerOf({ from: 'client', version: 5 }, 16_384)
  unauthenticated.push(Buffer.from('10ffffff7f', 'hex'))
  t.equal(unauthenticated.next(), undefined, 'a CONNECT is read until its sender has told what it speaks')
  unauthenticated.push(Buffer.concat([body('MQTT', 5, 2, 0), Buffer.alloc(1_000)]))
  t.match(unauthenticated.next(), { rule: 'packet-too-large', reasonCode: 0x95, clause: 'MQTT-3.2.2-15' })
})

t.test('the maximum packet size may be raised between packets, for instance once a sender is known', async t => {
  const reader = readerOf({ from: 'client', version: 4 }, 20)
  reader.push(connect)
  t.equal(reader.next()?.type, 'CONNECT')
  reader.packetBytesMax = 1_000
  reader.push(Buffer.concat([Buffer.from([0x30, 103, 0, 1, 0x61]), Buffer.alloc(100)]))
  t.match(reader.next(), { type: 'PUBLISH', topicName: 'a' })
})

t.test('announcing a large packet takes memory only as its bytes come', async t => {
  const reader = readerOf({ from: 'client', version: 4 })
  reader.push(Buffer.concat([connect, Buffer.from([0x30, 0x80, 0x80, 0x20])]))
  take(reader)
  t.equal(reader.announcedBytes, 524_292)
  t.equal(reader.heldBytes, 0)
  const body = Buffer.alloc(524_288)
  body[1] = 1
  body[2] = 0x61
  const sizes = new Set<number>()
  for (let at = 0; at < body.length; at += 4_096) {
    reader.push(body.subarray(at, at + 4_096))
    const packet = reader.next()
    sizes.add(reader.heldBytes)
    if (packet !== undefined) t.match(packet, { type: 'PUBLISH', topicName: 'a' })
    else if (reader.heldBytes > Math.max(16_384, 2 * (at + 4_096))) t.fail(`${reader.heldBytes} are held after ${at}`)
  }
  t.equal(reader.heldBytes, 0)
  t.ok(sizes.size <= 7, 'it doubles: what came is not copied again for every chunk')
})

t.test('a reader that is not asked holds what came and goes on where it stopped', async t => {
  const reader = readerOf({ from: 'client', version: 4 })
  reader.push(connect)
  reader.push(Buffer.concat([pingreq, pingreq]))
  reader.push(pingreq)
  t.equal(reader.heldBytes, connect.length + 6)
  t.equal(reader.next()?.type, 'CONNECT')
  t.equal(reader.next()?.type, 'PINGREQ')
  reader.push(Buffer.from([0xc0]))
  t.same(take(reader).map(({ type }) => type), ['PINGREQ', 'PINGREQ'])
  reader.push(Buffer.from([0x00]))
  t.same(take(reader), [{ type: 'PINGREQ' }])
  t.equal(reader.next(), undefined)
})
