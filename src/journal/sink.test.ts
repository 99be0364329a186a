// The sink of a worker: when it hands over, how it settles, and what it does when the thread is slow, full or gone.

import { once } from 'node:events'
import { MessageChannel } from 'node:worker_threads'
import type { MessagePort } from 'node:worker_threads'
import t from 'tap'
import type { Test } from 'tap'
import { Collector, journalConfigOf, quiet, recordOf } from '../../test/support/journal.ts'
import type { JournalConfig } from './config.ts'
import { createLevelCells, openLevels } from './levels.ts'
import type { Levels } from './levels.ts'
import type { AnswerMessage, GroupMessage, Hello } from './messages.ts'
import { createJournalSink } from './sink.ts'
import type { JournalSink } from './sink.ts'
import type { GroupResult } from './writer.ts'

/** A journal thread that answers when the test says so. */
class SlowThread {
  readonly port: MessagePort
  readonly groups: GroupMessage[] = []
  readonly levels: Levels
  readonly #own: MessagePort

  constructor () {
    const { port1, port2 } = new MessageChannel()
    const cells = createLevelCells()
    this.levels = openLevels(cells)
    this.levels.setState('open')
    this.port = port2
    this.#own = port1
    port1.postMessage({ kind: 'hello', syncWord: 77, levels: cells } satisfies Hello)
    port1.on('message', (group: GroupMessage) => this.groups.push(group))
  }

  async received (count: number): Promise<void> {
    while (this.groups.length < count) await once(this.#own, 'message')
  }

  answer (result: GroupResult): void {
    const group = this.groups.shift()
    if (group === undefined) throw new Error('no group to answer')
    this.#own.postMessage({ kind: 'answer', bytes: group.bytes, result } satisfies AnswerMessage, [group.bytes])
  }

  die (): void { this.#own.close() }
}

interface Rig {
  readonly thread: SlowThread
  readonly sink: JournalSink
  readonly outcomes: Collector
  send (from: number, to: number, deadlineMs?: number): void
}

function rigOf (t: Test, changed: Partial<JournalConfig> = {}): Rig {
  const thread = new SlowThread()
  const sink = createJournalSink({ port: thread.port, config: journalConfigOf('/nowhere', changed), log: quiet })
  const outcomes = new Collector()
  t.teardown(() => thread.die())
  return {
    thread, sink, outcomes,
    send (from, to, deadlineMs = 0) {
      for (let i = from; i <= to; i++) sink.deliver(recordOf(i), outcomes, i, deadlineMs)
    }
  }
}

const level = (sink: JournalSink, name: string): number => sink.gauges.get(name)?.() ?? NaN

t.test('events of one turn travel together, those of a later one wait for an answer when two groups are out', async t => {
  const { thread, sink, outcomes, send } = rigOf(t)
  send(0, 9)
  await thread.received(1)
  send(10, 10)
  await thread.received(2)
  send(11, 30)
  t.equal(level(sink, 'journal_groups_out'), 2)
  thread.answer({ kind: 'written', segment: 3, position: 1_000 })
  await outcomes.count(10)
  await thread.received(2)
  t.equal(level(sink, 'journal_groups_out'), 2)
  thread.answer({ kind: 'written', segment: 3, position: 2_000 })
  thread.answer({ kind: 'written', segment: 4, position: 48 })
  await outcomes.count(31)
  t.equal(level(sink, 'journal_buffer_bytes'), 0)
  t.same(outcomes.of(0), {
    outcome: 'written', ack: 'disk', id: 'id-0', source: '/test', topic: undefined, partition: undefined,
    offset: undefined, journal: '3:1000'
  })
  t.match(outcomes.of(11), { outcome: 'written', journal: '4:48' })
})

t.test('a group ends at groupBytesMax, and one that is larger travels alone', async t => {
  const { thread, sink, outcomes } = rigOf(t, { groupBytesMax: 10_000 })
  for (let i = 0; i < 4; i++) sink.deliver(recordOf(i, Buffer.alloc(4_000)), outcomes, i, 0)
  sink.deliver(recordOf(4, Buffer.alloc(300_000)), outcomes, 4, 0)
  await thread.received(2)
  t.ok(thread.groups.every(group => group.usedBytes < 10_000 && group.usedBytes > 8_000))
  thread.answer({ kind: 'unknown' })
  await thread.received(2)
  t.ok((thread.groups[1]?.usedBytes ?? 0) > 300_000)
})

t.test('what waits is bounded: above bufferBytesMax an event is overloaded, and room comes back', async t => {
  const { thread, sink, outcomes } = rigOf(t, { bufferBytesMax: 10_000 })
  for (let i = 0; i < 4; i++) sink.deliver(recordOf(i, Buffer.alloc(3_000)), outcomes, i, 0)
  t.match(outcomes.of(3), { outcome: 'refused', code: 'overloaded', retryAfterMs: Number })
  t.ok(level(sink, 'journal_buffer_bytes') <= level(sink, 'journal_buffer_limit_bytes'))
  await thread.received(1)
  thread.answer({ kind: 'written', segment: 1, position: 48 })
  await outcomes.count(4)
  sink.deliver(recordOf(5, Buffer.alloc(3_000)), outcomes, 5, 0)
  t.equal(outcomes.of(5), undefined)
  sink.deliver(recordOf(6, Buffer.alloc(20_000)), outcomes, 6, 0)
  t.match(outcomes.of(6), { code: 'too-large' }, 'what can never fit is not told to come back')
})

t.test('at its deadline an event that the thread has is unknown, one that it does not have is taken back', async t => {
  const { thread, sink, outcomes, send } = rigOf(t)
  const soonMs = performance.now() + 30
  send(0, 0, soonMs)
  await thread.received(1)
  send(1, 1, soonMs)
  await thread.received(2)
  send(2, 2)
  send(3, 4, soonMs)
  send(5, 5, performance.now() + 60_000)
  await outcomes.count(4)
  t.match(outcomes.of(0), { outcome: 'unknown', code: 'delivery-timeout' })
  t.match(outcomes.of(1), { outcome: 'unknown', code: 'delivery-timeout' })
  t.match(outcomes.of(3), { outcome: 'refused', code: 'sink-unavailable' })
  t.match(outcomes.of(4), { outcome: 'refused', code: 'sink-unavailable' })
  t.ok(performance.now() >= soonMs)
  thread.answer({ kind: 'written', segment: 1, position: 48 })
  thread.answer({ kind: 'written', segment: 1, position: 200 })
  await thread.received(1)
  const handed = thread.groups[0]
  const text = Buffer.from(handed?.bytes ?? new ArrayBuffer(0), 0, handed?.usedBytes).toString('latin1')
  t.match(text, /value 2.*value 5/s)
  t.notMatch(text, /value [34]/, 'what was refused is not handed over')
  thread.answer({ kind: 'written', segment: 1, position: 500 })
  await outcomes.count(6)
  const receipts = [outcomes.of(2), outcomes.of(5)].map(outcome => outcome?.outcome === 'written' ? outcome.journal : '')
  t.equal(receipts[0], '1:500')
  t.equal(receipts[1], `1:${500 + (handed?.usedBytes ?? 0) / 2}`)
  t.equal(level(sink, 'journal_buffer_bytes'), 0)
})

t.test('each answer of the thread has its refusal', async t => {
  const { thread, outcomes, send } = rigOf(t)
  const table = [
    [{ kind: 'unknown' }, { outcome: 'unknown', code: 'internal' }],
    [{ kind: 'refused', state: 'full' }, { outcome: 'refused', code: 'journal-full', retryAfterMs: 20 }],
    [{ kind: 'refused', state: 'disk-full' }, { outcome: 'refused', code: 'journal-full', retryAfterMs: 20 }],
    [{ kind: 'refused', state: 'broken' }, { outcome: 'refused', code: 'sink-unavailable' }],
    [{ kind: 'refused', state: 'closed' }, { outcome: 'refused', code: 'sink-unavailable' }]
  ] as const
  for (const [index, [result, refusal]] of table.entries()) {
    send(index, index)
    await thread.received(1)
    thread.answer(result)
    await outcomes.count(index + 1)
    t.match(outcomes.of(index), refusal)
    t.notMatch(JSON.stringify(outcomes.of(index)), /nowhere/, 'no path of the node is told to clients')
  }
})

t.test('while the journal is full events are refused at once, and health names the folder', async t => {
  const { thread, sink, outcomes, send } = rigOf(t)
  t.same(sink.health(), { ready: true, reason: '' })
  thread.levels.setState('full')
  send(0, 0)
  t.match(outcomes.of(0), { outcome: 'refused', code: 'journal-full' })
  t.match(sink.health(), { ready: false, reason: /\/nowhere/ })
  thread.levels.setState('open')
  send(1, 1)
  await thread.received(1)
  t.ok(sink.health().ready)
})

t.test('when the thread dies, what it has is unknown, what it has not is refused, and a new thread takes over', async t => {
  const { thread, sink, outcomes, send } = rigOf(t)
  send(0, 0)
  await thread.received(1)
  send(1, 1)
  await thread.received(2)
  send(2, 2)
  thread.die()
  await outcomes.count(3)
  t.match(outcomes.of(0), { outcome: 'unknown', code: 'internal' })
  t.match(outcomes.of(1), { outcome: 'unknown', code: 'internal' })
  t.match(outcomes.of(2), { outcome: 'refused', code: 'sink-unavailable' })
  send(3, 3)
  t.match(outcomes.of(3), { outcome: 'refused', code: 'sink-unavailable' })
  t.match(sink.health(), { ready: false, reason: /not running/ })
  const next = new SlowThread()
  t.teardown(() => next.die())
  sink.replacePort(next.port)
  t.ok(sink.health().ready)
  send(4, 4)
  await next.received(1)
  next.answer({ kind: 'written', segment: 9, position: 48 })
  await outcomes.count(5)
  t.equal(outcomes.of(4)?.outcome, 'written')
  t.equal(level(sink, 'journal_buffer_bytes'), 0)
})

t.test('draining finishes what is under way and refuses what is new', async t => {
  const { thread, sink, outcomes, send } = rigOf(t)
  send(0, 3)
  const drained = sink.drain(60_000)
  send(4, 4)
  t.match(outcomes.of(4), { code: 'shutting-down' })
  await thread.received(1)
  thread.answer({ kind: 'written', segment: 1, position: 48 })
  await drained
  t.equal(outcomes.of(3)?.outcome, 'written')
  t.equal(outcomes.size, 5)
})

t.test('draining a thread that does not answer ends in time, with everything settled', async t => {
  const { thread, sink, outcomes, send } = rigOf(t)
  send(0, 0)
  await thread.received(1)
  await sink.drain(20)
  t.match(outcomes.of(0), { outcome: 'unknown', code: 'delivery-timeout' })
  await sink.drain(20)
})

t.test('a port that no journal thread said hello on is refused', async t => {
  const { port1, port2 } = new MessageChannel()
  t.teardown(() => port1.close())
  t.throws(() => createJournalSink({ port: port2, config: journalConfigOf('/nowhere'), log: quiet }), /port/)
})
