// Tests of readiness: a table of what is broken and what is told.

import t from 'tap'
import { readiness, worstOf } from './readiness.ts'
import type { HealthStatus, Readiness } from './readiness.ts'

const well: HealthStatus = {
  workers: { aliveCount: 2, wantedCount: 2 }, kafka: { ready: true, reason: '' }, journal: undefined, draining: false
}
const down = { ready: false, reason: 'no broker answers' }

const table: [why: string, status: Partial<HealthStatus>, kafka: 'optional' | 'required', told: Readiness][] = [
  ['all is well', {}, 'required', { status: 'ok', reasons: [] }],
  ['neither sink is in use', { kafka: undefined }, 'required', { status: 'ok', reasons: [] }],
  ['a worker is missing', { workers: { aliveCount: 1, wantedCount: 2 } }, 'optional',
    { status: 'degraded', reasons: ['1 of 2 workers are running'] }],
  ['all workers are missing', { workers: { aliveCount: 0, wantedCount: 2 } }, 'optional',
    { status: 'unavailable', reasons: ['0 of 2 workers are running'] }],
  ['kafka is down and optional', { kafka: down }, 'optional',
    { status: 'degraded', reasons: ['kafka: no broker answers'] }],
  ['kafka is down and required', { kafka: down }, 'required',
    { status: 'unavailable', reasons: ['kafka: no broker answers'] }],
  ['the journal is down', { kafka: undefined, journal: { ready: false, reason: 'disk full', degraded: '' } }, 'optional',
    { status: 'unavailable', reasons: ['journal: disk full'] }],
  ['the journal has damage', { kafka: undefined, journal: { ready: true, reason: '', degraded: 'quarantine' } }, 'optional',
    { status: 'degraded', reasons: ['journal: quarantine'] }],
  ['it is stopping, whatever else', { draining: true, kafka: down }, 'optional',
    { status: 'unavailable', reasons: ['this gateway is stopping', 'kafka: no broker answers'] }]
]
for (const [why, status, kafka, told] of table) {
  t.test(`${told.status}: ${why}`, async t => { t.same(readiness({ ...well, ...status }, { kafka }), told) })
}

t.test('one worker that is not ready makes the whole not ready, and each reason is told once', async t => {
  t.same(worstOf([{ ready: true, reason: '' }, down, down]), down)
  t.same(worstOf([{ ready: true, reason: '' }]), { ready: true, reason: '' })
  t.match(worstOf([]), { ready: false, reason: /no worker/ })
})
