// Limits over events and bytes: an event needs both, and what one table granted in vain goes back.

import fc from 'fast-check'
import t from 'tap'
import { envelopeWith, judgeContext } from '../../test/support/odd-envelopes.ts'
import { tableRig } from '../../test/support/table-rig.ts'
import type { Envelope } from './envelope.ts'
import { createEventLimit } from './event-limit.ts'
import type { EventLimitJudge } from './event-limit.ts'
import { refuse } from './outcome.ts'
import type { Table } from './table.ts'

const refusal = refuse('rate-limited', 'no room')
const bucket = (units: number): Table =>
  tableRig({ kind: 'bucket', unitsPerSecondMax: 0.001, burstUnits: units, keysMax: 8 }).table
const tooLarge = refuse('too-large', 'for ever')
const limitOf = (events: Table | undefined, bytes: Table | undefined, eventBytesMax = Infinity): EventLimitJudge =>
  createEventLimit({
    events, bytes, eventBytesMax, per: 'principal', window: 'per-second',
    refusalOf: (_key, size) => size > eventBytesMax ? tooLarge : refusal
  })

t.test('whatever sizes come one by one or together, exactly those pass that both tables have room for', async () => {
  const requests = fc.array(fc.array(fc.nat(40), { maxLength: 12 }), { maxLength: 12 })
  const most = (max: number): fc.Arbitrary<number> => fc.integer({ min: 1, max })
  await fc.assert(fc.asyncProperty(most(20), most(100), requests, async (events, bytes, sizes) => {
    const limit = limitOf(bucket(events), bucket(bytes))
    let left = { events, bytes }
    for (const request of sizes) {
      let expected = 0
      for (const size of request) {
        if (left.events === 0 || size > left.bytes) break
        left = { events: left.events - 1, bytes: left.bytes - size }
        expected++
      }
      const envelopes = request.map(size => envelopeWith({ data: Buffer.alloc(size) }))
      const [first] = envelopes
      const passedCount = request.length === 1 && first !== undefined
        ? limit.judge(first, judgeContext) === undefined ? 1 : 0
        : (await limit.judgeMany(envelopes, judgeContext)).passedCount
      if (passedCount !== expected) throw new Error(`${passedCount} of ${request.join()} passed, ${expected} fit`)
    }
  }))
})

t.test('events that never fit are refused by themselves, and what comes with them as if they were not there', async t => {
  const sized = (size: number): Envelope => envelopeWith({ data: Buffer.alloc(size) })
  const [huge, other, small, big] = [sized(21), sized(22), sized(5), sized(16)]
  const limit = limitOf(bucket(3), bucket(20), 20)
  const admitted = await limit.judgeMany([huge, small, other, big, small], judgeContext)
  t.match(admitted, { passedCount: 1, refusal })
  t.same([...admitted.apart ?? []], [[huge, tooLarge], [other, tooLarge]])
  t.match(await limit.judgeMany([huge, small, small, small], judgeContext), {
    passedCount: 2, refusal, apart: new Map([[huge, tooLarge]])
  }, 'none of them was counted')
  const none = await limit.judgeMany([huge], judgeContext)
  t.same(none, { passedCount: 0, refusal: undefined, apart: new Map([[huge, tooLarge]]) })
})

t.test('a limit of one kind lets the other one be', async t => {
  const big = envelopeWith({ data: Buffer.alloc(1_000) })
  t.same([1, 2, 3].map(() => limitOf(bucket(9), undefined).judge(big, judgeContext)), [undefined, undefined, undefined])
  const bytes = limitOf(undefined, bucket(1_500))
  t.match(bytes.judgeMany([big, big], judgeContext), { passedCount: 1, refusal })
  t.equal(bytes.judge(envelopeWith({ data: null }), judgeContext), undefined)
})
