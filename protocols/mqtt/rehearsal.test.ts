// Tests of rehearsals: what a sample is told over MQTT 5, in text.

import t from 'tap'
import type { Sample } from '../../src/contract/adapter.ts'
import { refuse } from '../../src/contract/outcome.ts'
import { FakeIngress } from '../../test/support/fake-ingress.ts'
import { mqttDefaults } from '../../test/support/mqtt-rig.ts'
import { silentLog } from '../../test/support/odd-envelopes.ts'
import { mqtt } from './index.ts'

const peer = { address: '127.0.0.1', port: 0, secure: false, connectionId: -1 }

async function play (ingress: FakeIngress, parts: Partial<Sample> = {}): Promise<string> {
  const adapter = mqtt.create({ config: mqttDefaults, routes: [], ingress, version: '', log: silentLog })
  const answer = await mqtt.rehearse(adapter, { channel: 'orders/eu', attributes: [], data: Buffer.from('1'), peer, ...parts })
  await adapter.drain()
  return answer
}

t.test('the answers to CONNECT and PUBLISH are shown', async t => {
  t.equal(await play(new FakeIngress()), 'CONNACK 0x00\nPUBACK 0x00')
})

t.test('a refusal is shown with its reason', async t => {
  const ingress = new FakeIngress()
  ingress.outcomeOf = () => refuse('forbidden', 'for a test')
  t.equal(await play(ingress), 'CONNACK 0x00\nPUBACK 0x87\nfor a test\ncode: forbidden')
  ingress.authenticated = () => refuse('unauthenticated', 'for a test')
  t.equal(await play(ingress), 'CONNACK 0x86\nfor a test\ncode: unauthenticated')
})

t.test('an acknowledgement that is withheld is told, at once', async t => {
  const ingress = new FakeIngress()
  ingress.outcomeOf = () => refuse('rate-limited', 'for a test', { retryAfterMs: 30_000 })
  t.equal(await play(ingress), 'CONNACK 0x00\nPUBACK is withheld: the gateway goes on trying')
})

t.test('headers of the sample become what MQTT has for them', async t => {
  const ingress = new FakeIngress()
  ingress.schemes = ['ApiKey', 'Basic', 'Bearer']
  const seen: unknown[] = []
  ingress.authenticated = ({ attributes }) => {
    seen.push(attributes.get('authorization') ?? attributes.get('x-api-key'))
    return refuse('unauthenticated', 'for a test')
  }
  const basic = `Basic ${Buffer.from('bob:pw').toString('base64')}`
  const bearer = 'Bearer eyJhbGciOiJub25lIn0.eyJpc3MiOiJhIn0.sig'
  for (const [name, value] of [['Authorization', basic], ['authorization', bearer], ['X-API-Key', 'key']] as const) {
    await play(ingress, { attributes: [[name, value]] })
  }
  t.same(seen, [basic, bearer, 'key'])
  const open = new FakeIngress()
  await play(open, {
    attributes: [['content-type', 'text/plain'], ['ce-specversion', '1.0'], ['ce-id', '1'], ['ce-source', '/s'], ['ce-type', 't'], ['x', 'y']]
  })
  t.match(open.envelopes[0], { id: '1', datacontenttype: 'text/plain' })
  t.equal(open.envelopes[0]?.attributes.get('x'), 'y')
})
