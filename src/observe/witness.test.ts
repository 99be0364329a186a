// What the witness tells of an event: counts by door and route, and a line of the log for a refusal.

import t from 'tap'
import { envelopeWith } from '../../test/support/odd-envelopes.ts'
import { refuse } from '../contract/outcome.ts'
import { createEventCounters } from './event-counters.ts'
import { createRefusalLog } from './refusal-log.ts'
import { noTracer } from './tracing.ts'
import { createWitness, noteShadowed } from './witness.ts'

t.test('an event is counted by its door and route, and a refusal names both in the log', async t => {
  const lines: [Record<string, unknown>, string][] = []
  const note = (fields: Record<string, unknown>, message: string): void => { lines.push([fields, message]) }
  const log = { debug: note, info: note, warn: note, error: note }
  const counters = createEventCounters({ doors: ['rest'], routes: ['orders'] })
  const refusals = createRefusalLog(log, { perSecondMax: 10 })
  const witness = createWitness({ doors: ['rest'], routes: ['orders'], counters, refusals, tracer: noTracer, log })
  const envelope = envelopeWith({ channel: 'orders/eu' })
  const forbidden = refuse('forbidden', 'not for you')
  witness.received(0, 0, envelope)
  witness.settled(0, 0, forbidden, 1)
  witness.refused(0, 0, forbidden, envelope)
  witness.refused(0, -1, forbidden, envelope)
  refusals.flush()
  t.match(lines[0]?.[0], { door: 'rest', route: 'orders', channel: 'orders/eu', principal: 'factory-7', code: 'forbidden' })
  t.match(lines[1]?.[0], { door: 'rest', route: '' })
  const received = counters.families().find(({ name }) => name === 'sluice_events_received_total')
  t.match(received?.samples.find(({ value }) => value === 1), { labels: { door: 'rest', route: 'orders' } })
  noteShadowed(refusals, { name: 'acl', place: 'policies[0]' }, { refusal: forbidden, envelope })
  t.match(lines.at(-1), [{ policy: 'acl', place: 'policies[0]', channel: 'orders/eu' }, /shadow/])
  const bug = new Error('bug')
  witness.fault('it broke', bug)
  t.same(lines.at(-1), [{ error: bug }, 'it broke'])
})
