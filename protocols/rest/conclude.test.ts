// Tests of how a request is concluded: its sender's proof is told to be free before the answer, whatever became of it.

import t from 'tap'
import { isRefusal, refuse } from '../../src/contract/outcome.ts'
import type { Principal } from '../../src/contract/envelope.ts'
import { receiptOf } from '../../test/support/fake-ingress.ts'
import { startRest, until } from '../../test/support/rest-rig.ts'
import type { RestRig } from '../../test/support/rest-rig.ts'

const anna: Principal = { name: 'anna', groups: [], anonymous: false }

/** How many events had come whenever a request of anna's was concluded. */
function concludedAt ({ ingress }: RestRig): number[] {
  return ingress.concluded.filter(({ principal }) => principal === anna).map(({ envelopesCount }) => envelopesCount)
}

const lines = { 'content-type': 'application/x-ndjson' }
const batch = { 'content-type': 'application/cloudevents-batch+json' }
const items = { 'content-type': 'application/vnd.sluice.batch+json' }

const requests: [what: string, headers: Record<string, string>, body: string, eventsCount: number][] = [
  ['one event', {}, '1', 1], ['no body', {}, '', 1], ['a batch', items, '[1,2,3]', 3], ['lines', lines, '1\n2\n', 2],
  ['a malformed batch', batch, '{', 0], ['a batch with a wrong event', batch, '[{}]', 0], ['no lines', lines, '', 0],
  ['a format not spoken', { 'content-type': 'application/cloudevents+avro' }, 'x', 0],
  ['too much', { 'content-type': 'text/plain' }, 'x'.repeat(5_000), 0]
]

for (const [what, headers, body, eventsCount] of requests) {
  t.test(`${what}: is concluded after its last event and before its answer`, async t => {
    const rig = await startRest(t, { config: { bodyBytesMax: 4_000 } })
    rig.ingress.authenticated = () => anna
    rig.ingress.outcomeOf = () => refuse('sink-unavailable', 'for a test')
    await rig.request('POST', '/v1/events/orders/eu', { headers, body })
    const counts = concludedAt(rig)
    t.ok(counts.length > 0)
    t.ok(counts.every(count => count === eventsCount), String(counts))
  })
}

t.test('a request is not concluded before its last outcome', async t => {
  const rig = await startRest(t)
  rig.ingress.authenticated = () => anna
  rig.ingress.outcomeOf = () => undefined
  const answers = [
    rig.request('POST', '/v1/events/orders/eu', { headers: items, body: '[1,2]' }),
    rig.request('POST', '/v1/events/orders/eu', { headers: lines, body: '1\n2\n' })
  ]
  await until(() => rig.ingress.pending.length === 4)
  for (const { settle, envelope } of rig.ingress.pending.slice(0, 1)) settle(receiptOf(envelope, 1))
  t.same(concludedAt(rig), [])
  for (const { settle, envelope } of rig.ingress.pending.slice(1)) settle(receiptOf(envelope, 1))
  await Promise.all(answers)
  t.ok(concludedAt(rig).length >= 2)
})

t.test('a sender that goes away before it is known, or before its body is there, is concluded too', async t => {
  const head = 'POST /v1/events/orders/eu HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\n\r\n'
  const rig = await startRest(t)
  rig.ingress.authenticated = () => anna
  const reading = rig.raw(`${head}12`)
  await until(() => rig.ingress.reservedBytes === 5)
  reading.socket.destroy()
  await until(() => concludedAt(rig).length > 0)

  const late = await startRest(t)
  const { promise, resolve } = Promise.withResolvers<Principal>()
  late.ingress.authenticated = async credentials => {
    const body = await credentials.body?.(100)
    t.ok(body === undefined || isRefusal(body), 'it was cut off')
    return promise
  }
  const asked = late.raw(`${head}12`)
  await until(() => late.ingress.preAuthBytes === 5)
  asked.socket.destroy()
  await until(() => late.adapter.gauges.get('requests_in_flight')?.() === 0)
  t.same(concludedAt(late), [])
  resolve(anna)
  await until(() => concludedAt(late).length > 0)
})

t.test('events that are refused while the body still comes in free the proof at once', async t => {
  const rig = await startRest(t)
  rig.ingress.authenticated = () => anna
  const client = rig.raw('POST /nowhere HTTP/1.1\r\nhost: h\r\ncontent-length: 50\r\n\r\n12')
  await client.until(({ status }) => status === 404)
  t.ok(concludedAt(rig).length > 0)
  client.socket.destroy()
})
