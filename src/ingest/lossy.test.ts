// Lossy deliveries: what the sink refuses at once is the sender's answer, what it refuses later is only counted.

import t from 'tap'
import { refuse } from '../contract/outcome.ts'
import type { Receipt, Refusal, Settler } from '../contract/outcome.ts'
import type { Sink, SinkRecord } from '../contract/sink.ts'
import { LossySettler } from './lossy.ts'

const record: SinkRecord = { topic: 't', key: null, value: null, headers: [], timestampMs: 0, id: '1', source: '/s' }
const receipt: Receipt = {
  outcome: 'written', id: '1', source: '/s', ack: 'kafka', topic: 't', partition: 0, offset: 0, journal: undefined
}
const down = refuse('sink-unavailable', 'down')
const full = refuse('journal-full', 'full')

function sinkOf (deliver: (settler: Settler, ticket: number, deadlineMs: number) => void): Sink {
  return {
    ack: 'kafka',
    deliver: (_record, settler, ticket, deadlineMs) => deliver(settler, ticket, deadlineMs),
    health: () => ({ ready: true, reason: '' }),
    gauges: new Map(),
    drain: async () => {}
  }
}

t.test('a refusal at once is given back and is no loss', async t => {
  const lost: Refusal[] = []
  const settler = new LossySettler(refusal => lost.push(refusal))
  t.equal(settler.deliver(sinkOf((settler, ticket) => settler.settle(ticket, down)), record), down)
  t.equal(settler.deliver(sinkOf((settler, ticket) => settler.settle(ticket, receipt)), record), undefined)
  t.same(lost, [])
})

t.test('a refusal later is a loss, a receipt later is not', async t => {
  const lost: Refusal[] = []
  const settler = new LossySettler(refusal => lost.push(refusal))
  const tickets: number[] = []
  const slow = sinkOf((_settler, ticket, deadlineMs) => {
    t.equal(deadlineMs, 0, 'nobody waits, so there is no deadline')
    tickets.push(ticket)
  })
  t.equal(settler.deliver(slow, record), undefined)
  t.equal(settler.deliver(slow, record), undefined)
  settler.settle(tickets[0] ?? -1, receipt)
  settler.settle(tickets[1] ?? -1, full)
  t.same(lost, [full])
})

t.test('news of an earlier event while one is handed over are not taken for its answer', async t => {
  const lost: Refusal[] = []
  const settler = new LossySettler(refusal => lost.push(refusal))
  let earlier = -1
  settler.deliver(sinkOf((_settler, ticket) => { earlier = ticket }), record)
  const answer = settler.deliver(sinkOf(settler => settler.settle(earlier, full)), record)
  t.equal(answer, undefined)
  t.same(lost, [full])
})

t.test('a sink that throws leaves nothing behind', async t => {
  const lost: Refusal[] = []
  const settler = new LossySettler(refusal => lost.push(refusal))
  let ticket = -1
  t.throws(() => settler.deliver(sinkOf((_settler, given) => { ticket = given; throw new Error('bug') }), record))
  settler.settle(ticket, down)
  t.same(lost, [down], 'what it says later is not an answer')
})
