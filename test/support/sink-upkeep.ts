// What every sink that writes to Kafka must do while somebody works on the cluster: restarts, elections, new topics.

import type { Test } from 'tap'
import type { Sink } from '../../src/contract/sink.ts'
import type { StoredRecord } from './kafka-client.ts'
import type { KafkaRig } from './kafka-rig.ts'
import { strayCount, topicId, whenGone } from './kafka-upkeep.ts'
import { until } from './kafka-wire.ts'
import { assertHonest, codeOf, freshTopic } from './sink-conformance.ts'
import type { MakeSink } from './sink-conformance.ts'
import { Flow, flowKeysCount, moreTold } from './sink-flow.ts'
import { SinkRecorder } from './sink-recorder.ts'

const inSync = { 'min.insync.replicas': '2' }
/** How soon a topic that is made anew must take records again. */
const backMsMax = 10_000

/** With three brokers; all run again after each test. */
export function survivesUpkeep (t: Test, rig: () => KafkaRig, make: MakeSink): void {
  const open = (t: Test, topic: string): { readonly sink: Sink, readonly recorder: SinkRecorder } => {
    const sink = make({ brokers: rig().brokers, requestTimeoutMs: 5_000 })
    t.teardown(() => sink.drain(1_000))
    return { sink, recorder: new SinkRecorder(sink, topic) }
  }

  t.test('a rolling restart and the election after it refuse, lose, repeat and reorder nothing', async t => {
    const topic = freshTopic('rolling')
    await rig().createTopic(topic, { partitions: 6, config: inSync })
    const { sink, recorder } = open(t, topic)
    const flow = new Flow(t, recorder, 20_000)
    await moreTold(recorder, 'written', 200)
    for (const broker of rig().brokers.keys()) {
      await rig().terminate(broker)
      await moreTold(recorder, 'written', 100)
      await rig().restart(broker)
      await moreTold(recorder, 'written', 100)
    }
    t.ok(await strayCount(rig(), topic) > 0, 'restarts have moved leaders away')
    await rig().electPreferred()
    await until({ what: 'the preferred leaders', timeoutMs: 20_000 }, async () =>
      await strayCount(rig(), topic) === 0 ? true : undefined)
    await moreTold(recorder, 'written', 300)
    await flow.stop()
    t.same(Object.keys(recorder.tally()), ['written'], JSON.stringify(recorder.tally()))
    t.equal(sink.gauges.get('identities_retired_total')?.(), 0, 'no number was lost')
    assertHonest(t, recorder, recorder.check(await rig().readAll(topic)))
    assertAtRest(t, sink)
  })

  t.test('a topic that is deleted is refused, and made anew with fewer partitions it is written to', async t => {
    const topic = freshTopic('anew')
    await rig().createTopic(topic, { partitions: 6, config: inSync })
    const { sink, recorder } = open(t, topic)
    const flow = new Flow(t, recorder, 4_000)
    await moreTold(recorder, 'written', 300)
    await rig().deleteTopic(topic)
    await whenGone(rig(), topic)
    await moreTold(recorder, 'undeliverable', 100)
    const before = toldWritten(recorder)
    await rig().createTopic(topic, { partitions: 4, config: inSync })
    await assertBack(t, recorder)
    await flow.stop()
    t.comment(JSON.stringify(recorder.tally()))
    await assertEveryKey(t, recorder)
    const stored = await rig().readAll(topic)
    assertAllOf(t, recorder, stored, { before, between: before })
    t.same([...new Set(stored.map(one => one.partition))], [0, 1, 2, 3])
    assertAtRest(t, sink)
  })

  t.test('a topic that is deleted and at once made anew, three times, gets all that is acknowledged after', async t => {
    const topic = freshTopic('at-once')
    await rig().createTopic(topic, { partitions: 6, config: inSync })
    const { sink, recorder } = open(t, topic)
    for (const partitions of [6, 4, 6]) {
      const flow = new Flow(t, recorder, 8_000)
      await moreTold(recorder, 'written', 300)
      const id = await until({ what: 'a topic id', timeoutMs: 10_000 }, () => topicId(rig(), topic))
      const before = toldWritten(recorder)
      await rig().deleteTopic(topic)
      await rig().createTopic(topic, { partitions, config: inSync })
      await until({ what: 'another topic on every broker', timeoutMs: 20_000 }, async () => {
        const now = await topicId(rig(), topic)
        return now === undefined || now === id ? undefined : true
      })
      // Who was told until now may have been told of the old topic.
      const between = toldWritten(recorder)
      await assertBack(t, recorder)
      await flow.stop()
      await assertEveryKey(t, recorder)
      t.comment(JSON.stringify(recorder.tally()), `retired: ${sink.gauges.get('identities_retired_total')?.()}`)
      assertAllOf(t, recorder, await rig().readAll(topic), { before, between })
      assertAtRest(t, sink)
    }
  })
}

/** Ids of all that was told to be written so far. */
function toldWritten (recorder: SinkRecorder): ReadonlySet<string> {
  return new Set(recorder.check([]).lost)
}

/** Ids of what was told to be written before the old topic was deleted, and before every broker had the new one. */
interface Told { readonly before: ReadonlySet<string>, readonly between: ReadonlySet<string> }

/** What the new topic holds is honest; only what was told before every broker had it may be missing. */
function assertAllOf (t: Test, recorder: SinkRecorder, stored: readonly StoredRecord[], told: Told): void {
  const report = recorder.check(stored)
  assertHonest(t, recorder, { ...report, lost: report.lost.filter(id => !told.between.has(id)) })
  t.same(stored.filter(one => told.before.has(one.headers['ce_id'] ?? '')), [], 'what went with the old topic is gone')
}

/** From now on records are written soon. */
async function assertBack (t: Test, recorder: SinkRecorder): Promise<void> {
  const startMs = performance.now()
  await moreTold(recorder, 'written', 1)
  const tookMs = performance.now() - startMs
  t.ok(tookMs < backMsMax, `written again after ${Math.round(tookMs)} ms`)
  await moreTold(recorder, 'written', 300)
}

async function assertEveryKey (t: Test, recorder: SinkRecorder): Promise<void> {
  const keys = Array.from({ length: flowKeysCount }, (_, i) => `key-${i}`)
  const outcomes = await Promise.all(keys.map(key => recorder.ask({ key, value: `the last of ${key}` })))
  t.same(outcomes.map(codeOf), keys.map(() => 'written'), 'no lane is stuck')
}

/** Nothing is left behind in the sink. */
function assertAtRest (t: Test, sink: Sink): void {
  for (const name of ['buffer_bytes', 'queue_records', 'open_tickets', 'in_flight_batches']) {
    t.equal(sink.gauges.get(name)?.(), 0, name)
  }
}
