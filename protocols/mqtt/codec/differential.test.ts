// The codec beside another one: what we write mqtt-packet reads as we meant it, and what it writes of that we read.

import mqttPacket from 'mqtt-packet'
import t from 'tap'
import { codecLimits, encodePacket, greeting, typesAfterGreeting, validPacket } from '../../../test/support/mqtt-packets.ts'
import { Random } from '../../../test/simulation/random.ts'
import { PacketReader } from './packet-reader.ts'
import type { Packet } from './packet.ts'
import type { ProtocolVersion } from './rules.ts'

/** Of mqtt-packet's object, whose own types name what is rarely there. */
interface Foreign extends Record<string, unknown> { readonly cmd: string }
interface ForeignParser {
  on (event: string, listener: (given: Foreign | Error) => void): void
  parse (bytes: Buffer): void
}
const foreign = mqttPacket as unknown as {
  parser (options: object): ForeignParser
  generate (packet: Foreign, options: object): Buffer
}

function readByOther (bytes: Buffer, version: ProtocolVersion): Foreign | string {
  const parser = foreign.parser({ protocolVersion: version })
  const found: Foreign[] = []
  let mistake = ''
  parser.on('packet', packet => { found.push(packet as Foreign) })
  parser.on('error', error => { mistake = (error as Error).message })
  parser.parse(bytes)
  return found.length === 1 && mistake === '' ? found[0] ?? '' : mistake
}

const hex = (bytes: unknown): string | undefined => Buffer.isBuffer(bytes) ? bytes.toString('hex') : undefined

/** The same facts of a packet as each of the two names them. */
function facts (packet: Packet, other: Foreign): [ours: unknown, theirs: unknown] {
  const { type } = packet
  switch (type) {
    case 'CONNECT': return [
      [packet.clientId, packet.cleanStart, packet.keepAlive, packet.userName, hex(packet.password),
        packet.will?.topicName],
      [other.clientId, other.clean, other.keepalive, other.username ?? undefined, hex(other.password),
        (other.will as { topic: string } | undefined)?.topic]
    ]
    case 'PUBLISH': return [
      [packet.topicName, packet.qos, packet.dup, packet.retain, hex(packet.payload)],
      [String(other.topic), other.qos, other.dup, other.retain, hex(Buffer.from(other.payload as Buffer))]
    ]
    case 'SUBSCRIBE': return [
      packet.subscriptions.map(({ topicFilter, qos }) => [topicFilter, qos]),
      (other.subscriptions as { topic: string, qos: number }[]).map(({ topic, qos }) => [topic, qos])
    ]
    case 'UNSUBSCRIBE': return [packet.topicFilters, other.unsubscriptions]
    case 'PUBACK': case 'PUBREC': case 'PUBREL': case 'PUBCOMP': return [packet.packetId, other.messageId]
    case 'AUTH': case 'CONNACK': case 'DISCONNECT': case 'PINGREQ': case 'PINGRESP': case 'SUBACK': case 'UNSUBACK':
      return [type.toLowerCase(), other.cmd]
  }
}

/** What the other codec does not take although the standard has it. */
function isBeyondOther (packet: Packet): boolean {
  if (packet.type === 'CONNECT') {
    const { userName, password, clientId, cleanStart } = packet
    return (password !== undefined && userName === undefined) || (clientId === '' && !cleanStart)
  }
  return packet.type === 'DISCONNECT' && packet.reasonCode === 0x8c
}

for (const version of [4, 5] as const) {
  t.test(`500 packets of a client, version ${version}, are the same to both codecs`, async t => {
    const kind = { version, from: 'client' } as const
    let comparedCount = 0
    for (let seed = 0; seed < 500; seed++) {
      const random = new Random(seed)
      const type = random.pick(['CONNECT', ...typesAfterGreeting(kind)] as const)
      const packet = validPacket(random, type, kind)
      if (isBeyondOther(packet)) continue
      const bytes = encodePacket(packet, version)
      const other = readByOther(bytes, version)
      if (typeof other === 'string') return t.fail(`${type} of seed ${seed}: ${other}`)
      const [ours, theirs] = facts(packet, other)
      if (!t.strictSame(theirs, ours, `${type} of seed ${seed}`)) return
      const reader = new PacketReader({ from: 'client', packetBytesMax: 1 << 28, limits: codecLimits })
      if (type !== 'CONNECT') {
        reader.push(encodePacket(greeting(new Random(1), kind), version))
        reader.next()
      }
      reader.push(foreign.generate(other, { protocolVersion: version }))
      t.match(reader.next(), { type }, `${type} of seed ${seed}, written by the other`)
      comparedCount += 1
    }
    t.ok(comparedCount > 450)
  })
}
