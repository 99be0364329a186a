// Tests of a request's reservation: what was taken goes back exactly, whatever is claimed beside it.

import t from 'tap'
import { FakeIngress, anonymous } from '../../test/support/fake-ingress.ts'
import { refuse } from '../../src/contract/outcome.ts'
import type { Door } from './door.ts'
import { Reservation } from './reservation.ts'

function reservation () {
  const ingress = new FakeIngress()
  const door = { ingress, reservedBytes: 0 }
  return { ingress, door, held: new Reservation({ door: door as unknown as Door, principal: anonymous }) }
}

t.test('everything goes back once', async t => {
  const { ingress, door, held } = reservation()
  t.equal(held.reserve(100), undefined)
  held.reserve(50)
  held.release(30)
  t.equal(ingress.reservedBytes, 120)
  t.equal(door.reservedBytes, 120)
  held.releaseAll()
  held.releaseAll()
  held.release(10)
  t.equal(ingress.reservedBytes, 0)
  t.equal(door.reservedBytes, 0)
})

t.test('bytes that were refused are not given back to the budget', async t => {
  const { ingress, held } = reservation()
  held.reserve(100)
  ingress.reservation = () => refuse('overloaded', 'full')
  t.match(held.reserve(40), { code: 'overloaded' })
  held.claim(40)
  held.release(60)
  t.equal(ingress.reservedBytes, 80)
  held.releaseAll()
  t.equal(ingress.reservedBytes, 0)
})
