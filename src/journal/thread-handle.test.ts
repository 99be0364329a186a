// The real thread with real files: two workers, kill -9, a full disk, and a supervisor that has to start it again.

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t from 'tap'
import type { Test } from 'tap'
import { Collector, contentsOf, journalConfigOf, quiet, recordOf } from '../../test/support/journal.ts'
import { readJournal } from './reader.ts'
import { createJournalSink } from './sink.ts'
import { isRefusal } from '../contract/outcome.ts'
import { startJournal } from './thread-handle.ts'

t.test('an acknowledged event is where its receipt says, with all its parts', async t => {
  const config = journalConfigOf(t.testdir())
  const journal = await startJournal({ config, log: quiet })
  const sink = createJournalSink({ port: journal.attach(), config, log: quiet })
  const outcomes = new Collector()
  for (let i = 0; i < 100; i++) sink.deliver(recordOf(i), outcomes, i, 0)
  sink.deliver({ ...recordOf(100, null), key: null, headers: [] }, outcomes, 100, 0)
  await outcomes.count(101)
  await sink.drain(1_000)
  await journal.close()
  const found = new Map<string, unknown>()
  for await (const item of readJournal(config.dir, { from: 'beginning', follow: false })) {
    if (item.kind === 'event') found.set(item.journal, item)
  }
  t.equal(found.size, 101)
  for (let i = 0; i < 101; i++) {
    const outcome = outcomes.of(i)
    const place = outcome?.outcome === 'written' ? outcome.journal ?? '' : ''
    t.same(found.get(place), {
      kind: 'event', journal: place, topic: 'orders', timestampMs: 1_700_000_000_000 + i,
      ...i < 100
        ? { key: Buffer.from(`key ${i}`), value: Buffer.from(`value ${i}`), headers: [['ce_id', Buffer.from(`id-${i}`)]] }
        : { key: null, value: null, headers: [] }
    })
  }
})

t.test('two workers share the journal, each in its own order, and share its syncs', async t => {
  const config = journalConfigOf(t.testdir(), { groupBytesMax: 4_096 })
  const journal = await startJournal({ config, log: quiet })
  const outcomes = [new Collector(), new Collector()] as const
  const sinks = outcomes.map(() => createJournalSink({ port: journal.attach(), config, log: quiet }))
  for (let i = 0; i < 1_000; i++) {
    sinks[0]?.deliver(recordOf(i), outcomes[0], i, 0)
    sinks[1]?.deliver(recordOf(10_000 + i), outcomes[1], i, 0)
  }
  await Promise.all(outcomes.map(one => one.count(1_000)))
  const stats = journal.stats()
  t.ok(stats.syncCount <= stats.groupCount)
  t.equal(journal.gauges.get('journal_syncs_total')?.(), stats.syncCount)
  t.match(journal.health(), { ready: true, reason: '', degraded: '' })
  await journal.close()
  t.notOk(sinks[0]?.health().ready)
  const values = (await contentsOf(config.dir)).map(text => Number(text.slice(6)))
  t.same(values.filter(value => value < 10_000), Array.from({ length: 1_000 }, (_, i) => i))
  t.same(values.filter(value => value >= 10_000), Array.from({ length: 1_000 }, (_, i) => 10_000 + i))
})

t.test('a journal in use, and a folder that cannot be made, are told with a hint', async t => {
  const dir = t.testdir({ file: 'not a folder' })
  const config = journalConfigOf(join(dir, 'journal'))
  const journal = await startJournal({ config, log: quiet })
  await t.rejects(startJournal({ config, log: quiet }), { code: 'journal-in-use', hint: /journal\.dir/ })
  await journal.close()
  await (await startJournal({ config, log: quiet })).close()
  const blocked = journalConfigOf(join(dir, 'file', 'journal'))
  await t.rejects(startJournal({ config: blocked, log: quiet }), { code: 'journal-unreadable', hint: /journal\.dir/ })
})

t.test('a thread that dies is told to the supervisor, and the next one goes on in the same folder', async t => {
  const config = journalConfigOf(t.testdir())
  const journal = await startJournal({ config, log: quiet })
  const ended: unknown[] = []
  journal.onExit(error => ended.push(error))
  const outcomes = new Collector()
  const sink = createJournalSink({ port: journal.attach(), config, log: quiet })
  sink.deliver(recordOf(0), outcomes, 0, 0)
  await outcomes.count(1)
  await journal.terminate()
  t.match(ended, [{ message: /journal thread/ }])
  t.match(journal.health(), { ready: false })
  sink.deliver(recordOf(1), outcomes, 1, 0)
  t.match(outcomes.of(1), { code: 'sink-unavailable' })
  const next = await startJournal({ config, log: quiet })
  sink.replacePort(next.attach())
  sink.deliver(recordOf(2), outcomes, 2, 0)
  await outcomes.count(3)
  t.equal(outcomes.of(2)?.outcome, 'written')
  await next.close()
  t.same(await contentsOf(config.dir), ['value 0', 'value 2'])
})

t.test('a later format, and files that are not ours, reach the supervisor', async t => {
  const warned: unknown[] = []
  const log = { ...quiet, warn: (fields: Record<string, unknown>): void => { warned.push(fields.file) } }
  const config = journalConfigOf(t.testdir({ 'notes.txt': '' }))
  await (await startJournal({ config, log })).close()
  t.same(warned, ['notes.txt'])
  writeFileSync(join(config.dir, '0000000001.log'), Buffer.concat([Buffer.from('SLUICEJ\n'), Buffer.alloc(99, 9)]))
  await t.rejects(startJournal({ config, log }), { code: 'journal-format-unknown' })
})

const writing = `
  import { startJournal } from ${JSON.stringify(new URL('./thread-handle.ts', import.meta.url).href)}
  import { createJournalSink } from ${JSON.stringify(new URL('./sink.ts', import.meta.url).href)}
  const config = JSON.parse(process.argv[1]), first = Number(process.argv[2])
  const log = { debug () {}, info () {}, warn () {}, error (_, text) { console.log('error ' + text) } }
  const journal = await startJournal({ config, log })
  const sink = createJournalSink({ port: journal.attach(), config, log })
  const settler = { settle (ticket, outcome) {
    console.log(outcome.outcome === 'written' ? 'ack ' + ticket + ' ' + outcome.journal : 'error ' + outcome.code)
    send()
  } }
  let next = first
  const send = () => sink.deliver({ topic: 'orders', key: null, value: Buffer.from('value ' + next), headers: [],
    timestampMs: 0, id: '', source: '' }, settler, next++, 0)
  for (let i = 0; i < 40; i++) send()
`

t.test('whatever was acknowledged before a kill -9 is there afterwards', async t => {
  const config = journalConfigOf(t.testdir(), { segmentBytesMax: 1 << 14, groupBytesMax: 1 << 12 })
  const acked = new Map<string, string>()
  for (let round = 0; round < 20; round++) {
    const child = spawn(
      process.execPath, ['--input-type=module', '-e', writing, JSON.stringify(config), String(round * 1_000_000)],
      { stdio: ['ignore', 'pipe', 'inherit'] }
    )
    const wanted = acked.size + 1 + Math.floor(Math.random() * 400)
    for await (const line of createInterface(child.stdout)) {
      const [kind, ticket, place] = line.split(' ')
      if (kind !== 'ack') t.fail(line)
      acked.set(place ?? '', `value ${ticket}`)
      if (acked.size >= wanted) child.kill('SIGKILL')
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  }
  const found = new Map<string, string>()
  for await (const item of readJournal(config.dir, { from: 'beginning', follow: false })) {
    if (item.kind === 'event') found.set(item.journal, String(item.value))
    else if (item.kind === 'missing') t.fail('missing')
  }
  let lost = 0
  for (const [place, value] of acked) if (found.get(place) !== value) lost++
  t.equal(lost, 0, `of ${acked.size} acknowledged`)
  t.ok(acked.size >= 20)
  const last = await startJournal({ config, log: quiet })
  t.match(last.recovered, { quarantinedCount: 0, missingCount: 0 })
  await last.close()
})

t.test('on a disk that is really full nothing refused is there, and it goes on when there is room', async t => {
  // Not below the checkout: a test run that is killed would leave a mount in it.
  const dir = mkdtempSync(join(tmpdir(), 'sluice-small-disk-'))
  t.teardown(() => rmSync(dir, { recursive: true }))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', dir], { stdio: 'ignore' })
  } catch {
    t.comment('no right to mount a small disk: the injected one in writer.test.ts covers this')
    return
  }
  try {
    await fillAndEmpty(t, dir)
  } finally {
    execFileSync('umount', ['-l', dir])
  }
})

async function fillAndEmpty (t: Test, dir: string): Promise<void> {
  const config = journalConfigOf(dir, { segmentBytesMax: 1 << 18, groupBytesMax: 1 << 15 })
  const reasons: string[] = []
  const log = { ...quiet, error: (_fields: unknown, text: string): void => { reasons.push(text) } }
  const journal = await startJournal({ config, log })
  const sink = createJournalSink({ port: journal.attach(), config, log: quiet })
  const outcomes = new Collector()
  const numbers = Array.from({ length: 1_200 }, (_, i) => i)
  for (const i of numbers) sink.deliver(recordOf(i, Buffer.from(`value ${i}`.padEnd(1_000))), outcomes, i, 0)
  await outcomes.count(1_200)
  const written = numbers.filter(i => outcomes.of(i)?.outcome === 'written')
  t.ok(written.length > 100 && written.length < 1_100)
  for (const i of numbers) {
    const outcome = outcomes.of(i)
    if (outcome?.outcome !== 'written' && !(isRefusal(outcome) && outcome.code === 'journal-full')) t.fail(JSON.stringify(outcome))
  }
  t.ok(reasons.some(text => text.includes(dir)), 'the operator is told which folder')
  t.same((await contentsOf(dir)).map(text => Number(text.slice(6))), written)
  rmSync(join(dir, '0000000001.log'))
  const giveUpMs = performance.now() + 10_000
  while (!sink.health().ready && performance.now() < giveUpMs) await new Promise(resolve => setImmediate(resolve))
  sink.deliver(recordOf(5_000), outcomes, 5_000, 0)
  await outcomes.count(1_201)
  t.equal(outcomes.of(5_000)?.outcome, 'written')
  await journal.close()
}

t.test('a start that hangs in the operating system is given up, with a hint', async t => {
  const config = journalConfigOf(t.testdir())
  // To open a named pipe waits for its other end, inside the system call.
  const pipe = join(config.dir, 'committed')
  execFileSync('mkfifo', [pipe])
  await t.rejects(startJournal({ config, log: quiet, stallMs: 200 }), { code: 'journal-stalled', hint: /journal\.dir/ })
  closeSync(openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK))
})

t.test('damage in an older segment is told while the gateway runs', async t => {
  const config = journalConfigOf(t.testdir())
  for (let run = 0; run < 3; run++) {
    const journal = await startJournal({ config, log: quiet })
    const sink = createJournalSink({ port: journal.attach(), config, log: quiet })
    const outcomes = new Collector()
    sink.deliver(recordOf(run), outcomes, 0, 0)
    await outcomes.count(1)
    await journal.close()
  }
  const file = join(config.dir, '0000000001.log')
  const bytes = readFileSync(file)
  bytes.writeUInt8(bytes.readUInt8(bytes.length - 9) ^ 1, bytes.length - 9)
  writeFileSync(file, bytes)
  const told: unknown[] = []
  const damaged = Promise.withResolvers<undefined>()
  const error = (fields: Record<string, unknown>): void => {
    told.push(fields)
    damaged.resolve(undefined)
  }
  const log = { ...quiet, error }
  const journal = await startJournal({ config, log })
  await damaged.promise
  t.match(told, [{ segment: '0000000001.log', rangeCount: 1 }])
  t.match(journal.health(), { ready: true, degraded: /1 damaged range/ })
  t.equal(typeof journal.gauges.get('journal_unchecked_bytes')?.(), 'number')
  await journal.close()
})
