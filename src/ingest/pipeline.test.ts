// The pipeline, step by step: what reaches the sink, in which order, and with which outcome each event ends.

import fc from 'fast-check'
import t from 'tap'
import { envelopeWith, peer } from '../../test/support/odd-envelopes.ts'
import { createPipelineRig, OutcomeRecorder, receiptFor } from '../../test/support/pipeline-rig.ts'
import type { Envelope } from '../contract/envelope.ts'
import { refuse } from '../contract/outcome.ts'
import type { Outcome, Refusal, Settler } from '../contract/outcome.ts'
import type { Verdict } from '../contract/policy.ts'
import { allHeaders } from '../contract/record.ts'
import { timestamp } from './identity.ts'

const forbidden = refuse('forbidden', 'not for you')
const down = refuse('sink-unavailable', 'down')
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

async function turnOfLoop (): Promise<void> { await new Promise(resolve => setImmediate(resolve)) }

function on (connectionId: number, id: string, parts: Partial<Envelope> = {}): Envelope {
  return envelopeWith({ id, peer: { ...peer, connectionId }, ...parts })
}

t.test('an event goes to the sink and its outcome comes back with the ticket', async t => {
  const { ingress, deliveries, pipeline, received, settled, refused } = createPipelineRig()
  const settler = new OutcomeRecorder()
  ingress.ingest(envelopeWith({ id: 'e1' }), settler, 41)
  t.equal(pipeline.inFlightCount(), 1)
  t.equal(settler.outcomes.size, 0, 'no answer before the sink has one')
  const [delivery] = deliveries
  if (delivery === undefined) throw new Error('nothing delivered')
  const receipt = receiptFor(delivery.record)
  delivery.settle(receipt)
  t.equal(settler.of(41), receipt)
  t.same(received, [{ door: 3, routeIndex: 0, id: 'e1' }])
  t.match(settled, [{ door: 3, routeIndex: 0, outcome: receipt }])
  t.ok((settled[0]?.durationMs ?? -1) >= 0)
  t.same(refused, [])
  t.equal(pipeline.inFlightCount(), 0)
  await pipeline.empty()
})

t.test('a sink that settles at once settles before ingest returns', async t => {
  const { ingress } = createPipelineRig({ onDeliver: ({ settle, record }) => settle(receiptFor(record)) })
  const settler = new OutcomeRecorder()
  ingress.ingest(envelopeWith({}), settler, 1)
  t.match(settler.of(1), { outcome: 'written' })
})

t.test('what has no route, no data or a refusing judge never reaches the sink', async t => {
  const judges = [['acl', 'request', (one: Envelope): Verdict => one.subject === 'no' ? forbidden : undefined]] as const
  const { ingress, deliveries, refused, settled, received } = createPipelineRig({ judges })
  const settler = new OutcomeRecorder()
  ingress.ingest(envelopeWith({ channel: 'nowhere' }), settler, 0)
  ingress.ingest(envelopeWith({ data: null }), settler, 1)
  ingress.ingest(envelopeWith({ subject: 'no' }), settler, 2)
  ingress.ingest(envelopeWith({ data: Buffer.from('{') }), settler, 3)
  t.match(settler.of(0), { code: 'no-route' })
  t.match(settler.of(1), { code: 'invalid-event', pointer: '/data' })
  t.match(settler.of(2), forbidden)
  t.match(settler.of(3), { code: 'malformed' })
  t.same(deliveries, [])
  t.same(refused.map(one => [one.routeIndex, one.channel]), [[-1, 'nowhere'], [0, 'orders/eu'], [0, 'orders/eu'], [0, 'orders/eu']])
  t.equal(settled.length, 4)
  t.equal(received.length, 3, 'an event without a route is counted when it is settled')
})

t.test('what a door refuses by itself is counted and logged as well', async t => {
  const { ingress, settled, refused } = createPipelineRig()
  const overloaded = refuse('overloaded', 'full')
  ingress.refused(overloaded, { ...on(7, ''), channel: '', receivedAtMs: Date.now() - 5_000 })
  ingress.refused(overloaded, { ...on(7, ''), receivedAtMs: Date.now() + 60_000 })
  t.match(settled, [
    { door: 3, routeIndex: -1, outcome: overloaded, durationMs: Number }, { outcome: overloaded, durationMs: 0 }
  ])
  t.ok((settled[0]?.durationMs ?? 0) >= 5_000)
  t.match(refused, [{ routeIndex: -1, channel: '' }, { routeIndex: -1, channel: 'orders/eu' }])
})

t.test('a plain event is completed from its route and its time, a given id is kept', async t => {
  const { ingress, deliveries } = createPipelineRig({ routes: [{ source: '/shop/{region}', type: 'order.{region}' }] })
  const settler = new OutcomeRecorder()
  const receivedAtMs = 1_790_000_000_123
  const plain = { wrapped: true, source: '', type: '', time: undefined, receivedAtMs }
  ingress.ingest(envelopeWith({ ...plain, id: '' }), settler, 0)
  ingress.ingest(envelopeWith({ ...plain, id: 'key-1' }), settler, 1)
  const headers = deliveries.map(({ record }) => Object.fromEntries(
    allHeaders(record).flatMap((text, at, all) => at % 2 === 0 ? [[text, all[at + 1]]] : [])
  ) as Record<string, string>)
  t.match(headers[0], { ce_id: uuid, ce_source: '/shop/eu', ce_type: 'order.eu', ce_time: timestamp(receivedAtMs) })
  t.match(deliveries[0]?.record, { id: headers[0]?.ce_id, source: '/shop/eu' })
  t.equal(headers[1]?.ce_id, 'key-1')
})

t.test('a CloudEvent is not touched', async t => {
  const { ingress } = createPipelineRig()
  const envelope = Object.freeze(envelopeWith({ time: undefined, subject: undefined }))
  const settler = new OutcomeRecorder()
  ingress.ingest(envelope, settler, 0)
  t.same(settler.outcomes.size, 0, 'a frozen one is delivered as well')
})

t.test('the deadline is the start and the reply timeout, none for the patient', async t => {
  const { ingress, deliveries } = createPipelineRig()
  const beforeMs = performance.now()
  ingress.ingest(envelopeWith({}), new OutcomeRecorder(), 0)
  const afterMs = performance.now()
  ingress.ingest(envelopeWith({ patient: true }), new OutcomeRecorder(), 1)
  const deadlineMs = deliveries[0]?.deadlineMs ?? 0
  t.ok(deadlineMs >= beforeMs + 8_000 && deadlineMs <= afterMs + 8_000, `${deadlineMs}`)
  t.equal(deliveries[1]?.deadlineMs, 0)
})

t.test('time spent with a judge is taken from the deadline', async t => {
  let pass = (): void => {}
  const judges = [['slow', 'event', () => new Promise<undefined>(resolve => { pass = () => resolve(undefined) })]] as const
  const { ingress, deliveries } = createPipelineRig({ judges })
  ingress.ingest(envelopeWith({}), new OutcomeRecorder(), 0)
  const startedMs = performance.now()
  while (performance.now() < startedMs + 5) await turnOfLoop()
  pass()
  await turnOfLoop()
  t.ok((deliveries[0]?.deadlineMs ?? Infinity) <= startedMs + 8_000)
})

t.test('many events of a request are judged once as a request and each as an event', async t => {
  const judges = [
    ['request', 'request', () => undefined], ['other', 'request', () => undefined], ['event', 'event', () => undefined]
  ] as const
  const { ingress, judged, deliveries } = createPipelineRig({ judges })
  const settler = new OutcomeRecorder()
  ingress.ingestMany([envelopeWith({ id: 'a' }), envelopeWith({ id: 'b' }), envelopeWith({ id: 'c' })], settler, 10)
  t.same(judged, ['request a', 'other a', 'event a', 'event b', 'event c'])
  t.same(deliveries.map(({ record }) => record.id), ['a', 'b', 'c'])
  for (const { record, settle } of deliveries.reverse()) settle(receiptFor(record))
  t.same(settler.order, [12, 11, 10])
  t.match(settler.of(11), { id: 'b' })
  ingress.ingestMany([], settler, 20)
  t.equal(settler.order.length, 3)
})

t.test('what refuses a request refuses all its events, what refuses an event only that', async t => {
  const judges = [
    ['request', 'request', (one: Envelope): Verdict => one.id === 'x' ? forbidden : undefined],
    ['event', 'event', (one: Envelope): Verdict => one.id === 'b' ? forbidden : undefined]
  ] as const
  const { ingress, deliveries } = createPipelineRig({ judges })
  const settler = new OutcomeRecorder()
  ingress.ingestMany([envelopeWith({ id: 'x' }), envelopeWith({ id: 'y' })], settler, 0)
  t.match([settler.of(0), settler.of(1)], [forbidden, forbidden])
  ingress.ingestMany([envelopeWith({ id: 'a' }), envelopeWith({ id: 'b' }), envelopeWith({ id: 'c' })], settler, 2)
  t.match(settler.of(3), forbidden)
  t.match(deliveries.map(({ record }) => record.id), ['a', 'c'])
})

t.test('an envelope that a judge changed is the one delivered', async t => {
  const judges = [
    ['request', 'request', (one: Envelope): Verdict => ({ ...one, principal: { ...one.principal, name: 'renamed' }, subject: 'r' })],
    ['event', 'event', (one: Envelope): Verdict => one.id === 'move' ? { ...one, channel: 'orders/us' } : undefined]
  ] as const
  const routes = [{ topic: 'orders.{region}', key: { principal: true as const } }]
  const { ingress, deliveries, faults } = createPipelineRig({ routes, judges })
  ingress.ingest(envelopeWith({ id: 'one' }), new OutcomeRecorder(), 0)
  ingress.ingestMany([envelopeWith({ id: 'many' }), envelopeWith({ id: 'move' })], new OutcomeRecorder(), 1)
  t.same(deliveries.map(({ record }) => record.key?.toString()), ['renamed', 'renamed', 'renamed'])
  t.same(deliveries.map(({ record }) => record.headers.includes('ce_subject')), [true, false, false], 'what they share only')
  t.same(deliveries.map(({ record }) => record.topic), ['orders.eu', 'orders.eu', 'orders.us'])
  t.same(faults, [])
})

t.test('a changed envelope is checked again, and cannot leave its route', async t => {
  const judges = [['change', 'event', (one: Envelope): Verdict => {
    if (one.id === 'broken') return { ...one, data: Buffer.from('{') }
    return { ...one, channel: one.id === 'lost' ? 'nowhere' : 'secret/eu' }
  }]] as const
  const { ingress, deliveries, faults } = createPipelineRig({ routes: [{}, { name: 'secret', channel: 'secret/{x}' }], judges })
  const settler = new OutcomeRecorder()
  for (const [ticket, id] of ['broken', 'lost', 'moved'].entries()) ingress.ingest(envelopeWith({ id }), settler, ticket)
  t.match(settler.of(0), { code: 'malformed' })
  t.match(settler.of(1), { code: 'no-route' })
  t.match(settler.of(2), { code: 'internal', outcome: 'refused' })
  t.same(deliveries, [])
  t.match(faults, [/another route/])
})

t.test('a connection keeps its order behind a late judge, and other connections go on', async t => {
  const answers: ((verdict: Verdict) => void)[] = []
  const judges = [['late', 'event', (one: Envelope) =>
    one.subject === 'late' ? new Promise<Verdict>(resolve => answers.push(resolve)) : undefined]] as const
  const { ingress, deliveries, pipeline } = createPipelineRig({ judges })
  const settler = new OutcomeRecorder()
  ingress.ingestMany([on(1, 'a'), on(1, 'b', { subject: 'late' }), on(1, 'c')], settler, 0)
  ingress.ingest(on(1, 'd', { subject: 'late' }), settler, 3)
  ingress.ingest(on(1, 'e'), settler, 4)
  ingress.ingest(on(2, 'other'), settler, 5)
  const delivered = (): string[] => deliveries.map(({ record }) => record.id)
  t.same(delivered(), ['other'], 'the events of a request go on together')
  t.equal(pipeline.waitingCount(), 2)
  answers.shift()?.(undefined)
  await turnOfLoop()
  t.same(delivered(), ['other', 'a', 'b', 'c'])
  answers.shift()?.(forbidden)
  await turnOfLoop()
  t.same(delivered(), ['other', 'a', 'b', 'c', 'e'])
  t.match(settler.of(3), forbidden)
  t.equal(pipeline.waitingCount(), 0)
})

t.test('more events than may wait behind a late judge are refused', async t => {
  let pass = (): void => {}
  const judges = [['late', 'event', (one: Envelope) =>
    one.id === '0' ? new Promise<Verdict>(resolve => { pass = () => resolve(undefined) }) : undefined]] as const
  const { ingress, deliveries } = createPipelineRig({ judges, inFlightEventsMax: 5_000 })
  const settler = new OutcomeRecorder()
  for (let i = 0; i < 1_026; i++) ingress.ingest(on(1, `${i}`), settler, i)
  t.same(settler.order, [1_025])
  t.match(settler.of(1_025), { code: 'overloaded' })
  pass()
  await turnOfLoop()
  t.same(deliveries.map(({ record }) => Number(record.id)), Array.from({ length: 1_025 }, (_, at) => at))
})

t.test('a full table refuses, is counted, and takes events again when one is settled', async t => {
  const { ingress, deliveries, settled, refused } = createPipelineRig({ inFlightEventsMax: 2 })
  const settler = new OutcomeRecorder()
  ingress.ingestMany([on(1, 'a'), on(1, 'b'), on(1, 'c')], settler, 0)
  t.match(settler.of(2), { code: 'overloaded', outcome: 'refused', retryAfterMs: 1_000 })
  t.same(deliveries.map(({ record }) => record.id), ['a', 'b'])
  t.match(settled, [{ door: 3, routeIndex: -1, outcome: { code: 'overloaded' } }])
  t.match(refused, [{ door: 3, routeIndex: -1, channel: 'orders/eu' }])
  deliveries[0]?.settle(down)
  ingress.ingest(on(1, 'd'), settler, 3)
  t.equal(deliveries.at(-1)?.record.id, 'd')
})

t.test('ack none answers when the sink has taken the event, and counts what is lost later', async t => {
  const { ingress, deliveries, lost, settled } = createPipelineRig({ routes: [{ name: 'other', channel: 'x' }, { ack: 'none' }] })
  const settler = new OutcomeRecorder()
  ingress.ingest(envelopeWith({ id: 'e1' }), settler, 1)
  t.match(settler.of(1), { outcome: 'received', ack: 'none', id: 'e1', source: '/shop/eu', topic: undefined })
  t.equal(deliveries[0]?.deadlineMs, 0)
  deliveries[0]?.settle(down)
  t.same(lost, [{ door: 3, routeIndex: 1, refusal: down }])
  t.equal(settler.order.length, 1)
  t.equal(settled.length, 1)
})

t.test('ack none tells the sender what the sink refuses at once, and counts it once', async t => {
  const { ingress, lost, refused } = createPipelineRig({ routes: [{ ack: 'none' }], onDeliver: ({ settle }) => settle(down) })
  const settler = new OutcomeRecorder()
  ingress.ingest(envelopeWith({}), settler, 1)
  t.equal(settler.of(1), down)
  t.same(lost, [])
  t.equal(refused.length, 1)
})

t.test('an event whose step throws is settled as unknown, and the others go on', async t => {
  const { ingress, deliveries, faults } = createPipelineRig({
    onDeliver: ({ record, settle }) => {
      if (record.id === 'b') throw new Error('bug')
      settle(receiptFor(record))
    }
  })
  const settler = new OutcomeRecorder()
  ingress.ingestMany([on(1, 'a'), on(1, 'b'), on(1, 'c')], settler, 0)
  t.match(settler.of(0), { outcome: 'written' })
  t.match(settler.of(1), { code: 'internal', outcome: 'unknown' })
  t.match(settler.of(2), { outcome: 'written' })
  ingress.ingest(on(1, 'd'), settler, 3)
  t.match(settler.of(3), { outcome: 'written' }, 'the connection is not stuck')
  t.equal(faults.length, 1)
  t.equal(deliveries.length, 4)
})

t.test('a throw behind a late verdict settles the event and frees the connection', async t => {
  const judges = [['late', 'event', async (): Promise<Verdict> => undefined]] as const
  const { ingress, faults } = createPipelineRig({ judges, onDeliver: () => { throw new Error('bug') } })
  const settler = new OutcomeRecorder()
  ingress.ingestMany([on(1, 'a'), on(1, 'b')], settler, 0)
  ingress.ingest(on(1, 'c'), settler, 2)
  while (settler.order.length < 3) await turnOfLoop()
  for (const ticket of [0, 1, 2]) t.match(settler.of(ticket), { code: 'internal' })
  t.equal(faults.length, 3)
})

t.test('a tracer that throws costs the event, not the request behind it', async t => {
  const witness = { begin: () => { throw new Error('bug') } }
  const { ingress, pipeline } = createPipelineRig({ witness })
  const settler = new OutcomeRecorder()
  ingress.ingest(on(1, 'a'), settler, 0)
  ingress.ingest(on(1, 'b'), settler, 1)
  t.match([settler.of(0), settler.of(1)], [{ code: 'internal' }, { code: 'internal' }])
  t.equal(pipeline.inFlightCount(), 0)
})

t.test('a door that throws when it is told harms neither the sink nor other events', async t => {
  const { ingress, deliveries, faults, pipeline } = createPipelineRig()
  ingress.ingest(envelopeWith({}), { settle () { throw new Error('bug') } }, 0)
  const settled = deliveries[0]
  if (settled === undefined) throw new Error('nothing delivered')
  t.doesNotThrow(() => settled.settle(receiptFor(settled.record)))
  t.match(faults, [/door threw/])
  t.equal(pipeline.inFlightCount(), 0)
})

t.test('a ticket that the sink settles twice is a fault and nothing more', async t => {
  const { ingress, deliveries, faults } = createPipelineRig()
  const settler = new OutcomeRecorder()
  ingress.ingest(on(1, 'a'), settler, 0)
  deliveries[0]?.settle(down)
  ingress.ingest(on(1, 'b'), settler, 1)
  deliveries[0]?.settle(down)
  t.same(settler.order, [0], 'the event that has the slot now is not settled')
  t.match(faults, [/settled twice/])
})

t.test('a settler that sends more from inside keeps the order and the stack', async t => {
  const count = 20_000
  const { ingress, deliveries } = createPipelineRig({ onDeliver: ({ settle, record }) => settle(receiptFor(record)) })
  let next = 3
  const settler: Settler = {
    settle (_ticket: number, outcome: Outcome) {
      if (next < count && outcome.outcome === 'written') {
        ingress.ingest(on(1, `${next}`), settler, next++)
      }
    }
  }
  ingress.ingestMany([on(1, '0'), on(1, '1'), on(1, '2')], settler, 0)
  t.equal(deliveries.length, count)
  const ids = deliveries.map(({ record }) => Number(record.id))
  t.ok(ids.every((id, at) => id === at), 'nothing overtook the rest of its batch')
})

t.test('what is sent from inside waits when the rest of the batch is judged late', async t => {
  const answers: ((verdict: Verdict) => void)[] = []
  const judges = [['late', 'event', (one: Envelope) =>
    one.id === 'b' ? new Promise<Verdict>(resolve => answers.push(resolve)) : undefined]] as const
  const { ingress, deliveries } = createPipelineRig({
    judges, onDeliver: ({ settle, record }) => settle(receiptFor(record))
  })
  const told: string[] = []
  const settler: Settler = {
    settle (ticket: number) {
      told.push(`${ticket}`)
      if (ticket === 0) ingress.ingest(on(1, 'inside'), settler, 100)
    }
  }
  ingress.ingestMany([on(1, 'a'), on(1, 'b'), on(1, 'c')], settler, 0)
  ingress.ingest(on(1, 'd'), settler, 3)
  t.same(told, [])
  answers.shift()?.(undefined)
  await turnOfLoop()
  t.same(deliveries.map(({ record }) => record.id), ['a', 'b', 'c', 'd', 'inside'])
  t.same(told, ['0', '1', '2', '3', '100'])
})

t.test('a trace begins with the route, travels in the record and ends with the outcome', async t => {
  const ended: Outcome[] = []
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
  const { ingress, deliveries } = createPipelineRig({
    witness: {
      begin: (_one, match) => ({ traceparent: `${traceparent}-${match.topic}`, end: outcome => ended.push(outcome) })
    }
  })
  ingress.ingest(envelopeWith({}), new OutcomeRecorder(), 0)
  t.ok(deliveries[0]?.record.headers.includes(`${traceparent}-orders`))
  t.same(ended, [])
  deliveries[0]?.settle(down)
  t.same(ended, [down])
})

t.test('a judge that never answers ends as a refusal and frees the connection', async t => {
  const keepAlive = setInterval(() => {}, 1_000)
  const judges = [['lost', 'event', (one: Envelope) => one.id === 'a' ? new Promise<Verdict>(() => {}) : undefined]] as const
  const { ingress, deliveries, faults } = createPipelineRig({ judges, judgeTimeoutMs: 10 })
  const settler = new OutcomeRecorder()
  ingress.ingest(on(1, 'a'), settler, 0)
  ingress.ingest(on(1, 'b'), settler, 1)
  while (deliveries.length === 0) await turnOfLoop()
  clearInterval(keepAlive)
  t.match(settler.of(0) as Refusal, { code: 'internal', outcome: 'refused' })
  t.equal(deliveries[0]?.record.id, 'b')
  t.same(faults, ['policy lost'])
})

const step = fc.record({
  connection: fc.nat(2),
  channel: fc.constantFrom('orders/eu', 'orders/us', 'lossy/x', 'nowhere'),
  request: fc.constantFrom('pass', 'pass', 'pass', 'refuse', 'throw', 'late pass', 'late refuse', 'late throw'),
  event: fc.constantFrom('pass', 'pass', 'change', 'refuse', 'throw', 'late pass', 'late refuse', 'late throw'),
  sink: fc.constantFrom('at once', 'later', 'later', 'refuse at once', 'refuse later', 'throw'),
  many: fc.nat(3),
  again: fc.boolean(),
  wake: fc.nat(5)
})
type Step = typeof step extends fc.Arbitrary<infer One> ? One : never

/** Runs the steps to their end and tells what is wrong, '' where nothing is. */
async function play (steps: readonly Step[]): Promise<string> {
  const scripts = new Map<string, Step>()
  const wakes: (() => void)[] = []
  const say = (words: string, envelope: Envelope): Verdict | Promise<Verdict> => {
    const [last = '', late] = words.split(' ').reverse()
    if (late !== undefined) {
      return new Promise(resolve => wakes.push(() => resolve(undefined))).then(() => say(last, envelope))
    }
    if (last === 'throw') throw new Error('scripted')
    return last === 'refuse' ? forbidden : last === 'change' ? { ...envelope, subject: 'changed' } : undefined
  }
  const scriptOf = (id: string): Step => {
    const script = scripts.get(id)
    if (script === undefined) throw new Error(`nothing is known of ${id}`)
    return script
  }
  const rig = createPipelineRig({
    routes: [{}, { name: 'lossy', channel: 'lossy/{x}', ack: 'none' }],
    inFlightEventsMax: 12,
    judges: [
      ['request', 'request', one => say(scriptOf(one.id).request, one)],
      ['event', 'event', one => say(scriptOf(one.id).event, one)]
    ],
    onDeliver ({ record, settle }) {
      const { sink } = scriptOf(record.id)
      if (sink === 'throw') throw new Error('scripted')
      const outcome = sink.startsWith('refuse') ? down : receiptFor(record)
      if (sink.endsWith('at once')) settle(outcome)
      else wakes.push(() => settle(outcome))
    }
  })
  const accepted: string[][] = [[], [], []]
  const recorder = new OutcomeRecorder()
  let tickets = 0
  const submit = ({ connection, channel, many }: Step, script: Step, settler: Settler): void => {
    const first = tickets
    tickets += many + 1
    const events = Array.from({ length: many + 1 }, (_, at) => on(connection, `${first + at}`, { channel }))
    for (const { id } of events) {
      scripts.set(id, script)
      accepted[connection]?.push(id)
    }
    if (events.length === 1 && events[0] !== undefined) rig.ingress.ingest(events[0], settler, first)
    else rig.ingress.ingestMany(events, settler, first)
  }
  for (const one of steps) {
    let again = one.again
    submit(one, one, {
      settle (ticket: number, outcome: Outcome) {
        recorder.settle(ticket, outcome)
        if (again) submit({ ...one, many: 0 }, { ...one, many: 0 }, recorder)
        again = false
      }
    })
    if (one.wake > 2) wakes.splice(one.wake % (wakes.length + 1), 1)[0]?.()
    if (one.wake > 3) await turnOfLoop()
  }
  for (let idle = 0; idle < 3; idle++) {
    if (wakes.length > 0) idle = 0
    wakes.shift()?.()
    await turnOfLoop()
  }
  const faults: string[] = []
  for (let ticket = 0; ticket < tickets; ticket++) {
    const outcomes = recorder.outcomes.get(ticket) ?? []
    if (outcomes.length !== 1) faults.push(`ticket ${ticket} has ${outcomes.length} outcomes`)
  }
  const delivered = rig.deliveries.map(({ record }) => record.id)
  for (const ids of accepted) {
    const wanted = ids.filter(id => delivered.includes(id))
    const got = delivered.filter(id => ids.includes(id))
    if (wanted.join() !== got.join()) faults.push(`order ${got} instead of ${wanted}`)
  }
  for (const id of delivered) {
    const { event } = scriptOf(id)
    if (/refuse|throw/.test(event)) faults.push(`${id} was delivered though it was refused`)
  }
  if (rig.pipeline.inFlightCount() !== 0 || rig.pipeline.waitingCount() !== 0) faults.push('something is left')
  if (rig.settled.length !== tickets) faults.push(`${rig.settled.length} of ${tickets} were counted`)
  if (rig.faults.some(fault => fault.includes('twice'))) faults.push('settled twice')
  return faults.join('; ')
}

t.test('whatever judges and sinks do, every event is settled once, in order, and none refused is delivered', async t => {
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 20 }), async steps => {
    const wrong = await play(steps)
    if (wrong !== '') throw new Error(wrong)
  }), { numRuns: 500 })
  t.pass('no counter-example')
})
