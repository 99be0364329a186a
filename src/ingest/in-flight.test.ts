// The table of events in flight: each is settled once, old tickets are recognised, and it is bounded.

import fc from 'fast-check'
import t from 'tap'
import { refuse } from '../contract/outcome.ts'
import type { Outcome, Settler } from '../contract/outcome.ts'
import { createInFlight } from './in-flight.ts'

const outcome = refuse('forbidden', 'no')

function recorder (): Settler & { settled: number[] } {
  const settled: number[] = []
  return { settled, settle (ticket: number, given: Outcome) { if (given === outcome) settled.push(ticket) } }
}

t.test('an event is settled towards its own settler with its own ticket, once', async t => {
  const table = createInFlight(10)
  const one = recorder()
  const other = recorder()
  const first = table.open(one, 7)
  const second = table.open(other, 7)
  t.equal(table.count(), 2)
  t.equal(table.settle(second, outcome), true)
  t.same([one.settled, other.settled], [[], [7]])
  t.equal(table.settle(second, outcome), false)
  t.equal(table.settle(first, outcome), true)
  t.same([one.settled, other.settled], [[7], [7]])
  t.equal(table.count(), 0)
})

t.test('an old ticket is recognised after its slot was used again', async t => {
  const table = createInFlight(1)
  const settler = recorder()
  const seen = new Set<number>()
  let before = -1
  for (let i = 0; i < 1_000; i++) {
    const ticket = table.open(settler, i)
    t.notOk(seen.has(ticket))
    seen.add(ticket)
    t.equal(table.entry(before), undefined)
    t.equal(table.settle(before, outcome), false)
    t.equal(table.entry(ticket)?.ticket, i)
    table.settle(ticket, outcome)
    before = ticket
  }
  t.equal(settler.settled.length, 1_000)
})

t.test('a new event does not show what the one before in its slot was', async t => {
  const table = createInFlight(1)
  const first = table.open(recorder(), 1)
  const entry = table.entry(first)
  if (entry === undefined) throw new Error('no entry')
  entry.routeIndex = 5
  entry.trace = { traceparent: 'x', end () {} }
  table.settle(first, outcome)
  t.match(table.entry(table.open(recorder(), 2)), { routeIndex: -1, trace: undefined, envelope: undefined })
})

t.test('a full table gives no ticket until one is settled', async t => {
  const table = createInFlight(2)
  const first = table.open(recorder(), 1)
  table.open(recorder(), 2)
  t.equal(table.open(recorder(), 3), -1)
  t.equal(table.entry(-1), undefined)
  t.equal(table.settle(-1, outcome), false)
  table.settle(first, outcome)
  t.not(table.open(recorder(), 3), -1)
})

t.test('tickets are small integers even in the largest table', async t => {
  const table = createInFlight(1_000_000)
  const settler = recorder()
  let ticket = 0
  for (let i = 0; i < 1_000_000; i++) ticket = Math.max(ticket, table.open(settler, i))
  t.ok(ticket > 0 && ticket < 2 ** 30)
  t.equal(table.open(settler, 0), -1)
})

t.test('whoever waits for an empty table is told once, when it is', async t => {
  const table = createInFlight(10)
  let told = 0
  table.whenEmpty(() => told++)
  t.equal(told, 1, 'at once when it is empty already')
  const first = table.open(recorder(), 1)
  const second = table.open(recorder(), 2)
  table.whenEmpty(() => told++)
  table.whenEmpty(() => told++)
  table.settle(first, outcome)
  t.equal(told, 1)
  table.settle(second, outcome)
  t.equal(told, 3)
  table.settle(table.open(recorder(), 3), outcome)
  t.equal(told, 3)
})

t.test('a settler may open the next event from inside, and may throw', async t => {
  const table = createInFlight(1)
  let told = 0
  let next = -1
  const settler: Settler = { settle () { next = table.open(recorder(), 2) } }
  const first = table.open(settler, 1)
  table.whenEmpty(() => told++)
  table.settle(first, outcome)
  t.not(next, -1, 'the slot was free already')
  t.not(next, first)
  t.equal(told, 0, 'not empty: the next one is in flight')
  table.settle(next, outcome)
  t.equal(told, 1)
  const broken = table.open({ settle () { throw new Error('bug') } }, 3)
  table.whenEmpty(() => told++)
  t.throws(() => table.settle(broken, outcome), { message: 'bug' })
  t.equal(told, 2)
  t.equal(table.count(), 0)
})

t.test('whatever is opened and settled in whatever order, nothing is settled twice or wrongly', async t => {
  let settledTwice = 0
  fc.assert(fc.property(fc.array(fc.nat(30), { minLength: 50, maxLength: 200 }), steps => {
    const table = createInFlight(8)
    const settler = recorder()
    const tickets: number[] = []
    const open = new Set<number>()
    for (const step of steps) {
      if (step < 12) {
        const ticket = table.open(settler, tickets.length)
        if ((ticket === -1) !== (open.size === 8)) throw new Error('the bound is not kept')
        if (ticket === -1) continue
        open.add(tickets.length)
        tickets.push(ticket)
      } else if (tickets.length > 0) {
        const which = step % tickets.length
        const worked = table.settle(tickets[which] ?? -1, outcome)
        if (worked !== open.delete(which)) throw new Error(`ticket ${which} settled wrongly`)
        if (worked && settler.settled.at(-1) !== which) throw new Error('the wrong ticket was told')
        if (!worked) settledTwice++
      }
      if (table.count() !== open.size) throw new Error('the count is wrong')
    }
  }))
  t.ok(settledTwice > 100, `${settledTwice}`)
})

t.test('an event uses its proof up where it is or may be written, before its door is told', async t => {
  const written: Outcome = {
    outcome: 'written', id: '1', source: '/', ack: 'disk', topic: undefined, partition: undefined, offset: undefined,
    journal: '1:1'
  }
  const cases: [outcome: Outcome, notes: string[]][] = [
    [refuse('sink-unavailable', ''), ['told']], [refuse('internal', ''), ['used', 'told']], [written, ['used', 'told']],
    [refuse('delivery-timeout', ''), ['used', 'told']]
  ]
  for (const [outcome, expected] of cases) {
    const notes: string[] = []
    const table = createInFlight(1)
    const ticket = table.open({ settle () { notes.push('told') } }, 0)
    const entry = table.entry(ticket)
    if (entry !== undefined) entry.singleUse = { useUp () { notes.push('used') }, giveBack () { notes.push('given back') } }
    table.settle(ticket, outcome)
    t.same(notes, expected)
    const next = table.open({ settle () {} }, 0)
    table.settle(next, written)
    t.same(notes, expected, 'the next event in its place has nothing to do with it')
  }
})
