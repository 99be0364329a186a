// The division of a node's memory: what it adds up to, and where another worker fits.

import t from 'tap'
import { availableParallelism } from 'node:os'
import { connectionsThatFit, heapLimitsOf, memoryBytesMin, workersThatFit } from './worker-memory.ts'

const mebibyte = 1024 * 1024

t.test('the heaps of all workers leave room for the process and for what is outside of heaps', async t => {
  for (const [memoryMiB, workerCount] of [[288, 1], [512, 1], [512, 2], [2_048, 4], [8_192, 8]] as const) {
    const limits = heapLimitsOf(memoryMiB * mebibyte, workerCount)
    const { maxYoungGenerationSizeMb: young = 0, maxOldGenerationSizeMb: old = 0 } = limits
    t.ok(workerCount * (young + old) <= (memoryMiB - 128) * 3 / 4, `${memoryMiB} MiB for ${workerCount}: ${young} + ${old} each`)
    t.ok(old >= 2 * young, 'what stays has twice of what is new')
    t.ok(young >= 32, 'and what is new has enough')
  }
})

t.test('a worker more where there is room for it', async t => {
  t.equal(workersThatFit(memoryBytesMin(1), 'linux'), 1)
  t.equal(workersThatFit(memoryBytesMin(2), 'linux'), Math.min(2, availableParallelism()))
  t.equal(workersThatFit(memoryBytesMin(2) - 1, 'linux'), 1)
  t.equal(workersThatFit(64 * 1024 * mebibyte, 'linux'), availableParallelism())
  t.equal(workersThatFit(64 * 1024 * mebibyte, 'darwin'), 1, 'where nobody shares a port fairly')
})

t.test('connections are as many as heaps have room for', async t => {
  const perWorker = (memoryMiB: number, workerCount: number): number =>
    connectionsThatFit(memoryMiB * mebibyte, workerCount) / workerCount
  t.ok(connectionsThatFit(512 * mebibyte, 2) >= 10_000, 'the standard number in the standard memory')
  t.ok(perWorker(1_024, 2) > 3 * perWorker(512, 2), 'beyond what a bare worker keeps, all of it is for connections')
  t.equal(connectionsThatFit(200 * mebibyte, 1), 0)
})
