// A rehearsed request is decoded and answered by the door itself.

import t from 'tap'
import type { Adapter } from '../../src/contract/adapter.ts'
import { refuse } from '../../src/contract/outcome.ts'
import { FakeIngress } from '../../test/support/fake-ingress.ts'
import { peer, silentLog } from '../../test/support/odd-envelopes.ts'
import { restDefaults } from '../../test/support/rest-rig.ts'
import { rest } from './index.ts'
import { rehearse } from './rehearsal.ts'

function doorOf (ingress: FakeIngress): Adapter {
  return rest.create({ config: restDefaults, routes: [], ingress, version: '0.0.0', log: silentLog })
}

t.test('the event reaches the ingress as it would from the wire, and the answer is the one of the wire', async t => {
  const ingress = new FakeIngress()
  const answer = await rehearse(doorOf(ingress), {
    channel: 'orders/eu west', attributes: [['content-type', 'application/json'], ['x-api-key', 'k']],
    data: Buffer.from('{"a":1}'), peer
  })
  t.match(answer, /^HTTP\/1\.1 200 OK\ncontent-type: application\/json\ncontent-length: \d+\n\n\{"outcome":"written"/)
  t.match(ingress.envelopes[0], { channel: 'orders/eu west', datacontenttype: 'application/json', peer })
  t.equal(ingress.envelopes[0]?.data?.toString(), '{"a":1}')
  t.equal(ingress.envelopes[0]?.attributes.get('x-api-key'), 'k')
  t.equal(ingress.reservedBytes, 0)
})

t.test('a refusal is answered in full', async t => {
  const ingress = new FakeIngress()
  ingress.outcomeOf = () => refuse('rate-limited', 'slow down', { retryAfterMs: 2_500 })
  const answer = await rehearse(doorOf(ingress), { channel: 'orders/eu', attributes: [], data: null, peer })
  t.match(answer, /^HTTP\/1\.1 429 Too Many Requests\n/)
  t.match(answer, /\nretry-after: 3\n/)
  t.match(answer, /"code":"rate-limited"/)
})

t.test('what is no header is not sent as one', async t => {
  for (const attribute of [['x y', 'v'], ['x', 'v\r\nx-api-key: stolen'], ['', 'v']] as const) {
    const sample = { channel: 'a', attributes: [attribute], data: null, peer }
    await t.rejects(rehearse(doorOf(new FakeIngress()), sample), { code: /^ERR_/ })
  }
})

t.test('what frames the request is not the sample\'s to say, and it has an end', async t => {
  const sample = { channel: 'a', attributes: [] as [string, string][], data: Buffer.from('{}'), peer }
  for (const [name, value] of [['content-length', '1'], ['Transfer-Encoding', 'chunked'], ['Expect', 'x']] as const) {
    const framed = { ...sample, attributes: [[name, value] as const] }
    await t.rejects(rehearse(doorOf(new FakeIngress()), framed), { message: /leave it out/ })
  }
  const long = { ...sample, attributes: [['x-long', 'v'.repeat(20_000)] as const] }
  await t.rejects(rehearse(doorOf(new FakeIngress()), long), { message: /shorten them/ })
  const far = { ...sample, channel: 'c'.repeat(20_000) }
  await t.rejects(rehearse(doorOf(new FakeIngress()), far), { message: /shorten them/ })
})
