// The WebSocket binding of CloudEvents: an event each message, for the channel of the query, with acks for who asks.

import t from 'tap'
import { CloudEvent, HTTP } from 'cloudevents'
import { refuse } from '../../src/contract/outcome.ts'
import type { RefusalCode } from '../../src/contract/outcome.ts'
import { receiptOf } from '../../test/support/fake-ingress.ts'
import { until } from '../../test/support/rest-rig.ts'
import { startWebsocket } from '../../test/support/websocket-rig.ts'

const target = '/v1/stream?channel=orders%2Feu'
const cloudevents = { protocols: ['cloudevents.json'], target }
const event = { specversion: '1.0', id: '1', source: '/s', type: 't', data: { a: 1 } }

t.test('each text message is one event, and a client that does not ask is told nothing', async t => {
  const rig = await startWebsocket(t)
  const client = await rig.connect(cloudevents)
  t.equal(client.socket.protocol, 'cloudevents.json')
  client.send(event)
  client.socket.send(HTTP.structured(new CloudEvent({ id: '2', source: '/s', type: 't', data: 'x', datacontenttype: 'text/plain' })).body as string)
  await until(() => rig.ingress.envelopes.length === 2)
  t.match(rig.ingress.envelopes, [
    { channel: 'orders/eu', id: '1', wrapped: false }, { channel: 'orders/eu', id: '2', datacontenttype: 'text/plain' }
  ])
  await until(() => rig.ingress.reservedBytes === 0)
  t.same(client.texts, [])
})

t.test('with acks the n-th message is event n', async t => {
  const rig = await startWebsocket(t)
  rig.ingress.outcomeOf = (envelope, index) => index === 1 ? refuse('forbidden', 'no') : receiptOf(envelope, index)
  const client = await rig.connect({ ...cloudevents, target: `${target}&acks=true` })
  for (const id of ['a', 'b', 'c']) client.send({ ...event, id })
  client.send({ ...event, id: '' })
  await client.until(({ acked }) => acked === 4)
  t.same(client.nacks, ['2 forbidden', '4 invalid-event'])
})

const ends: readonly (readonly [RefusalCode, number])[] = [
  ['forbidden', 1008], ['invalid-event', 1008], ['rate-limited', 1013], ['delivery-timeout', 1013], ['unauthenticated', 4401],
  ['shutting-down', 1012]
]

t.test('without acks a refusal ends the connection, and says why', async t => {
  for (const [code, closeCode] of ends) {
    const rig = await startWebsocket(t)
    rig.ingress.outcomeOf = () => refuse(code, `\u00e9${'x'.repeat(200)}`)
    const client = await rig.connect(cloudevents)
    client.send(event)
    await client.closed()
    t.equal(client.closeCode, closeCode, code)
    t.ok(client.reason.startsWith(`${code}: \u00e9xx`))
    t.same(client.texts, [])
  }
})

t.test('a binary message is the wrong kind', async t => {
  const rig = await startWebsocket(t)
  const client = await rig.connect(cloudevents)
  client.send(Buffer.from(JSON.stringify(event)))
  await client.closed()
  t.equal(client.closeCode, 1003)
})
