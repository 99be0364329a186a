// The whole way: sinks of two workers, the real thread, real files, and what a reader finds afterwards.

import t from 'tap'
import { startJournal } from './thread-handle.ts'
import { createJournalSink } from './sink.ts'
import { readJournal } from './reader.ts'
import { Collector, journalConfigOf, quiet, recordOf } from '../../test/support/journal.ts'

t.test('an acknowledged event is where its receipt says, with all its parts', async t => {
  const config = journalConfigOf(t.testdir())
  const journal = await startJournal({ config, log: quiet })
  const sink = createJournalSink({ port: journal.attach(), config, log: quiet })
  const outcomes = new Collector()
  for (let i = 0; i < 100; i++) sink.deliver(recordOf(i), outcomes, i, 0)
  await outcomes.count(100)
  await sink.drain(1_000)
  await journal.close()
  const found = new Map<string, string>()
  for await (const item of readJournal(config.dir, { from: 'beginning', follow: false })) {
    if (item.kind !== 'event') throw new Error(item.kind)
    found.set(item.journal, String(item.value))
    t.same(item.headers.map(([name, value]) => [name, String(value)]), [['ce_id', `id-${found.size - 1}`]])
  }
  t.equal(found.size, 100)
  for (let i = 0; i < 100; i++) {
    const outcome = outcomes.of(i)
    if (outcome?.outcome !== 'written') throw new Error(JSON.stringify(outcome))
    t.equal(found.get(outcome.journal ?? ''), `value ${i}`)
  }
})
