// Brokers that go, come, freeze and move what they lead; pauses they ask for; neighbours; versions of the releases.

import { partitionOfKey } from '../../../src/kafka/partitioner.ts'
import { releases } from '../broker-double/versions.ts'
import type { Release } from '../broker-double/index.ts'
import { until } from '../kafka-wire.ts'
import { codeOf, whenReady } from '../sink-conformance.ts'
import { SinkRecorder } from '../sink-recorder.ts'
import { assertAllWritten, assertSound, moreWritten, requestTimeoutMs, setStage, underLoad } from './stage.ts'
import type { Scenario, Stage } from './stage.ts'

/** A key of each of three partitions. */
const keyOf = [0, 1, 2].map(partition =>
  [...'abcdefghijklmnop'].find(key => partitionOfKey(Buffer.from(key), 3) === partition) ?? '')

/** What waits behind a neighbour waits until the test lets it go on, or for the neighbour's deadline. */
const promptMs = 1_000

/** Longer than a request may take. */
function longSilence (): Promise<void> {
  return new Promise(resolve => { setTimeout(resolve, 2 * requestTimeoutMs) })
}

/** Something happens to the cluster under load, after which everything is written. */
function happening (title: string, brokers: number, act: (stage: Stage) => Promise<void>): Scenario {
  return {
    title,
    async run (t, make) {
      const stage = await setStage(t, make, { brokers })
      await underLoad(stage, () => act(stage))
      await assertAllWritten(t, stage)
    }
  }
}

const happenings: readonly Scenario[] = [
  happening('a broker refuses connections for a while', 1, async ({ double }) => {
    await double.takeDown(0)
    await longSilence()
    await double.bringUp(0)
  }),
  happening('a broker goes for good, and others lead what it led', 3, async ({ double, topic }) => {
    await double.takeDown(0)
    await longSilence()
    // Partition 0 is the one it led.
    double.moveLeader(topic, 0, 2)
    await double.seen({ api: 'Produce', topic, partition: 0, broker: 2 })
  }),
  happening('every connection is cut', 3, async ({ double }) => {
    for (const broker of [0, 1, 2]) double.cut(broker)
  }),
  happening('every connection goes silent, and new ones work', 3, async ({ double }) => {
    for (const broker of [0, 1, 2]) double.silence(broker)
  }),
  happening('a broker freezes, and does late what it was sent', 3, async ({ double, recorder }) => {
    double.freeze(0)
    await longSilence()
    double.thaw(0)
    await moreWritten(recorder, 50)
  }),
  happening('leaders move from broker to broker', 3, async ({ double, recorder, topic }) => {
    for (let round = 1; round <= 6; round++) {
      for (const partition of [0, 1, 2]) double.moveLeader(topic, partition, (partition + round) % 3)
      await moreWritten(recorder, 20)
    }
  }),
  happening('a partition is without a leader for a while', 2, async ({ double, topic, recorder }) => {
    double.moveLeader(topic, 0, -1)
    const refused = recorder.sentCount
    await until({ what: 'records to wait', timeoutMs: 10_000 }, async () => recorder.sentCount > refused + 50 || undefined)
    double.moveLeader(topic, 0, 1)
  }),
  happening('an answer gets lost, and another broker leads from then on', 2, async ({ double, topic }) => {
    await double.script({ api: 'Produce', topic, partition: 0, broker: 0 }, { drop: 'after' }).played()
    double.moveLeader(topic, 0, 1)
  }),
  happening('a request is held up on its way, and arrives after it was sent again', 1, async ({ double, recorder }) => {
    const held = double.script({ api: 'Produce' }, { stall: true })
    await held.played()
    await moreWritten(recorder, 50)
    held.release()
  }),
  happening('the first of several batches on their way is refused for a moment', 1, async ({ double, topic }) => {
    const slow = double.script({ api: 'Produce', times: 10 }, { lateMs: 60 })
    await slow.played(4)
    await double.script({ api: 'Produce', topic, partition: 0 }, { error: 6 }).played()
    await slow.played(10)
  }),
  happening('a broker forgets every producer', 1, async ({ double, topic }) => {
    for (const partition of [0, 1, 2]) double.forgetProducers(topic, partition)
  })
]

const throttled: Scenario = {
  title: 'a broker that asks for a pause is left alone for it, and no other one is',
  async run (t, make) {
    const pauseMs = 900
    const stage = await setStage(t, make, { brokers: 2 })
    const { double } = stage
    await underLoad(stage, async () => {
      await double.script({ api: 'Produce', broker: 0 }, { throttleMs: pauseMs }).played()
      const at = double.requests.findLastIndex(({ api, broker }) => api === 'Produce' && broker === 0)
      const askedAtMs = double.requests[at]?.atMs ?? Infinity
      await double.seen({ api: 'Produce', broker: 0 }, 1 + double.requests.filter(({ api, broker }) =>
        api === 'Produce' && broker === 0).length)
      const later = double.requests.slice(at + 1).filter(({ api }) => api === 'Produce')
      // Requests that were on their way already when the answer came may still arrive.
      const afterMs = later.filter(({ broker }) => broker === 0).map(({ atMs }) => atMs - askedAtMs)
      t.same(afterMs.filter(ms => ms > 100 && ms < pauseMs - 5), [])
      t.ok(later.filter(({ broker }) => broker === 1).length > 10, 'the other one had work meanwhile')
    })
    await assertAllWritten(t, stage)
  }
}

const leaderlessNeighbour: Scenario = {
  title: 'nobody waits behind a partition that has no leader',
  async run (t, make) {
    const stage = await setStage(t, make, { brokers: 2 })
    const { double, recorder, topic } = stage
    await recorder.ask({ key: keyOf[0] ?? '' })
    double.moveLeader(topic, 0, -1)
    const waiting = Array.from({ length: 10 }, () => recorder.send({ key: keyOf[0] ?? '', deadlineInMs: 25_000 }))
    for (let i = 0; i < 20; i++) {
      const startMs = performance.now()
      t.equal(codeOf(await recorder.ask({ key: keyOf[1 + i % 2] ?? '' })), 'written')
      t.ok(performance.now() - startMs < promptMs, 'at once')
    }
    t.same(recorder.tally(), { written: 21, open: waiting.length })
    double.moveLeader(topic, 0, 1)
    await recorder.settled()
    await assertAllWritten(t, stage)
  }
}

const missingNeighbour: Scenario = {
  title: 'nobody waits behind a topic that does not exist',
  async run (t, make) {
    const stage = await setStage(t, make)
    const { recorder, sink } = stage
    await recorder.ask()
    const missing = new SinkRecorder(sink, 'nowhere')
    for (let i = 0; i < 20; i++) {
      missing.send()
      const startMs = performance.now()
      t.equal(codeOf(await recorder.ask({ key: keyOf[i % 3] ?? '' })), 'written')
      t.ok(performance.now() - startMs < promptMs, 'at once')
    }
    await missing.settled()
    t.same(missing.tally(), { undeliverable: 20 })
    await assertAllWritten(t, stage)
  }
}

const deafNeighbour: Scenario = {
  title: 'nobody waits behind a broker that does not answer',
  async run (t, make) {
    const stage = await setStage(t, make, { brokers: 3 })
    const { double, recorder } = stage
    await Promise.all(keyOf.map(key => recorder.ask({ key })))
    double.freeze(0)
    const waiting = Array.from({ length: 10 }, () => recorder.send({ key: keyOf[0] ?? '', deadlineInMs: 25_000 }))
    for (let i = 0; i < 20; i++) {
      const startMs = performance.now()
      t.equal(codeOf(await recorder.ask({ key: keyOf[1 + i % 2] ?? '' })), 'written')
      t.ok(performance.now() - startMs < promptMs, 'at once')
    }
    t.same(recorder.tally(), { written: 23, open: waiting.length })
    double.thaw(0)
    await recorder.settled()
    await assertAllWritten(t, stage)
  }
}

const versionScenarios = (Object.keys(releases) as Release[]).map((versions): Scenario => ({
  title: `a broker speaks the versions of Kafka ${versions}`,
  async run (t, make) {
    const stage = await setStage(t, make, { brokers: 2, versions })
    await underLoad(stage, async () => {
      await stage.double.script({ api: 'Produce' }, { drop: 'after' }).played()
      stage.double.moveLeader(stage.topic, 0, 1)
    })
    await assertAllWritten(t, stage)
    const used = new Set(stage.double.requests.filter(({ api }) => api === 'Produce').map(({ version }) => version))
    t.comment(`Produce ${[...used]}`)
    t.equal(used.size, 1)
  }
}))

const foreignVersions: Scenario = {
  title: 'versions that do not fit are told, refused, and harm nothing',
  async run (t, make) {
    const { Produce: _, ...others } = releases['4.3']
    const stage = await setStage(t, make, { versions: { ...others, Produce: [14, 20] } })
    const { recorder, sink, double, topic } = stage
    const refusal = await recorder.ask({ deadlineInMs: 1_500 })
    t.match(refusal, { outcome: 'refused', code: 'sink-unavailable' })
    t.equal(sink.health().ready, false)
    t.match(sink.health().reason, /version/i, sink.health().reason)
    t.same(double.records(topic), [])
    await assertSound(t, stage)
  }
}

const comeback: Scenario = {
  title: 'while no broker is there a record waits, or is refused at its deadline, and is written once one is back',
  async run (t, make) {
    const stage = await setStage(t, make)
    const { double, recorder, sink } = stage
    await whenReady(sink)
    await double.takeDown(0)
    const patient = recorder.send({ deadlineInMs: 25_000 })
    t.equal(codeOf(await recorder.ask({ deadlineInMs: 300 })), 'sink-unavailable')
    await double.bringUp(0)
    t.equal(codeOf(await recorder.outcomeOf(patient)), 'written')
    await whenReady(sink)
    await assertSound(t, stage)
  }
}

export const clusterScenarios: readonly Scenario[] = [
  ...happenings, throttled, leaderlessNeighbour, missingNeighbour, deafNeighbour, ...versionScenarios, foreignVersions,
  comeback
]
