// Tests of pipelined requests: so many begin, the others in their turn; and what becomes of them at an end.

import t from 'tap'
import { receiptOf } from '../../test/support/fake-ingress.ts'
import type { FakeIngress } from '../../test/support/fake-ingress.ts'
import { startRest, until } from '../../test/support/rest-rig.ts'
import type { RawClient } from '../../test/support/rest-rig.ts'

const post = (body: string): string =>
  `POST /v1/events/orders/eu HTTP/1.1\r\nhost: h\r\ncontent-length: ${body.length}\r\n\r\n${body}`

/** The bodies of events that were ingested. */
const bodies = ({ envelopes }: FakeIngress): string[] => envelopes.map(({ data }) => String(data))
const answersCount = ({ text }: RawClient): number => text.split('HTTP/1.1 ').length - 1
const numbers = (count: number): string[] => Array.from({ length: count }, (_, at) => String(at))

function settle (ingress: FakeIngress, from: number, to: number): void {
  for (const { envelope, settle } of ingress.pending.slice(from, to).reverse()) settle(receiptOf(envelope, 0))
}

async function turns (): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise(resolve => { setImmediate(resolve) })
}

t.test('requests beyond the limit begin in their turn, in order, and each is answered', async t => {
  const { raw, ingress } = await startRest(t, { config: { requestsInFlightMax: 3 } })
  ingress.outcomeOf = () => undefined
  const client = raw(numbers(10).map(post).join(''))
  for (let settled = 0; settled < 10; settled += 3) {
    await until(() => ingress.pending.length === Math.min(settled + 3, 10))
    await turns()
    t.same(bodies(ingress), numbers(Math.min(settled + 3, 10)))
    settle(ingress, settled, settled + 3)
  }
  await until(() => answersCount(client) === 10)
  client.socket.destroy()
})

t.test('a client that does not stop sending is not read', async t => {
  const { raw, ingress, adapter } = await startRest(t, { config: { requestsInFlightMax: 3 } })
  ingress.outcomeOf = () => undefined
  const client = raw('')
  const many = post('x'.repeat(1_000)).repeat(1_000)
  const isFull = (): boolean => client.socket.writableLength > 5_000_000
  while (!isFull()) {
    client.socket.write(many)
    await turns()
  }
  t.equal(ingress.pending.length, 3)
  t.equal(ingress.reservedBytes, 3_000)
  t.equal(adapter.gauges.get('requests_in_flight')?.(), 3)
  client.socket.destroy()
  await client.until(({ closed }) => closed)
  settle(ingress, 0, 3)
})

t.test('a body that is not there yet comes in when its request has begun', async t => {
  const { raw, ingress } = await startRest(t, { config: { requestsInFlightMax: 1 } })
  ingress.outcomeOf = () => undefined
  const large = 'y'.repeat(300_000)
  const client = raw(post('1') + post(large) + post('3'))
  await until(() => ingress.pending.length === 1)
  settle(ingress, 0, 1)
  await until(() => ingress.pending.length === 2)
  settle(ingress, 1, 2)
  await until(() => ingress.pending.length === 3)
  settle(ingress, 2, 3)
  await until(() => answersCount(client) === 3)
  t.same(bodies(ingress), ['1', large, '3'])
  client.socket.destroy()
})

t.test('what waits when its connection breaks never begins', async t => {
  const { raw, ingress, adapter } = await startRest(t, { config: { requestsInFlightMax: 2 } })
  ingress.outcomeOf = () => undefined
  const client = raw(numbers(5).map(post).join(''))
  await until(() => ingress.pending.length === 2)
  client.socket.destroy()
  await client.until(({ closed }) => closed)
  await turns()
  settle(ingress, 0, 2)
  await turns()
  t.same(bodies(ingress), ['0', '1'])
  t.equal(ingress.reservedBytes, 0)
  t.equal(adapter.gauges.get('requests_in_flight')?.(), 0)
})

t.test('at the end of the gateway all that have begun are answered, the last of them with the end of the connection', async t => {
  const { raw, ingress, adapter } = await startRest(t, { config: { requestsInFlightMax: 4 } })
  ingress.outcomeOf = () => undefined
  const client = raw(numbers(6).map(post).join(''))
  await until(() => ingress.pending.length === 4)
  ingress.draining.set(true)
  const drained = adapter.drain()
  settle(ingress, 0, 4)
  await drained
  await client.until(({ closed }) => closed)
  t.same(client.text.match(/"outcome":"\w+"/g), Array.from({ length: 4 }, () => '"outcome":"written"'))
  t.equal(client.text.match(/connection: close/g)?.length, 1)
  t.ok(client.text.lastIndexOf('connection: close') > client.text.lastIndexOf('HTTP/1.1 200'))
  t.equal(ingress.envelopes.length, 4)
})

t.test('bad bytes behind requests that wait end the connection after those that have begun', async t => {
  const { raw, ingress } = await startRest(t, { config: { requestsInFlightMax: 2 } })
  ingress.outcomeOf = () => undefined
  const client = raw(numbers(4).map(post).join('') + 'no request\r\n\r\n')
  await until(() => ingress.pending.length === 2)
  await turns()
  settle(ingress, 0, 2)
  await client.until(({ closed }) => closed)
  t.same(client.text.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 200', 'HTTP/1.1 200'])
  t.same(bodies(ingress), ['0', '1'])
})
