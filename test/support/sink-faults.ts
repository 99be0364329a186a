// What every sink that writes to Kafka must do while brokers die, freeze and come back: one suite, on a rig of its own.

import type { Test } from 'tap'
import type { KafkaRig } from './kafka-rig.ts'
import { until } from './kafka-wire.ts'
import { SinkRecorder } from './sink-recorder.ts'
import { assertHonest, codeOf, freshTopic, whenReady } from './sink-conformance.ts'
import type { MakeSink } from './sink-conformance.ts'
import { Flow, moreTold } from './sink-flow.ts'

/** How long a flow here rests between two turns, in milliseconds. */
const turnMs = 5

/** With the one broker of the rig; it runs again after each test. */
export function survivesOneBroker (t: Test, rig: () => KafkaRig, make: MakeSink): void {
  t.test('while Kafka is down nothing is sent, everything is refused at its deadline, and stays refused', async (t) => {
    const topic = freshTopic('down')
    await rig().createTopic(topic)
    const sink = make({ brokers: rig().brokers, requestTimeoutMs: 1_000 })
    t.teardown(() => sink.drain(1_000))
    const recorder = new SinkRecorder(sink, topic)
    t.equal(codeOf(await recorder.ask()), 'written')
    await rig().kill(0)
    const startMs = performance.now()
    for (let i = 0; i < 50; i++) recorder.send({ key: `key-${i}`, deadlineInMs: 700 })
    const patient = recorder.send({ key: 'patient', deadlineInMs: 0 })
    const refused = await recorder.outcomeOf(1)
    const tookMs = performance.now() - startMs
    t.match(refused, { outcome: 'refused', code: 'sink-unavailable', retryAfterMs: Number })
    t.ok(tookMs >= 650 && tookMs < 2_000, `refused after ${tookMs} ms`)
    await until({ what: 'the sink to say why', timeoutMs: 10_000 }, async () => sink.health().ready ? undefined : true)
    t.match(sink.health().reason, /no Kafka broker accepts connections/)
    // The deadlines of the others may lie a sweep later than that of the first.
    await until({ what: 'the others to be refused', timeoutMs: 10_000 }, async () =>
      recorder.tally()['sink-unavailable'] === 50 ? true : undefined)
    t.same(recorder.tally(), { 'written': 1, 'sink-unavailable': 50, 'open': 1 }, 'who has no deadline waits on')
    await rig().restart(0)
    t.equal(codeOf(await recorder.outcomeOf(patient)), 'written', 'and is served when Kafka is back')
    await whenReady(sink)
    t.equal(codeOf(await recorder.ask()), 'written')
    assertHonest(t, recorder, recorder.check(await rig().readAll(topic, { count: 3 })))
  })

  t.test('a sink that starts while Kafka is down connects when it comes', async (t) => {
    await rig().kill(0)
    const topic = freshTopic('early')
    const sink = make({ brokers: rig().brokers })
    t.teardown(() => sink.drain(1_000))
    const recorder = new SinkRecorder(sink, topic)
    t.equal(codeOf(await recorder.ask({ deadlineInMs: 300 })), 'sink-unavailable')
    await rig().restart(0)
    await rig().createTopic(topic)
    await whenReady(sink)
    await until({ what: 'a receipt', timeoutMs: 10_000 }, async () =>
      codeOf(await recorder.ask({ deadlineInMs: 2_000 })) === 'written' ? true : undefined)
  })

  t.test('a broker killed under load loses nothing that was acknowledged, and repeats nothing', async (t) => {
    const topic = freshTopic('killed')
    await rig().createTopic(topic)
    const sink = make({ brokers: rig().brokers, requestTimeoutMs: 1_000 })
    t.teardown(() => sink.drain(1_000))
    const recorder = new SinkRecorder(sink, topic)
    const flow = new Flow(t, recorder, 1_500, turnMs)
    await moreTold(recorder, 'written', 301)
    await rig().kill(0)
    await rig().restart(0)
    await moreTold(recorder, 'written', 101)
    await flow.stop()
    t.comment(JSON.stringify(recorder.tally()))
    assertHonest(t, recorder, recorder.check(await rig().readAll(topic)))
  })

  t.test('a frozen broker: who was sent is told unknown, and the same batch is acknowledged after', async (t) => {
    const topic = freshTopic('frozen')
    await rig().createTopic(topic, { partitions: 1 })
    const sink = make({ brokers: rig().brokers, requestTimeoutMs: 700 })
    t.teardown(() => sink.drain(1_000))
    const recorder = new SinkRecorder(sink, topic)
    t.equal(codeOf(await recorder.ask()), 'written')
    await rig().freeze(0)
    const sent = recorder.send({ value: 'sent into silence', deadlineInMs: 1_500 })
    const patient = recorder.send({ value: 'waits as long as it takes', deadlineInMs: 0 })
    // The first two travel in one batch; the next one waits behind them, or follows them into the silence.
    await until({ what: 'the batch to leave', timeoutMs: 5_000 }, async () =>
      sink.gauges.get('queue_records')?.() === 0 ? true : undefined)
    const behind = recorder.send({ value: 'behind it', deadlineInMs: 1_500 })
    t.match(await recorder.outcomeOf(sent), { outcome: 'unknown', code: 'delivery-timeout' })
    t.match(codeOf(await recorder.outcomeOf(behind)), /^(sink-unavailable|delivery-timeout)$/)
    await rig().thaw(0)
    t.match(await recorder.outcomeOf(patient), { outcome: 'written' })
    t.equal(codeOf(await recorder.ask()), 'written')
    t.equal(sink.gauges.get('identities_retired_total')?.(), 0, 'under the same producer id')
    assertHonest(t, recorder, recorder.check(await rig().readAll(topic, { count: 4 })))
  })

  t.test('a batch that is given up costs its producer id, and the next batch is not taken for it', async (t) => {
    const topic = freshTopic('given-up')
    await rig().createTopic(topic, { partitions: 1 })
    const sink = make({ brokers: rig().brokers, requestTimeoutMs: 400, deliveryTimeoutMs: 1_000 })
    t.teardown(() => sink.drain(1_000))
    const recorder = new SinkRecorder(sink, topic)
    t.equal(codeOf(await recorder.ask()), 'written')
    await rig().freeze(0)
    t.equal(codeOf(await recorder.ask({ value: 'given up', deadlineInMs: 500 })), 'delivery-timeout')
    await until({ what: 'the batch to be given up', timeoutMs: 15_000 }, async () =>
      sink.gauges.get('identities_retired_total')?.() === 1 ? true : undefined)
    t.equal(sink.gauges.get('buffer_bytes')?.(), 0)
    await rig().thaw(0)
    t.equal(codeOf(await recorder.ask({ value: 'after', deadlineInMs: 15_000 })), 'written')
    const stored = await rig().readAll(topic)
    assertHonest(t, recorder, recorder.check(stored))
    t.ok(stored.some((one) => String(one.value) === 'after'))
  })

  t.test('a drain while Kafka is frozen ends in time and settles everything', async (t) => {
    const topic = freshTopic('stuck')
    await rig().createTopic(topic)
    const sink = make({ brokers: rig().brokers })
    const recorder = new SinkRecorder(sink, topic)
    t.equal(codeOf(await recorder.ask()), 'written')
    await rig().freeze(0)
    for (let i = 0; i < 30; i++) recorder.send({ key: `key-${i}`, deadlineInMs: 0 })
    const startMs = performance.now()
    await sink.drain(800)
    const tookMs = performance.now() - startMs
    t.ok(tookMs < 3_000, `${tookMs} ms`)
    t.equal(recorder.openCount, 0)
    await rig().thaw(0)
    assertHonest(t, recorder, recorder.check(await rig().readAll(topic)))
  })
}

/** With three brokers, of which one leads the topic's partition 0. */
export function survivesThreeBrokers (t: Test, rig: () => KafkaRig, make: MakeSink): void {
  for (const fault of ['kill', 'freeze'] as const) {
    t.test(`a leader under ${fault} makes way for another; nothing is lost, repeated or put out of order`, async (t) => {
      const topic = freshTopic(fault)
      await rig().createTopic(topic, { partitions: 6, config: { 'min.insync.replicas': '2' } })
      const sink = make({ brokers: rig().brokers, requestTimeoutMs: 1_500 })
      t.teardown(() => sink.drain(1_000))
      const recorder = new SinkRecorder(sink, topic)
      const flow = new Flow(t, recorder, 12_000, turnMs)
      await moreTold(recorder, 'written', 301)
      const leader = await rig().leaderOf(topic, 0)
      await rig()[fault](leader)
      await until({ what: 'another leader', timeoutMs: 60_000 }, async () => {
        const now = await leaderBesides(rig(), topic, leader)
        return now === leader ? undefined : true
      })
      await moreTold(recorder, 'written', 501)
      await flow.stop()
      t.comment(JSON.stringify(recorder.tally()), `identities retired: ${sink.gauges.get('identities_retired_total')?.()}`)
      await (fault === 'kill' ? rig().restart(leader) : rig().thaw(leader))
      assertHonest(t, recorder, recorder.check(await rig().readAll(topic)))
      t.ok((recorder.tally()['written'] ?? 0) > 800)
    })
  }
}

async function leaderBesides (rig: KafkaRig, topic: string, leader: number): Promise<number> {
  return rig.leaderOf(topic, 0).catch(() => leader)
}
