// A group of frames and who waits for them: settled once each, compacted without the expired, reused empty.

import fc from 'fast-check'
import t from 'tap'
import { Collector, recordOf } from '../../test/support/journal.ts'
import { refuse } from '../contract/outcome.ts'
import { createCursor } from './cursor.ts'
import { Group, frameBytesOf } from './group.ts'

const late = refuse('delivery-timeout', 'late')

function add (group: Group, outcomes: Collector, index: number, deadlineMs: number): void {
  const record = recordOf(index, Buffer.from(`value ${index}`.padEnd(index % 7 * 300)))
  group.write(record, 6, frameBytesOf(record, 6), 7)
  group.wait(outcomes, index, deadlineMs)
}

function starts (group: Group): number[] {
  const cursor = createCursor({
    read: (target, position) => group.memory.subarray(0, group.usedBytes).copy(target, 0, position),
    syncWord: 7, start: 0
  })
  const found: number[] = []
  for (let item = cursor.next(group.usedBytes); item.kind === 'frame'; item = cursor.next(group.usedBytes)) {
    found.push(item.position)
  }
  return found
}

t.test('whoever expires is settled then, and the receipts of the others point at their frames', async t => {
  const plans = fc.array(fc.boolean(), { minLength: 1, maxLength: 120 })
  t.doesNotThrow(() => fc.assert(fc.property(plans, fc.boolean(), (expires, handed) => {
    const group = new Group()
    const outcomes = new Collector()
    for (const [index, expired] of expires.entries()) {
      add(group, outcomes, index, expired ? 10 : index % 2 === 0 ? 0 : 99)
    }
    const usedBytes = group.usedBytes
    const nextMs = group.expire(10, late)
    const expiredCount = expires.filter(Boolean).length
    if (outcomes.size !== expiredCount || group.count !== expires.length - expiredCount) return false
    if (nextMs !== (expires.some((expired, index) => !expired && index % 2 === 1) ? 99 : 0)) return false
    if (!handed && group.compact() !== usedBytes - group.usedBytes) return false
    const positions = starts(group)
    if (positions.length !== (handed ? expires.length : group.count)) return false
    const kept = expires.map((expired, index) => expired ? -1 : index).filter(index => index >= 0)
    group.acknowledge(5, 1_000)
    return outcomes.size === expires.length && kept.every((index, place) => {
      const outcome = outcomes.of(index)
      const position = positions[handed ? index : place] ?? -1
      return outcome?.outcome === 'written' && outcome.journal === `5:${1_000 + position}` && outcome.id === `id-${index}`
    })
  }), { numRuns: 200 }))
})

t.test('a group is empty after a reset, and settles nobody twice', async t => {
  const group = new Group()
  const outcomes = new Collector()
  for (let index = 0; index < 5; index++) add(group, outcomes, index, 0)
  group.refuseAll(late)
  group.refuseAll(late)
  group.acknowledge(1, 1)
  t.equal(outcomes.size, 5)
  group.reset(group.memory)
  t.equal(group.count + group.usedBytes + starts(group).length, 0)
  add(group, outcomes, 5, 0)
  group.acknowledge(1, 48)
  t.match(outcomes.of(5), { journal: '1:48' })
})
