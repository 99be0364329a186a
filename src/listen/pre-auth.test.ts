// The budget before authentication: it is bounded, and no address can have all of it.

import t from 'tap'
import { PreAuth } from './pre-auth.ts'

/** Takes one byte at a time until there is no more, and says how many those were. */
function takeAll (preAuth: PreAuth, address: string): number {
  let count = 0
  for (; preAuth.mayTake(1, address); count++) preAuth.take(1, address)
  return count
}

t.test('one address gets half, and leaves room for others', async t => {
  const preAuth = new PreAuth(120)
  t.equal(takeAll(preAuth, 'a'), 60)
  t.equal(takeAll(preAuth, 'b'), 40)
  t.ok(preAuth.mayTake(20, 'c'), 'whoever has nothing may try')
  t.notOk(preAuth.mayTake(21, 'c'), 'but not above the whole')
  t.same([preAuth.bytes, preAuth.addressesCount], [100, 2])
})

t.test('an address that gives back makes room for itself and for others', async t => {
  const preAuth = new PreAuth(120)
  takeAll(preAuth, 'a')
  preAuth.give(60, 'a')
  t.same([preAuth.bytes, preAuth.addressesCount], [0, 0], 'nothing is kept of it')
  t.equal(takeAll(preAuth, 'b'), 60)
  t.ok(preAuth.mayTake(1, 'a'))
  t.throws(() => { preAuth.give(1, 'a') }, { message: '1 bytes more' })
})

t.test('while half is free nobody is asked for a share', async t => {
  const preAuth = new PreAuth(1_000)
  for (let at = 0; at < 100; at++) preAuth.take(1, String(at))
  t.ok(preAuth.mayTake(400, '0'), 'twenty times its share')
  t.notOk(preAuth.mayTake(401, '0'))
})
