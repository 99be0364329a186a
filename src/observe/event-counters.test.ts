// Tests of the event counters: what each call adds, that another thread can read them, and what an event costs.

import fc from 'fast-check'
import t from 'tap'
import { refusals } from '../contract/outcome.ts'
import type { Ack, RefusalCode } from '../contract/outcome.ts'
import { createEventCounters, eventCountersBytes } from './event-counters.ts'
import type { EventCounters } from './event-counters.ts'

const layout = { doors: ['rest', 'mqtt'], routes: ['orders', 'audit'] }

/** Every sample as `name{labels}` and its value; of histograms the sum and the counts. */
function read (counters: EventCounters): Record<string, unknown> {
  const entries = counters.families().flatMap(({ name, samples }) => samples.map(({ labels, value, counts }) =>
    [`${name} ${Object.values(labels).join('/')}`, counts === undefined ? value : { value, counts }]))
  return Object.fromEntries(entries) as Record<string, unknown>
}

t.test('an event is counted under its door and route, with its size, its ack and its time', async t => {
  const counters = createEventCounters(layout)
  counters.received(1, 1, 1_000)
  t.match(read(counters), { 'sluice_events_in_flight mqtt/audit': 1 })
  counters.settled(1, 1, 'kafka', 7)
  t.same(read(counters), {
    'sluice_events_received_total mqtt/audit': 1,
    'sluice_events_acked_total mqtt/audit/kafka': 1,
    'sluice_events_in_flight mqtt/audit': 0,
    'sluice_event_ack_duration_seconds mqtt/audit': { value: 0.007, counts: [0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] },
    'sluice_event_payload_bytes mqtt/audit': { value: 1_000, counts: [0, 1, 0, 0, 0, 0, 0] }
  })
})

t.test('a refusal is counted by its code and not among the times of acks', async t => {
  const counters = createEventCounters(layout)
  counters.received(0, 0, 5)
  counters.settled(0, 0, 'rate-limited', 1)
  counters.settled(0, -1, 'no-route', 1)
  const values = read(counters)
  t.match(values, {
    'sluice_events_received_total rest/': 1,
    'sluice_events_refused_total rest//no-route': 1,
    'sluice_events_received_total rest/orders': 1,
    'sluice_events_refused_total rest/orders/rate-limited': 1,
    'sluice_events_in_flight rest/orders': 0,
    'sluice_event_refusal_duration_seconds rest/orders': { value: 0.001, counts: [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] }
  })
  t.notOk('sluice_event_ack_duration_seconds rest/orders' in values)
})

t.test('an event lost after its ack is counted', async t => {
  const counters = createEventCounters(layout)
  counters.lost(0, 1)
  t.match(read(counters), { 'sluice_events_lost_total rest/audit': 1 })
})

t.test('a value on a bound belongs to the bucket of that bound, one beyond all to the last', async t => {
  const counters = createEventCounters(layout)
  for (const ms of [0, 1, 1.001, 10_000, 10_000.1, Infinity]) counters.settled(0, 0, 'none', ms)
  t.match(read(counters)['sluice_event_ack_duration_seconds rest/orders'],
    { counts: [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2] })
})

t.test('another thread reads the same counters over shared memory', async t => {
  const memory = new SharedArrayBuffer(eventCountersBytes(layout))
  createEventCounters(layout, memory).received(0, 0, 1)
  t.match(read(createEventCounters(layout, memory)), { 'sluice_events_received_total rest/orders': 1 })
})

t.test('every result of every door and route has a counter of its own', async t => {
  const doors = fc.constantFrom(0, 1)
  const routes = fc.constantFrom(-1, 0, 1)
  const results = fc.constantFrom<Ack | RefusalCode>('kafka', 'disk', 'none', ...Object.keys(refusals) as RefusalCode[])
  fc.assert(fc.property(fc.array(fc.tuple(doors, routes, results), { maxLength: 60 }), calls => {
    const counters = createEventCounters(layout)
    const expected: Record<string, number> = {}
    for (const [door, route, result] of calls) {
      if (route >= 0) counters.received(door, route, 10)
      counters.settled(door, route, result, 2)
      const metric = result in refusals ? 'refused' : 'acked'
      const key = `sluice_events_${metric}_total ${layout.doors[door]}/${layout.routes[route] ?? ''}/${result}`
      expected[key] = (expected[key] ?? 0) + 1
    }
    const values = read(counters)
    const found = Object.fromEntries(Object.entries(values).filter(([key]) => /_(refused|acked)_/.test(key)))
    const inFlight = Object.entries(values).filter(([key]) => key.includes('in_flight'))
    t.same(found, expected)
    return inFlight.every(([, value]) => value === 0)
  }), { numRuns: 50 })
})
