// A sink, a broker double and a flow of records between them, and what must hold of all three in the end.

import { setTimeout as pause } from 'node:timers/promises'
import type { Test } from 'tap'
import type { Sink } from '../../../src/contract/sink.ts'
import { readHeader, readRecords } from '../broker-double/batch.ts'
import { startBrokerDouble } from '../broker-double/index.ts'
import type { BrokerDouble, DoubleSetup, SeenBatch, TopicSetup } from '../broker-double/index.ts'
import { until } from '../kafka-wire.ts'
import { assertHonest } from '../sink-conformance.ts'
import type { MakeSink, SinkSetup } from '../sink-conformance.ts'
import { SinkRecorder } from '../sink-recorder.ts'

/** Short, so that a silence is noticed soon. */
export const requestTimeoutMs = 600

/** One thing that a sink must survive. */
export interface Scenario {
  readonly title: string
  run (t: Test, make: MakeSink): Promise<void>
}

export interface StageSetup {
  readonly brokers?: number
  readonly topic?: TopicSetup
  readonly versions?: DoubleSetup['versions']
  readonly sink?: Partial<SinkSetup>
  /** Called before the sink is there. */
  before? (double: BrokerDouble): void
}

export interface Stage {
  readonly double: BrokerDouble
  readonly sink: Sink
  readonly recorder: SinkRecorder
  readonly topic: string
}

export async function setStage (t: Test, make: MakeSink, setup: StageSetup = {}): Promise<Stage> {
  const topic = 'orders'
  const { brokers = 1, versions } = setup
  const double = await startBrokerDouble({
    brokers, topics: { [topic]: { partitions: 3, ...setup.topic } }, ...(versions === undefined ? {} : { versions })
  })
  setup.before?.(double)
  const sink = make({ brokers: double.brokers, requestTimeoutMs, ...setup.sink })
  t.teardown(async () => {
    await sink.drain(100)
    await double.stop()
  })
  return { double, sink, recorder: new SinkRecorder(sink, topic), topic }
}

/** Sends a few records each turn until told to stop, as clients do who do not wait for each other. */
class Flow {
  readonly #recorder: SinkRecorder
  readonly #ended: Promise<void>
  #stopped = false

  constructor (recorder: SinkRecorder) {
    this.#recorder = recorder
    this.#ended = this.#run()
  }

  async #run (): Promise<void> {
    for (let i = 0; !this.#stopped; i++) {
      // No deadline comes before the scenario is over.
      this.#recorder.send({ key: `key-${i % 20}`, value: `value ${i}`, deadlineInMs: 25_000 })
      if (i % 5 === 0) await pause(5)
    }
  }

  /** Resolves when nothing is sent any more. */
  stop (): Promise<void> {
    this.#stopped = true
    return this.#ended
  }
}

export function writtenCount (recorder: SinkRecorder): number {
  return recorder.tally()['written'] ?? 0
}

/** Resolves once so many more are written. */
export async function moreWritten (recorder: SinkRecorder, count: number): Promise<void> {
  const before = writtenCount(recorder)
  await until({
    what: `${count} more receipts`, timeoutMs: 20_000, explain: async () => JSON.stringify(recorder.tally())
  }, async () => writtenCount(recorder) >= before + count ? true : undefined)
}

/** Does something while records flow, before and after it too. */
export async function underLoad ({ recorder }: Stage, act: () => Promise<void>): Promise<void> {
  const flow = new Flow(recorder)
  try {
    await moreWritten(recorder, 50)
    await act()
    await moreWritten(recorder, 50)
  } finally {
    await flow.stop()
  }
  await recorder.settled()
}

/** What must hold of every stage: nothing lost, repeated, put out of order, or sent as no client of Kafka may. */
export async function assertSound (t: Test, { double, recorder, topic, sink }: Stage): Promise<void> {
  assertHonest(t, recorder, recorder.check(double.records(topic)))
  t.same(double.violations, [], 'the protocol was kept')
  t.same(renumbered(double), [], 'what may be written was only sent again under its own number')
  await until({ what: 'every byte to be given back', timeoutMs: 10_000 }, async () =>
    sink.gauges.get('buffer_bytes')?.() === 0 || undefined)
}

export async function assertAllWritten (t: Test, stage: Stage): Promise<void> {
  t.same(stage.recorder.tally(), { written: stage.recorder.sentCount }, 'everything is written in the end')
  await assertSound(t, stage)
}

/** Codes after which a batch may be written all the same. */
const unsureCodes: ReadonlySet<number> = new Set([-1, 7, 13, 20, 56, 999])

/** Records that were sent under a second number although they might have been written under the first. */
export function renumbered (double: BrokerDouble): readonly string[] {
  const bound = new Map<string, string>()
  const found: string[] = []
  for (const { batches, answered } of double.requests) {
    for (const batch of batches) {
      const isSure = answered && batch.code !== undefined && !unsureCodes.has(batch.code)
      for (const [id, number] of numbersIn(batch)) {
        const before = bound.get(id)
        if (before !== undefined && before !== number) found.push(`${id}: ${before}, then ${number}`)
        if (!isSure) bound.set(id, number)
      }
    }
  }
  return found
}

/** Producer id, epoch and sequence of each record by its own id. */
function numbersIn ({ topic, partition, bytes, producerId, epoch, baseSequence }: SeenBatch): [string, string][] {
  const header = readHeader(bytes)
  const records = header === undefined ? 'broken' : readRecords(bytes, header)
  if (typeof records === 'string') return []
  return records.map(({ headers, offsetDelta }) => {
    const id = headers.find(([name]) => name === 'ce_id')?.[1]
    const sequence = (baseSequence + offsetDelta) % 2 ** 31
    return [`${topic}/${partition}/${String(id)}`, `producer ${producerId}, epoch ${epoch}, sequence ${sequence}`]
  })
}
