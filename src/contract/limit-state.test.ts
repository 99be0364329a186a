// Tests of what a limit says about itself.

import t from 'tap'
import { describeLimit } from './limit-state.ts'

const perSecond = { window: 'per-second', per: 'principal' }
const bucket = { kind: 'bucket', keysMax: 8 } as const

t.test('a bucket is as many units as it holds, for the time in which it fills', async t => {
  t.same(describeLimit('events', { ...bucket, unitsPerSecondMax: 1_000, burstUnits: 5_000 }, perSecond),
    { name: 'events-per-second', unit: 'events', limitUnits: 5_000, windowMs: 5_000 })
  t.same(describeLimit('events', { ...bucket, unitsPerSecondMax: 0.1, burstUnits: 1 }, perSecond),
    { name: 'events-per-second', unit: 'events', limitUnits: 1, windowMs: 10_000 })
})

t.test('a bucket that fills within a second is what it lets through in one', async t => {
  t.same(describeLimit('bytes', { ...bucket, unitsPerSecondMax: 10_000, burstUnits: 100 }, perSecond),
    { name: 'bytes-per-second', unit: 'bytes', limitUnits: 10_000, windowMs: 1_000 })
})

t.test('a quota is for its hour or day, a level for no time, and what is counted by is told', async t => {
  const day = describeLimit('events', { kind: 'window', window: 'day', unitsMax: 9, keysMax: 8 },
    { window: 'per-day', per: '{principal}/{channel}' })
  t.same(day, { name: 'events-per-day {principal}/{channel}', unit: 'events', limitUnits: 9, windowMs: 86_400_000 })
  t.equal(describeLimit('events', { kind: 'window', window: 'hour', unitsMax: 9, keysMax: 8 }, perSecond).windowMs, 3_600_000)
  const level = describeLimit('events', { kind: 'level', levelMax: 3, keysMax: 8 }, { window: 'in-flight', per: 'principal' })
  t.same(level, { name: 'events-in-flight', unit: 'events-in-flight', limitUnits: 3, windowMs: undefined })
})
