// Ids and times of plain events: their layout, their uniqueness and their order in time.

import t from 'tap'
import { timestamp, uuidV7 } from './identity.ts'

const layout = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

t.test('an id is a UUID of version 7 and variant 10 whose first 48 bits are the time', async t => {
  for (const nowMs of [0, 1, 0xffff_ffff_ffff, 1_700_000_000_123, 1_700_000_000_124, 1_700_000_000_123]) {
    const id = uuidV7(nowMs)
    t.match(id, layout)
    t.equal(parseInt(id.replace('-', '').slice(0, 12), 16), nowMs)
  }
})

t.test('ids of one millisecond differ, also when the random pool runs out in between', async t => {
  const count = 20_000
  const ids = new Set(Array.from({ length: count }, () => uuidV7(1_700_000_000_000)))
  t.equal(ids.size, count)
  t.notOk([...ids].some(id => !layout.test(id)))
})

t.test('every random bit takes both values', async t => {
  let ones = 0n
  let zeros = 0n
  for (let i = 0; i < 500; i++) {
    const bits = BigInt(`0x${uuidV7(i % 2).replaceAll('-', '')}`)
    ones |= bits
    zeros |= ~bits
  }
  // The first bit of the last 32 is room to count.
  const random = 0x0000_0000_0000_0fff_3fff_ffff_7fff_ffffn
  t.equal(ones & random, random)
  t.equal(zeros & random, random)
})

t.test('ids of one millisecond sort as they were made, and the next ones do not follow from them by one', async t => {
  const ids = Array.from({ length: 2_000 }, () => uuidV7(1_700_000_000_500))
  t.same([...ids].sort(), ids)
  const steps = new Set(ids.slice(1).map((id, at) => parseInt(id.slice(-8), 16) - parseInt(ids[at]?.slice(-8) ?? '', 16)))
  t.ok(steps.size > 200 && Math.min(...steps) >= 1)
})

t.test('ids sort by their time as text', async t => {
  const times = [5, 0x10, 0xfff, 0x1_0000, 1_700_000_000_000, 1_700_000_000_001]
  const ids = times.map(uuidV7)
  t.same([...ids].sort(), ids)
})

t.test('a time is RFC 3339 in UTC with milliseconds, and not an old one', async t => {
  t.equal(timestamp(0), '1970-01-01T00:00:00.000Z')
  t.equal(timestamp(1_700_000_000_123), '2023-11-14T22:13:20.123Z')
  t.equal(timestamp(1_700_000_000_123), '2023-11-14T22:13:20.123Z')
  t.equal(timestamp(1_700_000_000_124), '2023-11-14T22:13:20.124Z')
})
