// Tests of the REST door over real sockets: one event in, its receipt out, and every way to be refused before that.

import t from 'tap'
import { startRest } from '../../test/support/rest-rig.ts'

t.test('one event is wrapped, ingested and answered with its receipt', async t => {
  const { request, ingress } = await startRest(t)
  const answer = await request('POST', '/v1/events/orders/eu', {
    headers: { 'content-type': 'application/json' }, body: '{"a": 1e999}'
  })
  t.equal(answer.status, 200)
  t.same(answer.json, {
    outcome: 'written', id: 'made-0', source: '/orders/eu', ack: 'kafka', topic: 'topic1', partition: 0, offset: 0
  })
  t.match(ingress.envelopes[0], {
    channel: 'orders/eu', wrapped: true, id: '', source: '', type: '', datacontenttype: 'application/json', patient: false
  })
  t.equal(ingress.envelopes[0]?.data?.toString(), '{"a": 1e999}')
  t.equal(ingress.reservedBytes, 0)
  t.ok(ingress.reservedBytesPeak >= 12)
})
