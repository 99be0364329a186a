// Tests of the wire form: statuses, problem documents, receipts and result lines.

import t from 'tap'
import fc from 'fast-check'
import { refusals, refuse } from '../../src/contract/outcome.ts'
import type { RefusalCode } from '../../src/contract/outcome.ts'
import {
  doorProblem, doorReplies, endingText, problemOf, problemText, receiptStatus, receiptText, replies, resultText,
  retryAfterSeconds
} from './reply.ts'
import type { DoorCode } from './reply.ts'

const statuses: Record<RefusalCode, number> = {
  'malformed': 400, 'too-large': 413, 'unauthenticated': 401, 'unverifiable': 503, 'forbidden': 403,
  'no-route': 404, 'invalid-event': 422,
  'rate-limited': 429, 'overloaded': 503, 'undeliverable': 502, 'sink-unavailable': 503, 'journal-full': 507,
  'delivery-timeout': 504, 'shutting-down': 503, 'internal': 500
}

t.test('every refusal has the status that the contract gives it', async t => {
  for (const [code, status] of Object.entries(statuses)) t.equal(replies[code as RefusalCode].status, status, code)
  t.same(Object.keys(replies).sort(), Object.keys(refusals).sort())
})

t.test('a problem document says code, fate and whether to come back', async t => {
  const refusal = refuse('invalid-event', 'source is missing', { pointer: '/source' })
  t.same(JSON.parse(problemText(problemOf(refusal), 'r1')), {
    type: 'urn:sluice:refusal:invalid-event', title: 'Invalid event', status: 422, code: 'invalid-event',
    detail: 'source is missing', pointer: '/source', outcome: 'refused', retryable: false, requestId: 'r1'
  })
  t.match(JSON.parse(problemText(problemOf(refuse('delivery-timeout', 'x')), 'r')), { outcome: 'unknown', retryable: true })
})

t.test('whoever may come back at 429 and 503 is told when, in whole seconds and never too early', async t => {
  for (const code of ['unverifiable', 'rate-limited', 'overloaded', 'sink-unavailable', 'shutting-down'] as const) {
    t.equal(problemOf(refuse(code, '')).retryAfterMs, 1_000, code)
    t.equal(problemOf(refuse(code, '', { retryAfterMs: 2_001 })).retryAfterMs, 2_001, code)
  }
  t.equal(retryAfterSeconds(2_001), '3')
  t.equal(retryAfterSeconds(1), '1')
  t.equal(retryAfterSeconds(0), '1')
})

t.test('the refusals of the door alone are certainly not written', async t => {
  for (const code of Object.keys(doorReplies) as DoorCode[]) {
    t.match(doorProblem(code, 'd'), { code, outcome: 'refused', status: doorReplies[code].status })
  }
})

t.test('a receipt is JSON with what is known and nothing else', async t => {
  const parts = fc.record({
    outcome: fc.constant('written' as const), id: fc.string({ unit: 'binary' }), source: fc.string({ unit: 'binary' }),
    ack: fc.constantFrom('kafka' as const, 'disk' as const, 'none' as const),
    topic: fc.option(fc.string(), { nil: undefined }), partition: fc.option(fc.nat(), { nil: undefined }),
    offset: fc.option(fc.maxSafeNat(), { nil: undefined }), journal: fc.option(fc.string(), { nil: undefined })
  })
  fc.assert(fc.property(parts, fc.nat(), (receipt, index) => {
    const expected = Object.fromEntries(Object.entries(receipt).filter(([, value]) => value !== undefined))
    t.strictSame(JSON.parse(receiptText(receipt, '{')), expected)
    t.strictSame(JSON.parse(resultText(index, receipt)), { index, ...expected })
  }), { numRuns: 60 })
})

t.test('202 only where nothing but the receipt is promised', async t => {
  const receipt = {
    outcome: 'written', id: '1', source: '/', topic: undefined, partition: undefined, offset: undefined, journal: '1:2'
  } as const
  t.equal(receiptStatus({ ...receipt, ack: 'none' }), 202)
  t.equal(receiptStatus({ ...receipt, ack: 'disk' }), 200)
  t.equal(receiptStatus({ ...receipt, ack: 'kafka' }), 200)
})

t.test('a result line of a refusal has its index, the last line of a broken stream has none', async t => {
  const refusal = refuse('rate-limited', 'slow down', { retryAfterMs: 20 })
  t.same(JSON.parse(resultText(4, refusal)), {
    index: 4, outcome: 'refused', code: 'rate-limited', detail: 'slow down', retryable: true, retryAfterMs: 20
  })
  t.same(JSON.parse(endingText(problemOf(refuse('malformed', 'bad gzip')))), {
    outcome: 'refused', code: 'malformed', detail: 'bad gzip', retryable: false
  })
})
