// The list of names in shared memory: whole or not at all, for readers that are there and for those that come later.

import { Worker } from 'node:worker_threads'
import t from 'tap'
import { createNoticeMemory, createNoticeReader, createNoticeWriter, noticeBytesMax } from './notice.ts'

t.test('a reader is given each list once, and a reader that comes later the last one', async t => {
  const memory = createNoticeMemory()
  const [write, read] = [createNoticeWriter(memory), createNoticeReader(memory)]
  t.equal(read(), undefined, 'nothing was written')
  t.equal(write(['anna', 'zoë 😀']), true)
  t.same(read(), ['anna', 'zoë 😀'])
  t.equal(read(), undefined)
  t.equal(write(['anna']), true)
  t.equal(write([]), true)
  t.same(read(), [])
  t.same(createNoticeReader(memory)(), [])
})

t.test('a list that is too long is refused, and the one before stays', async t => {
  const memory = createNoticeMemory()
  const [write, read] = [createNoticeWriter(memory), createNoticeReader(memory)]
  const fitting = 'a'.repeat(noticeBytesMax - '[""]'.length)
  t.equal(write([fitting]), true)
  t.equal(write([`${fitting}a`]), false)
  t.same(read(), [fitting])
  t.equal(read(), undefined)
})

t.test('a list that is being written is not read, and the one before still holds', async t => {
  const memory = createNoticeMemory()
  const [write, read] = [createNoticeWriter(memory), createNoticeReader(memory)]
  write(['anna'])
  const generation = new Int32Array(memory, 0, 1)
  Atomics.add(generation, 0, 1)
  t.equal(read(), undefined)
  Atomics.add(generation, 0, 1)
  t.same(read(), ['anna'])
})

t.test('no reader sees a part of one list and a part of another, while a thread writes without a pause', async t => {
  const memory = createNoticeMemory()
  const stop = new Int32Array(new SharedArrayBuffer(4))
  const writer = new Worker(`
    const { workerData } = require('node:worker_threads')
    import(workerData.module).then(({ createNoticeWriter }) => {
      const write = createNoticeWriter(workerData.memory)
      for (let turn = 0; Atomics.load(workerData.stop, 0) === 0; turn++) {
        write(Array.from({ length: 1 + turn % 40 }, () => 'turn-' + turn))
      }
    })`, { eval: true, workerData: { module: new URL('./notice.ts', import.meta.url).href, memory, stop } })
  const ended = new Promise((resolve, reject) => writer.once('exit', resolve).once('error', reject))
  const read = createNoticeReader(memory)
  let seenCount = 0
  let tornCount = 0
  while (seenCount < 500) {
    for (let look = 0; look < 1_000; look++) {
      const names = read()
      if (names === undefined) continue
      seenCount++
      if (new Set(names).size !== 1) tornCount++
    }
    await new Promise(resolve => setImmediate(resolve))
  }
  Atomics.store(stop, 0, 1)
  t.equal(await ended, 0)
  t.equal(tornCount, 0)
})
