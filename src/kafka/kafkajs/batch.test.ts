// The ledger settles each ticket once, and a batch says of each only what is true.

import t from 'tap'
import type { Outcome } from '../../contract/outcome.ts'
import { stopping, unavailable } from '../refusals.ts'
import { Batch, Ledger } from './batch.ts'
import type { Entry } from './batch.ts'

function entries (ledger: Ledger, told: string[], deadlines: readonly number[]): Entry[] {
  const settler = {
    settle: (ticket: number, outcome: Outcome) => { told.push(`${ticket} ${'code' in outcome ? outcome.code : outcome.offset}`) }
  }
  return deadlines.map((deadlineMs, ticket) => {
    const record = { topic: 't', key: null, value: null, headers: [], timestampMs: 1, id: 'i', source: 's' }
    const entry: Entry = { record, settler, ticket, deadlineMs, bytes: 100, settled: false }
    ledger.take(entry)
    return entry
  })
}

t.test('a batch that has not left is recalled by a deadline; one that has leaves its ticket unknown', async (t) => {
  const ledger = new Ledger()
  const told: string[] = []
  const batch = new Batch(entries(ledger, told, [10, 0, 30]), ledger)
  batch.expire(20)
  t.ok(batch.recalled)
  batch.recalled = false
  batch.uncertain = true
  batch.expire(40)
  t.notOk(batch.recalled)
  t.ok(batch.hasWaiting)
  batch.receive(0, 5)
  t.same(told, ['0 sink-unavailable', '2 delivery-timeout', '1 6'])
  batch.giveUp(stopping)
  t.equal(told.length, 3, 'nobody is told twice')
  t.equal(ledger.heldBytes, 300)
  batch.free()
  t.same([ledger.heldBytes, ledger.openCount], [0, 0])
})

t.test('the last settled ticket is announced', async (t) => {
  const ledger = new Ledger()
  let count = 0
  ledger.onSettled = () => { count++ }
  const held = entries(ledger, [], [0, 0])
  for (const entry of held) ledger.settle(entry, unavailable)
  for (const entry of held) ledger.settle(entry, unavailable)
  t.equal(count, 1)
})
