// Tests of a batch's outcomes: one answer, in order, with the status that says whether to look closer.

import t from 'tap'
import { refuse } from '../../src/contract/outcome.ts'
import { receiptOf } from '../../test/support/fake-ingress.ts'
import { envelopeWith } from '../../test/support/odd-envelopes.ts'
import { Batch } from './batch.ts'

function collect (count: number) {
  const answers: { status: number, json: unknown }[] = []
  const batch = new Batch({
    answer (status, _type, text) { answers.push({ status, json: JSON.parse(text) }) }
  }, count)
  return { batch, answers }
}

const receipt = receiptOf(envelopeWith({}), 7)

t.test('the answer comes with the last outcome, in the order of the events', async t => {
  const { batch, answers } = collect(2)
  batch.settle(1, receipt)
  t.same(answers, [])
  batch.settle(0, receipt)
  t.match(answers, [{ status: 200, json: [{ index: 0, outcome: 'written' }, { index: 1, outcome: 'written' }] }])
})

t.test('one refusal makes it 207', async t => {
  const { batch, answers } = collect(2)
  batch.settle(0, receipt)
  batch.settle(1, refuse('invalid-event', 'no', { pointer: '/source' }))
  t.match(answers, [{ status: 207, json: [{ index: 0 }, { index: 1, outcome: 'refused', pointer: '/source' }] }])
})

t.test('202 where nothing was promised for any event', async t => {
  const { batch, answers } = collect(1)
  batch.settle(0, { ...receipt, ack: 'none' })
  t.match(answers, [{ status: 202 }])
})

t.test('an empty batch is answered at once', async t => {
  t.same(collect(0).answers, [{ status: 200, json: [] }])
})

t.test('a second outcome of one event changes nothing', async t => {
  const { batch, answers } = collect(2)
  batch.settle(0, receipt)
  batch.settle(0, receipt)
  t.same(answers, [])
})
