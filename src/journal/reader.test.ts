// Reading from outside: while a gateway writes, only what is synced, from the end, and through damage and gaps.

import { existsSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Collector, contentsOf, framesOf, journalConfigOf, quiet, recordOf } from '../../test/support/journal.ts'
import { openFolder } from './folder.ts'
import { headerBytes } from './layout.ts'
import { createLevelCells, openLevels } from './levels.ts'
import { acquireLock } from './lock.ts'
import { readJournal } from './reader.ts'
import type { JournalItem } from './reader.ts'
import { createJournalSink } from './sink.ts'
import { startJournal } from './thread-handle.ts'
import { JournalWriter } from './writer.ts'

const syncWord = 4_711

function writerOn (dir: string): JournalWriter {
  const levels = openLevels(createLevelCells())
  levels.setState('open')
  return new JournalWriter({
    folder: openFolder(dir), levels, log: quiet, syncWord, nextSegment: 1, previousBytes: 0,
    segmentBytesMax: 600, bytesMax: 1 << 30, groupBytesMax: 1 << 16, retryMs: 100, now: () => 0
  })
}

async function take (items: AsyncGenerator<JournalItem>, count: number): Promise<string[]> {
  const found: string[] = []
  while (found.length < count) {
    const { value } = await items.next()
    if (value === undefined) break
    found.push(value.kind === 'event' ? String(value.value) : value.kind)
  }
  return found
}

t.test('a reader follows a gateway that writes, over the ends of segments, and misses nothing', async t => {
  const config = journalConfigOf(t.testdir(), { segmentBytesMax: 2_000, groupBytesMax: 500 })
  const journal = await startJournal({ config, log: quiet })
  const sink = createJournalSink({ port: journal.attach(), config, log: quiet })
  const outcomes = new Collector()
  const stop = new AbortController()
  const items = readJournal(config.dir, { from: 'beginning', follow: true, pollMs: 1, signal: stop.signal })
  const expected = Array.from({ length: 300 }, (_, i) => `value ${i}`)
  const found = take(items, 300)
  for (let i = 0; i < 300; i++) {
    sink.deliver(recordOf(i), outcomes, i, 0)
    if (i % 30 === 29) await outcomes.count(i + 1)
  }
  t.same(await found, expected)
  t.ok(journal.stats().segmentCount > 5)
  const waiting = items.next()
  stop.abort()
  t.same(await waiting, { value: undefined, done: true }, 'an abort ends it')
  await journal.close()
})

t.test('what a running gateway has written but not synced is not shown', async t => {
  const dir = t.testdir()
  const lock = acquireLock(dir)
  const writer = writerOn(dir)
  writer.commit([framesOf(0, 0, syncWord)], () => {})
  const file = join(dir, '0000000001.log')
  writeFileSync(file, Buffer.concat([readFileSync(file), framesOf(1, 1, syncWord)]))
  t.same(await contentsOf(dir), ['value 0'])
  lock.release()
  t.same(await contentsOf(dir), ['value 0', 'value 1'], 'a killed gateway takes nothing back')
  writer.close()
})

t.test('from the end only what comes from now on is shown', async t => {
  const dir = t.testdir()
  const writer = writerOn(dir)
  writer.commit([framesOf(0, 20, syncWord)], () => {})
  const stop = new AbortController()
  const items = readJournal(dir, { from: 'end', follow: true, pollMs: 1, signal: stop.signal })
  const found = take(items, 2)
  // By now it has looked at the end once: it gives way for the first time when it waits for more.
  writer.commit([framesOf(21, 22, syncWord)], () => {})
  t.same(await found, ['value 21', 'value 22'])
  stop.abort()
  t.same(await take(items, 1), [])
  t.same(await take(readJournal(dir, { from: 'end', follow: false }), 1), [])
})

t.test('damage that a follower meets is told once, and so is a segment that is gone', async t => {
  const dir = t.testdir()
  const lock = acquireLock(dir)
  const writer = writerOn(dir)
  writer.commit([framesOf(0, 1, syncWord)], () => {})
  const file = join(dir, '0000000001.log')
  const bytes = readFileSync(file)
  bytes.writeUInt8(255, bytes.length - 1)
  writeFileSync(file, bytes)
  const stop = new AbortController()
  const items = readJournal(dir, { from: 'beginning', follow: true, pollMs: 1, signal: stop.signal })
  t.same(await take(items, 2), ['value 0', 'damage'])
  writer.commit([framesOf(2, 2, syncWord)], () => {})
  t.same(await take(items, 1), ['value 2'])
  stop.abort()
  writer.close()
  lock.release()
})

t.test('reading changes nothing, and a folder that is not there is an error with a hint', async t => {
  const dir = t.testdir()
  t.same(await contentsOf(dir), [])
  t.notOk(existsSync(join(dir, 'lock')))
  await t.rejects(contentsOf(join(dir, 'nowhere')), { code: 'journal-unreadable', hint: /journal\.dir/ })
  writeFileSync(join(dir, '0000000001.log'), Buffer.concat([Buffer.from('SLUICEJ\n'), Buffer.alloc(headerBytes, 9)]))
  await t.rejects(contentsOf(dir), { code: 'journal-format-unknown' })
})

t.test('without the mark a reader says so, and shows all that proves itself', async t => {
  const dir = t.testdir()
  const lock = acquireLock(dir)
  const writer = writerOn(dir)
  writer.commit([framesOf(0, 9, syncWord), framesOf(10, 11, syncWord)], () => {})
  t.ok(existsSync(join(dir, '0000000002.log')))
  unlinkSync(join(dir, 'committed'))
  t.same(await contentsOf(dir), ['mark-missing', ...Array.from({ length: 10 }, (_, i) => `value ${i}`)])
  const stop = new AbortController()
  const items = readJournal(dir, { from: 'beginning', follow: true, pollMs: 1, signal: stop.signal })
  await take(items, 11)
  writer.recheck()
  t.same(await take(items, 2), ['value 10', 'value 11'], 'the rest follows once the gateway has made it again')
  stop.abort()
  unlinkSync(join(dir, 'committed'))
  writer.close()
  lock.release()
  t.same((await contentsOf(dir)).length, 13, 'with no gateway everything intact is shown')
})
