// Events on their way together: each ends once, towards its own ticket, and lets go of what it held.

import t from 'tap'
import type { Principal, SingleUse } from '../contract/envelope.ts'
import { refuse } from '../contract/outcome.ts'
import type { Outcome, Settler } from '../contract/outcome.ts'
import { anonymous } from '../../test/support/fake-ingress.ts'
import { envelopeWith } from '../../test/support/odd-envelopes.ts'
import { Passage } from './passage.ts'

const refusal = refuse('forbidden', 'no')
const written: Outcome = {
  outcome: 'written', id: '1', source: '/', ack: 'disk', topic: undefined, partition: undefined, offset: undefined,
  journal: '1:1'
}

/** A passage of so many events, whose owner does nothing but end them. */
function passageOf (count: number, settler: Settler, principal: Principal = anonymous): Passage {
  const envelopes = Array.from({ length: count }, (_, at) => envelopeWith({ id: String(at), principal }))
  const [arrival = envelopeWith({})] = envelopes
  return new Passage({ finish: (passage, place, outcome) => { passage.tell(place, outcome) } },
    { door: 0, envelopes, arrival, settler, firstTicket: 40, startMs: 0 })
}

t.test('an event ends towards its own ticket, and the others go on', async t => {
  const told: [number, Outcome][] = []
  const passage = passageOf(3, { settle (ticket, outcome) { told.push([ticket, outcome]) } })
  passage.leave(1, 200)
  t.equal(passage.envelopes[1], undefined, 'its envelope is not kept')
  t.equal(passage.bytesOf(1), 200)
  t.ok(passage.isOpen(1))
  passage.settle(1, written)
  t.same(told, [[41, written]])
  t.same([0, 1, 2].map(place => passage.isOpen(place)), [true, false, true])
  passage.settle(2, refusal)
  t.same(told.at(-1), [42, refusal])
  t.equal(passage.envelopes[2], undefined)
  t.equal(passage.envelopes[0]?.id, '0')
})

t.test('an event is over when its door is told, and there is no such event as one that never was', async t => {
  const open: boolean[] = []
  const passage: Passage = passageOf(2, { settle () { open.push(passage.isOpen(0)) } })
  passage.settle(0, written)
  t.same(open, [false])
  for (const place of [-1, 2, 0.5, NaN]) t.notOk(passage.isOpen(place), String(place))
})

t.test('an event uses its proof up where it is or may be written, before its door is told', async t => {
  const cases: [outcome: Outcome, notes: string[]][] = [
    [refuse('sink-unavailable', ''), ['told']], [refuse('internal', ''), ['used', 'told']], [written, ['used', 'told']],
    [refuse('delivery-timeout', ''), ['used', 'told']]
  ]
  for (const [outcome, expected] of cases) {
    const notes: string[] = []
    const singleUse: SingleUse = { useUp () { notes.push('used') }, giveBack () { notes.push('given back') } }
    passageOf(1, { settle () { notes.push('told') } }, { ...anonymous, singleUse }).settle(0, outcome)
    t.same(notes, expected)
  }
})
