// Tests of the collector: when a body is complete, what it reserves, and what ends it early.

import t from 'tap'
import { refuse } from '../../src/contract/outcome.ts'
import type { Refusal } from '../../src/contract/outcome.ts'
import { Collector } from './body.ts'

function collector (bytesMax: number, announcedBytes: number, grantedBytes = Infinity) {
  const seen = { reserved: 0, bodies: [] as (string | undefined)[], refusals: [] as Refusal[] }
  const intake = new Collector({
    reserve (bytes) {
      if (seen.reserved + bytes > grantedBytes) return refuse('overloaded', 'full')
      seen.reserved += bytes
      return undefined
    },
    refuse (refusal) { seen.refusals.push(refusal) },
    complete (body) { seen.bodies.push(body?.toString()) }
  }, bytesMax, announcedBytes)
  return { seen, intake }
}

t.test('an announced body is complete with its last byte, and once', async t => {
  const { seen, intake } = collector(10, 4)
  intake.take(Buffer.from('ab'))
  t.same(seen.bodies, [])
  intake.take(Buffer.from('cd'))
  intake.end()
  t.same(seen.bodies, ['abcd'])
  t.equal(seen.reserved, 0, 'it was reserved before')
})

t.test('a body of unknown length is complete at its end and reserved as it comes', async t => {
  const { seen, intake } = collector(10, -1)
  intake.take(Buffer.from('ab'))
  t.equal(seen.reserved, 2)
  intake.take(Buffer.from('c'))
  intake.end()
  t.same(seen.bodies, ['abc'])
  t.equal(seen.reserved, 3)
})

t.test('no bytes are no body', async t => {
  const { seen, intake } = collector(10, -1)
  intake.end()
  t.same(seen.bodies, [undefined])
})

t.test('above the limit or the budget it is refused once and takes no more', async t => {
  for (const [given, code] of [[collector(3, -1), 'too-large'], [collector(100, -1, 3), 'overloaded']] as const) {
    given.intake.take(Buffer.from('abc'))
    given.intake.take(Buffer.from('d'))
    given.intake.take(Buffer.from('e'))
    given.intake.end()
    t.match(given.seen, { refusals: [{ code }], bodies: [], reserved: 3 })
    t.equal(given.seen.refusals.length, 1)
  }
})

t.test('after an abort nothing is complete any more', async t => {
  const { seen, intake } = collector(10, 2)
  intake.take(Buffer.from('a'))
  intake.abort()
  intake.take(Buffer.from('b'))
  intake.end()
  t.same(seen.bodies, [])
})
