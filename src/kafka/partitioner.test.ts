// Partitions by key equal those of kafkajs's Java-compatible partitioner; records without a key stay, then move.

import { randomBytes } from 'node:crypto'
import kafkajs from 'kafkajs'
import t from 'tap'
import { StickyPartition, murmur2, partitionOfKey } from './partitioner.ts'

t.test('a key gets the partition that a Java client gives it', async (t) => {
  // From Kafka's own UtilsTest.
  const known: [string, number][] = [
    ['21', -973932308], ['foobar', -790332482], ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971]
  ]
  for (const [text, hash] of known) t.equal(murmur2(Buffer.from(text)), hash)
  t.equal(murmur2(Buffer.from([97, 98, 99])), 479470107)
})

t.test('five thousand random keys agree with the library\'s partitioner', async (t) => {
  const theirs = kafkajs.Partitioners.JavaCompatiblePartitioner()
  const wrong: string[] = []
  for (let i = 0; i < 5_000; i++) {
    const key = randomBytes(i % 70)
    const partitionCount = 1 + i % 47
    const partitionMetadata = Array.from({ length: partitionCount }, (_, partitionId) => (
      { partitionId, leader: 1, partitionErrorCode: 0, replicas: [1], isr: [1] }))
    const expected = theirs({ topic: 't', partitionMetadata, message: { key, value: null } })
    if (partitionOfKey(key, partitionCount) !== expected) wrong.push(key.toString('hex'))
  }
  t.same(wrong, [])
})

t.test('records without a key stay on one partition until a batch is full, then move to another', async (t) => {
  const sticky = new StickyPartition(100)
  sticky.offer([0, 2, 3])
  const first = sticky.take(60)
  t.equal(sticky.take(60), first, 'a batch may go over')
  const second = sticky.take(60)
  t.not(second, first)
  t.ok([0, 2, 3].includes(second))
})

t.test('a partition that lost its leader is left at once', async (t) => {
  const sticky = new StickyPartition(1_000)
  sticky.offer([0, 1])
  const first = sticky.take(10)
  sticky.offer([1 - first])
  t.equal(sticky.take(10), 1 - first)
  t.equal(sticky.take(5_000), 1 - first)
  t.equal(sticky.take(10), 1 - first, 'the only one is kept')
})

t.test('partitions without a key come out even', async (t) => {
  const sticky = new StickyPartition(10)
  sticky.offer([0, 1, 2])
  const counts = [0, 0, 0]
  for (let i = 0; i < 30_000; i++) {
    const partition = sticky.take(10)
    counts[partition] = (counts[partition] ?? 0) + 1
  }
  for (const count of counts) t.ok(count > 9_000 && count < 11_000, `${count} of 10000`)
})
