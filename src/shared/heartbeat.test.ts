// Heartbeats: a moving counter is alive, a still one is silent for as long as it is still.

import t from 'tap'
import { beat, createPulseCells, watchPulse } from './heartbeat.ts'

t.test('a thread that counts is alive, one that stopped is silent', async t => {
  const cells = createPulseCells(2)
  const counts = new Int32Array(cells)
  const watch = watchPulse(cells, 1, 1_000)
  Atomics.add(counts, 1, 1)
  t.equal(watch.silentMs(2_000), 0)
  t.equal(watch.silentMs(7_000), 5_000)
  Atomics.add(counts, 0, 1)
  t.equal(watch.silentMs(8_000), 6_000, 'another thread\'s beat does not count')
  watch.reset(9_000)
  t.equal(watch.silentMs(9_500), 500)
})

t.test('a thread that took long to load is alive as soon as it beats', async t => {
  const cells = createPulseCells(1)
  const watch = watchPulse(cells, 0, 0)
  t.equal(watch.silentMs(12_000), 12_000)
  beat(cells, 0, 1_000)()
  t.equal(watch.silentMs(12_001), 0)
})

t.test('beat moves the counter until it is stopped', async t => {
  const cells = createPulseCells(1)
  const counts = new Int32Array(cells)
  const stop = beat(cells, 0, 1)
  const keepAlive = setInterval(() => {}, 5)
  while (Atomics.load(counts, 0) < 3) await new Promise(resolve => setImmediate(resolve))
  stop()
  clearInterval(keepAlive)
  const atStop = Atomics.load(counts, 0)
  await new Promise(resolve => setTimeout(resolve, 10))
  t.equal(Atomics.load(counts, 0), atStop)
})
