// Fuzzes the door behind a CONNECT: whatever comes, nothing is held at the end, and a good client is served.

import t from 'tap'
import { receiptOf } from '../../test/support/fake-ingress.ts'
import { connectPacket, publishPacket } from '../../test/support/mqtt-client.ts'
import { encodePacket, mutate, typesAfterGreeting, validPacket } from '../../test/support/mqtt-packets.ts'
import { eventually, startMqtt } from '../../test/support/mqtt-rig.ts'
import { Random } from '../../test/simulation/random.ts'
import type { PublishPacket, Qos } from './codec/packet.ts'
import { refuse } from '../../src/contract/outcome.ts'

const connectionsCount = 300
const outcomes = ['forbidden', 'no-route', 'overloaded', 'internal', 'unauthenticated'] as const

function message (random: Random): PublishPacket {
  const qos = random.below(3) as Qos
  const payload = Buffer.alloc(random.below(2_000))
  return publishPacket({ qos, packetId: qos === 0 ? 0 : random.between(1, 3), payload })
}

for (const version of [4, 5] as const) {
  t.test(`version ${version}: packets that are right, wrong or cut, with any outcome, leave nothing behind`, async t => {
    const random = new Random(version)
    const { open, ingress, gauge, connect } = await startMqtt(t, { config: { inFlightMax: 3, pausedBytesMax: 500 } })
    ingress.outcomeOf = (envelope, index) => {
      if (random.chance(0.5)) return receiptOf(envelope, index)
      return random.chance(0.3) ? undefined : refuse(random.pick(outcomes), 'for a test')
    }
    const types = typesAfterGreeting({ version, from: 'client' })
    for (let count = 0; count < connectionsCount; count++) {
      const client = open(version)
      const packets = Array.from({ length: random.between(1, 10) }, () => {
        const good = random.chance(0.7)
        const packet = good ? message(random) : validPacket(random, random.pick(types), { version, from: 'client' })
        const bytes = encodePacket(packet, version)
        return random.chance(0.1) ? mutate(random, bytes) : bytes
      })
      const bytes = Buffer.concat([encodePacket(connectPacket({ version }), version), ...packets])
      const cut = random.below(bytes.length)
      client.stream.write(bytes.subarray(0, cut))
      if (random.chance(0.8)) client.stream.end(bytes.subarray(cut))
      else client.stream.destroy()
      if (count % 20 === 0) await client.ended()
    }
    // Those that were cut at once may not have been accepted yet: the server takes them in their order.
    await (await connect({ version })).client.next('CONNACK')
    await eventually(() => gauge('clients_connected') === 1, 'the end of all other connections')
    for (const { envelope, settle } of ingress.pending.splice(0)) settle(receiptOf(envelope, 0))
    ingress.outcomeOf = receiptOf
    await eventually(() => ingress.reservedBytes + ingress.preAuthBytes === 0, 'the end of all messages')
    t.same([gauge('messages_in_flight'), gauge('paused_bytes'), gauge('reserved_bytes')], [0, 0, 0])
    t.equal(gauge('wills_held'), 0)
    t.ok(ingress.envelopes.length > 100, `${ingress.envelopes.length} events`)
    const { client } = await connect({ version })
    client.say(publishPacket())
    await client.next('PUBACK', 1)
  })
}
