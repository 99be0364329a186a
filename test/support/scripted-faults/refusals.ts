// What is refused, and what nobody can know: told as it is, without a gap for what follows.

import { until } from '../kafka-wire.ts'
import { codeOf } from '../sink-conformance.ts'
import { assertSound, moreWritten, setStage, underLoad, writtenCount } from './stage.ts'
import type { Scenario } from './stage.ts'

/** Codes by which a batch is refused for good: those behind it are written all the same. */
const refusedForGood = ([
  ['a batch that the user may not write is refused, and leaves no gap', 29],
  ['a batch for a topic of an impossible name is refused, and leaves no gap', 17],
  ['a batch of a kind that the broker does not support is refused, and leaves no gap', 43]
] as const).map(([title, error]): Scenario => ({
  title,
  async run (t, make) {
    const stage = await setStage(t, make, { topic: { partitions: 1 } })
    const { double, recorder, topic } = stage
    await underLoad(stage, async () => {
      // Several batches are on their way when the first of them is refused.
      const slow = double.script({ api: 'Produce', times: 12 }, { lateMs: 40 })
      await slow.played(3)
      await double.script({ api: 'Produce', topic, partition: 0, times: 2 }, { error }).played(2)
      await moreWritten(recorder, 50)
      slow.cancel()
    })
    const { written = 0, undeliverable = 0, ...others } = recorder.tally()
    t.same(others, {}, 'nobody else suffers')
    t.ok(undeliverable > 0)
    t.equal(written + undeliverable, recorder.sentCount)
    const series = new Set(double.records(topic).map(({ producerId, epoch }) => `${producerId}, ${epoch}`))
    t.equal(series.size, 1, 'a definite answer costs no producer id and no epoch')
    await assertSound(t, stage)
  }
}))

const tooLarge: Scenario = {
  title: 'a record that the broker finds too large is refused alone, in the middle of others',
  async run (t, make) {
    const stage = await setStage(t, make, { topic: { partitions: 1, batchBytesMax: 20_000 } })
    const { recorder } = stage
    await recorder.ask()
    const large: number[] = []
    for (let i = 0; i < 200; i++) {
      if (i % 50 === 25) large.push(recorder.send({ value: Buffer.alloc(30_000), deadlineInMs: 25_000 }))
      recorder.send({ key: 'key', value: Buffer.alloc(500, 'x'), deadlineInMs: 25_000 })
      if (i % 20 === 0) await new Promise(setImmediate)
    }
    await recorder.settled()
    for (const ticket of large) t.equal(codeOf(await recorder.outcomeOf(ticket)), 'undeliverable')
    t.same(recorder.tally(), { written: 201, undeliverable: large.length })
    await assertSound(t, stage)
  }
}

const invalid: Scenario = {
  title: 'a record that is invalid for its topic is refused alone, in the middle of others',
  async run (t, make) {
    const stage = await setStage(t, make, { topic: { partitions: 1, compacted: true } })
    const { recorder } = stage
    await recorder.ask({ key: 'key' })
    for (let i = 0; i < 100; i++) {
      recorder.send({ key: i % 25 === 10 ? null : `key-${i % 3}`, deadlineInMs: 25_000 })
      if (i % 20 === 0) await new Promise(setImmediate)
    }
    await recorder.settled()
    t.same(recorder.tally(), { written: 97, undeliverable: 4 })
    await assertSound(t, stage)
  }
}

const silence: Scenario = {
  title: 'what was sent into silence is told unknown, and what comes after it is written',
  async run (t, make) {
    const stage = await setStage(t, make, { topic: { partitions: 1 } })
    const { double, recorder } = stage
    await recorder.ask()
    const silent = double.script({ api: 'Produce', times: Infinity }, { silent: 'after' })
    const sent = recorder.send({ value: 'sent', deadlineInMs: 1_000 })
    await silent.played()
    for (let i = 0; i < 20; i++) recorder.send({ value: `behind ${i}`, deadlineInMs: 1_000 })
    t.match(await recorder.outcomeOf(sent), { outcome: 'unknown', code: 'delivery-timeout' })
    await recorder.settled()
    const { written, ...others } = recorder.tally()
    t.equal(written, 1)
    t.same(Object.keys(others).filter(code => code !== 'delivery-timeout' && code !== 'sink-unavailable'), [])
    silent.cancel()
    t.equal(codeOf(await recorder.ask({ deadlineInMs: 25_000 })), 'written')
    const report = recorder.check(double.records(stage.topic))
    t.same([report.lost, report.phantom, report.duplicated], [[], [], []])
    t.ok(double.records(stage.topic).some(({ value }) => String(value) === 'sent'), 'it was written, as nobody could know')
  }
}

const zombie: Scenario = {
  title: 'a batch that was given up and arrives late harms nothing that was written since',
  async run (t, make) {
    const stage = await setStage(t, make, {
      topic: { partitions: 1 }, sink: { requestTimeoutMs: 300, deliveryTimeoutMs: 1_000 }
    })
    const { double, recorder, sink } = stage
    await recorder.ask()
    const held = double.script({ api: 'Produce', times: Infinity }, { stall: true })
    t.equal(codeOf(await recorder.ask({ value: 'given up', deadlineInMs: 500 })), 'delivery-timeout')
    await until({ what: 'the batch to be given up', timeoutMs: 15_000 }, async () =>
      sink.gauges.get('identities_retired_total')?.() === 1 ? true : undefined)
    held.cancel()
    for (let i = 0; i < 20; i++) recorder.send({ key: 'key', value: `since ${i}`, deadlineInMs: 25_000 })
    await recorder.settled()
    const requestCount = double.requests.length
    held.release()
    await until({ what: 'the late requests to be looked at', timeoutMs: 5_000 }, async () =>
      double.requests.slice(0, requestCount).every(({ batches }) => batches.every(({ fate }) => fate !== 'untouched')) ||
      undefined)
    for (let i = 0; i < 20; i++) recorder.send({ key: 'key', value: `after ${i}`, deadlineInMs: 25_000 })
    await recorder.settled()
    t.same(recorder.tally(), { 'written': 41, 'delivery-timeout': 1 })
    await assertSound(t, stage)
  }
}

const drained: Scenario = {
  title: 'a drain while nothing is answered ends in time and settles everything',
  async run (t, make) {
    const stage = await setStage(t, make)
    const { double, recorder, sink } = stage
    await recorder.ask()
    double.freeze(0)
    for (let i = 0; i < 50; i++) recorder.send({ key: `key-${i}`, deadlineInMs: 0 })
    const startMs = performance.now()
    await sink.drain(500)
    t.ok(performance.now() - startMs < 2_000, `${performance.now() - startMs} ms`)
    t.equal(recorder.openCount, 0)
    t.equal(writtenCount(recorder), 1)
    const count = double.requests.length
    double.thaw(0)
    await until({ what: 'what was sent to be written', timeoutMs: 5_000 }, async () =>
      double.connectionCount(0) === 0 ? true : undefined)
    t.comment(`${double.requests.length - count} requests were done late`)
    const report = recorder.check(double.records(stage.topic))
    t.same([report.lost, report.phantom, report.duplicated], [[], [], []])
  }
}

export const refusalScenarios: readonly Scenario[] = [...refusedForGood, tooLarge, invalid, silence, zombie, drained]
