// Tests of the rehearsal: one Publish through the door without a socket, and its answer as text.

import t from 'tap'
import type { Adapter, Sample } from '../../src/contract/adapter.ts'
import { refuse } from '../../src/contract/outcome.ts'
import { FakeIngress } from '../../test/support/fake-ingress.ts'
import { grpcDefaults } from '../../test/support/grpc-rig.ts'
import { silentLog } from '../../test/support/odd-envelopes.ts'
import { grpc } from './index.ts'
import { rehearse } from './rehearsal.ts'

const sample: Sample = {
  channel: 'orders/eu', attributes: [['Content-Type', 'application/json'], ['X-Api-Key', 'k']], data: Buffer.from('{"a":1}'),
  peer: { address: '192.0.2.7', port: 0, secure: false, connectionId: -1 }
}

function doorOn (ingress: FakeIngress): Adapter {
  return grpc.create({ config: grpcDefaults, routes: [], ingress, version: '0.0.0', log: silentLog })
}

t.test('a written event gets its receipt as text', async t => {
  const ingress = new FakeIngress()
  let shown: string | undefined
  ingress.authenticated = ({ attributes }, peer) => {
    shown = `${attributes.get('x-api-key')} ${peer.address}`
    return { name: 'a', groups: [], anonymous: false }
  }
  const adapter = doorOn(ingress)
  t.equal(await rehearse(adapter, sample), 'grpc-status: 0 (OK)\n\n{"outcome":"OUTCOME_WRITTEN","id":"made-0",' +
    '"source":"/orders/eu","ack":"ACK_KAFKA","topic":"topic1","partition":0,"offset":0}')
  t.equal(shown, 'k 192.0.2.7')
  t.match(ingress.envelopes[0], { channel: 'orders/eu', datacontenttype: 'application/json', data: sample.data, wrapped: true })
  await adapter.drain()
})

t.test('a refused event gets its status and what its details say', async t => {
  const ingress = new FakeIngress()
  ingress.outcomeOf = () => refuse('rate-limited', 'wait a little', { retryAfterMs: 1_500 })
  const adapter = doorOn(ingress)
  t.equal(await rehearse(adapter, sample), [
    'grpc-status: 8 (RESOURCE_EXHAUSTED)', 'grpc-message: wait a little', 'grpc-retry-pushback-ms: 1500', '',
    'ErrorInfo {"reason":"rate-limited","domain":"sluice","metadata":{"outcome":"refused","retryable":"true"}}',
    'RetryInfo {"retryDelay":{"seconds":1,"nanos":500000000}}'
  ].join('\n'))
  await adapter.drain()
})

t.test('what HTTP says in headers of a CloudEvent is said in the event', async t => {
  const ingress = new FakeIngress()
  const adapter = doorOn(ingress)
  await rehearse(adapter, {
    ...sample, data: null,
    attributes: [['ce-id', '1'], ['ce-source', '/s'], ['ce-type', 't'], ['ce-specversion', '1.0'], ['ce-extra', 'x']]
  })
  const [envelope] = ingress.envelopes
  t.match(envelope, { id: '1', source: '/s', type: 't', wrapped: false, data: null })
  t.same([...envelope?.extensions ?? []], [['extra', 'x']])
  await adapter.drain()
})

t.test('a header that the client makes itself cannot be sent', async t => {
  const adapter = doorOn(new FakeIngress())
  await t.rejects(rehearse(adapter, { ...sample, attributes: [['TE', 'trailers']] }), /leave it out/)
  await t.rejects(rehearse(adapter, { ...sample, attributes: [['x y', 'z']] }), Error)
})
