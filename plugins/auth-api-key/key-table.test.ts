// Tests of the key table: whose key it is, and that every wrong key costs the same work.

import { createHash, timingSafeEqual } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { createKeyTable, keyLengthMax } from './key-table.ts'

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

t.test('every key costs one hash of bounded length and the same number of constant-time comparisons', async t => {
  const digests: string[] = []
  let comparedCount = 0
  const entries = Array.from({ length: 300 }, (_, owner) => ({ digest: sha256(`key ${owner}`), owner }))
  const table = createKeyTable(entries, {
    digest: text => { digests.push(text); return createHash('sha256').update(text).digest() },
    equal: (one, other) => { comparedCount++; return timingSafeEqual(one, other) }
  })
  table.find('key 0')
  const perKeyCount = comparedCount
  t.ok(perKeyCount >= 1)

  fc.assert(fc.property(fc.oneof(fc.string({ maxLength: 2000 }), fc.nat(299).map(n => `key ${n}`)), key => {
    digests.length = 0
    comparedCount = 0
    const owner = table.find(key)
    const known = /^key (0|[1-9]\d{0,2})$/.exec(key)?.[1]
    const expected = known !== undefined && Number(known) < 300 ? Number(known) : undefined
    t.equal(owner, expected)
    t.equal(comparedCount, perKeyCount)
    t.same(digests, [key.slice(0, keyLengthMax)])
  }))
})

t.test('a long key is not mistaken for the known key that it begins with', async t => {
  const long = 'k'.repeat(keyLengthMax)
  const table = createKeyTable([{ digest: sha256(long), owner: 'anna' }])
  t.equal(table.find(long), 'anna')
  t.equal(table.find(long + 'k'), undefined)
})

t.test('without any key configured every key is wrong', async t => {
  t.equal(createKeyTable([]).find('x'), undefined)
})
