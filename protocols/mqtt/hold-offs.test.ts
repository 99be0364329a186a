// Tests of how clients are held off: longer each time, and nobody but them.

import t from 'tap'
import { refuse } from '../../src/contract/outcome.ts'
import { anonymous } from '../../test/support/fake-ingress.ts'
import { publishPacket } from '../../test/support/mqtt-client.ts'
import { startMqtt } from '../../test/support/mqtt-rig.ts'
import { HoldOffs } from './hold-offs.ts'

t.test('a client is held off longer each time, until it has stayed away for long', async t => {
  let nowMs = 1_000
  const holdOffs = new HoldOffs(() => nowMs)
  const client = (clientId: string) => ({ principal: anonymous, clientId })
  const a = client('a')
  t.equal(holdOffs.leftMs(a), 0)
  for (const waitMs of [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]) {
    holdOffs.add(a)
    t.equal(holdOffs.leftMs(a), waitMs)
    nowMs += waitMs
    t.equal(holdOffs.leftMs(a), 0)
  }
  t.equal(holdOffs.leftMs(client('b')), 0)
  nowMs += 700_000
  t.equal(holdOffs.leftMs(a), 0)
  t.equal(holdOffs.heldCount, 0)
  holdOffs.add(a)
  t.equal(holdOffs.leftMs(a), 1_000)
  for (let at = 0; at < 10_050; at++) holdOffs.add(client(`client-${at}`))
  t.equal(holdOffs.heldCount, 10_000)
})

t.test('with a client nobody is held off but its principal, and nobody is told of it without proof', async t => {
  const { connect, ingress, gauge } = await startMqtt(t)
  ingress.authenticated = () => ({ name: 'mallory', groups: [], anonymous: false })
  ingress.outcomeOf = () => refuse('invalid-event', 'for a test')
  const { client } = await connect({ version: 4, clientId: 'sensor' })
  client.say(publishPacket())
  await client.ended()
  t.equal((await connect({ clientId: 'sensor' })).connack.reasonCode, 0x89)
  ingress.authenticated = () => refuse('unauthenticated', 'for a test')
  t.equal((await connect({ clientId: 'sensor' })).connack.reasonCode, 0x86)
  ingress.authenticated = () => ({ name: 'bob', groups: [], anonymous: false })
  t.equal((await connect({ clientId: 'sensor' })).connack.reasonCode, 0)
  t.equal(gauge('clients_held_off'), 1)
})
