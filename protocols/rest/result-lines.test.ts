// Result lines as bytes: the same as their texts, whatever stands in them and however many there are.

import fc from 'fast-check'
import t from 'tap'
import { refuse } from '../../src/contract/outcome.ts'
import type { Outcome, Receipt } from '../../src/contract/outcome.ts'
import { resultText } from './reply.ts'
import { ResultLines } from './result-lines.ts'

const receipt: Receipt = {
  outcome: 'written', id: '01a0c450-6c7b-7a9b-b7d3-41cb26221554', source: '/shop', ack: 'kafka', topic: 'orders', partition: 3,
  offset: 17, journal: undefined
}

/** Everything that is written for these outcomes, piece by piece. */
function piecesOf (outcomes: readonly Outcome[], firstIndex = 0): Buffer[] {
  const pieces: Buffer[] = []
  const lines = new ResultLines(bytes => { pieces.push(bytes) })
  for (const [at, outcome] of outcomes.entries()) lines.add(firstIndex + at, outcome)
  lines.flush()
  return pieces
}

const textOf = (outcomes: readonly Outcome[], firstIndex = 0): string =>
  outcomes.map((outcome, at) => `${resultText(firstIndex + at, outcome)}\n`).join('')

const rows: readonly (readonly [what: string, outcomes: readonly Outcome[], firstIndex?: number])[] = [
  ['receipts of one batch', [0, 1, 9, 10, 99, 100, 12_345].map(offset => ({ ...receipt, offset }))],
  ['large numbers', [0x7fffffff, 0x80000000, 2 ** 53 - 1].map(offset => ({ ...receipt, offset })), 2 ** 31 - 2],
  ['of several partitions, topics and sources', [receipt, { ...receipt, partition: 4 }, { ...receipt, topic: 'o\u00fc' },
    { ...receipt, source: 'a"b' }, receipt]],
  ['ids that JSON must escape, or that are no ASCII',
    ['"', '\\', '\n', '\u007f', '\u00fc', '\ud83d', '', 'a'].map(id => ({ ...receipt, id }))],
  ['an offset that Kafka no longer knows', [{ ...receipt, offset: undefined }, receipt]],
  ['on disk', [{ ...receipt, ack: 'disk', topic: undefined, partition: undefined, offset: undefined, journal: '1:2' }, receipt]],
  ['received only', [{ ...receipt, outcome: 'received', ack: 'none' }, receipt]],
  ['refusals between', [receipt, refuse('overloaded', 'later', { retryAfterMs: 5 }), receipt]],
  ['a long id and a long topic', [{ ...receipt, id: 'i'.repeat(5_000) }, { ...receipt, topic: 't'.repeat(70_000) }, receipt]],
  ['none', []]
]

t.test('lines are the bytes of their texts', async t => {
  for (const [what, outcomes, firstIndex] of rows) {
    // A lone surrogate becomes U+FFFD in both.
    const text = Buffer.from(textOf(outcomes, firstIndex)).toString()
    t.equal(Buffer.concat(piecesOf(outcomes, firstIndex)).toString(), text, what)
  }
})

t.test('receipts by chance', async t => {
  const parts = fc.record({
    outcome: fc.constantFrom('written' as const, 'received' as const), id: fc.oneof(fc.uuid(), fc.string({ unit: 'binary' })),
    source: fc.constantFrom('/a', '/b', '/\u00fc'), ack: fc.constantFrom('kafka' as const, 'none' as const),
    topic: fc.constantFrom('a', 'b', undefined), partition: fc.option(fc.nat(9), { nil: undefined }),
    offset: fc.option(fc.maxSafeNat(), { nil: undefined }), journal: fc.constant(undefined)
  })
  fc.assert(fc.property(fc.array(parts), fc.nat(), (outcomes, firstIndex) =>
    Buffer.concat(piecesOf(outcomes, firstIndex)).equals(Buffer.from(textOf(outcomes, firstIndex)))))
  t.pass('no counterexample')
})

t.test('many lines come in few pieces, none of which changes when the next ones are made', async t => {
  const outcomes = Array.from({ length: 5_000 }, (_none, at): Outcome =>
    at % 7 === 0 ? refuse('rate-limited', 'slower', { retryAfterMs: at }) : { ...receipt, offset: at })
  const pieces = piecesOf(outcomes)
  piecesOf(outcomes, 7)
  t.equal(Buffer.concat(pieces).toString(), textOf(outcomes))
  t.ok(pieces.length <= Math.ceil(textOf(outcomes).length / 60_000))
})
