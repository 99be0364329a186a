// Tests of many connections under one client id: whoever comes after all others have left is let in, and stays.

import t from 'tap'
import { connectPacket, publishPacket } from '../../test/support/mqtt-client.ts'
import type { MqttClient } from '../../test/support/mqtt-client.ts'
import { createSessionClaims, eventually, startMqtt } from '../../test/support/mqtt-rig.ts'
import type { ConnectPacket } from './codec/packet.ts'

const lasting: Partial<ConnectPacket> = { clientId: 'sensor', cleanStart: false, properties: { sessionExpiryInterval: 60 } }

async function isThere (client: MqttClient): Promise<boolean> {
  client.say({ type: 'PINGREQ' })
  await client.next('PINGRESP')
  return !client.closed
}

t.test('a client that has left claims nothing, also where its end stands behind a message', async t => {
  const [claims] = createSessionClaims(t, 1)
  let claimsCount = 0
  const rig = await startMqtt(t, {
    claimSession: (name, principal, owner, sinceMs) => {
      claimsCount += 1
      return claims?.(name, principal, owner, sinceMs) ?? Promise.reject(new Error('there is one worker'))
    }
  })
  for (const messages of [[], [publishPacket()]]) {
    const gone = rig.open()
    gone.say(connectPacket(lasting), ...messages)
    gone.stream.end()
    await gone.ended()
  }
  await eventually(() => rig.gauge('clients_connected') === 0, 'the end')
  t.equal((await rig.connect(lasting)).connack.sessionPresent, false)
  t.equal(claimsCount, 1)
})

t.test('a claim that comes late from another worker takes the session from no connection that is newer', async t => {
  const [first, second] = createSessionClaims(t, 2)
  if (first === undefined || second === undefined) throw new Error('there are two workers')
  let pass: (() => void) | undefined
  let isAnswered = false
  const slow = await startMqtt(t, {
    claimSession: async (name, principal, owner, sinceMs) => {
      await new Promise<void>(resolve => { pass = resolve })
      const answer = await first(name, principal, owner, sinceMs)
      isAnswered = true
      return answer
    }
  })
  const quick = await startMqtt(t, { claimSession: second })
  const old = slow.open()
  old.say(connectPacket(lasting))
  await eventually(() => pass !== undefined, 'its claim')
  old.close()
  const { client, connack } = await quick.connect(lasting)
  t.equal(connack.reasonCode, 0)
  pass?.()
  await eventually(() => isAnswered, 'the answer to the one before')
  t.ok(await isThere(client))
})
