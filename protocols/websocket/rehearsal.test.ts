// A rehearsed event goes through the door's own handshake, reader and replies.

import t from 'tap'
import type { Adapter } from '../../src/contract/adapter.ts'
import { refuse } from '../../src/contract/outcome.ts'
import { FakeIngress } from '../../test/support/fake-ingress.ts'
import { peer, silentLog } from '../../test/support/odd-envelopes.ts'
import { websocketDefaults } from '../../test/support/websocket-rig.ts'
import { websocket } from './index.ts'
import { rehearse } from './rehearsal.ts'

function doorOf (ingress: FakeIngress): Adapter {
  return websocket.create({ config: websocketDefaults, routes: [], ingress, version: '0.0.0', log: silentLog })
}
const sample = { channel: 'orders/eu', attributes: [] as [string, string][], data: Buffer.from('{"a":1}'), peer }

t.test('the event reaches the ingress as it would from the wire, and the answer is the one of the wire', async t => {
  const ingress = new FakeIngress()
  const door = doorOf(ingress)
  const attributes: [string, string][] = [['Content-Type', 'application/json'], ['x-api-key', 'k'], ['ce-id', 'a']]
  const answer = await rehearse(door, { ...sample, attributes: attributes.slice(0, 2) })
  t.match(answer, /^\{"type":"receipt","id":1,"receipt":\{"outcome":"written".*\}\n\{"type":"ack","id":1\}$/)
  t.match(ingress.envelopes[0], { channel: 'orders/eu', datacontenttype: 'application/json', peer })
  t.equal(ingress.envelopes[0]?.attributes.get('x-api-key'), 'k')
  t.match(await rehearse(door, { ...sample, attributes }), /"code":"invalid-event"/)
  await door.drain()
  t.equal(ingress.reservedBytes, 0)
})

t.test('refusals are shown as they are told, of an event as of the connection', async t => {
  const ingress = new FakeIngress()
  ingress.outcomeOf = () => refuse('rate-limited', 'slow down', { retryAfterMs: 2_500 })
  t.match(await rehearse(doorOf(ingress), { ...sample, data: null }), /^\{"type":"nack","id":1,"code":"rate-limited"/)
  ingress.authenticated = () => refuse('unauthenticated', 'send a key')
  const answer = await rehearse(doorOf(ingress), sample)
  t.match(answer, /^HTTP\/1\.1 401 Unauthorized\n(.*\n)*www-authenticate: .*\n\n\{.*"code":"unauthenticated"/)
})

t.test('what cannot be sent is said', async t => {
  for (const [name, value] of [['x y', 'v'], ['x', 'v\r\ny: z'], ['Upgrade', 'h2c'], ['x', 'v'.repeat(20_000)]] as const) {
    await t.rejects(rehearse(doorOf(new FakeIngress()), { ...sample, attributes: [[name, value]] }))
  }
})
