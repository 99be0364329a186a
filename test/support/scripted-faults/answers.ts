// Answers that are wrong, late, cut or missing: played a few times under load, after which everything is written.

import type { Fault, Match } from '../broker-double/index.ts'
import { assertAllWritten, requestTimeoutMs, setStage, underLoad } from './stage.ts'
import type { Scenario } from './stage.ts'

interface Case {
  readonly title: string
  readonly fault: Fault
  readonly match?: Match
  /** 2 unless told. */
  readonly times?: number
}

/** Codes for one partition, with whether the batch is in the log all the same. */
const codes: readonly (readonly [title: string, error: number, written: boolean])[] = [
  ['a broker does not know the topic yet', 3, false],
  ['a partition has no leader for a moment', 5, false],
  ['a broker does not lead any more', 6, false],
  ['a broker finds a batch corrupt', 2, false],
  ['replication timed out, and the batch is written', 7, true],
  ['replication timed out, and the batch is not written', 7, false],
  ['there are too few replicas', 19, false],
  ['there are too few replicas after the batch was written', 20, true],
  ['a disk failed before the batch was written', 56, false],
  ['a disk failed after the batch was written', 56, true],
  ['a broker does not know what went wrong before it wrote', -1, false],
  ['a broker does not know what went wrong after it wrote', -1, true],
  ['an error that nobody knows, and the batch is written', 999, true],
  ['a number out of order', 45, false],
  ['an epoch that is over', 47, false],
  ['a producer that is fenced', 90, false],
  ['a producer that the broker does not know', 59, false]
]

const cases: readonly Case[] = [
  ...codes.map(([title, error, written]): Case => ({ title, fault: { error, written }, match: { partition: 0 } })),
  { title: 'an answer comes late, but in time', fault: { lateMs: requestTimeoutMs / 2 } },
  { title: 'an answer comes too late', fault: { lateMs: requestTimeoutMs + 300 } },
  { title: 'a batch is written and never answered', fault: { silent: 'after' } },
  { title: 'a batch is neither written nor answered', fault: { silent: 'before' } },
  { title: 'the connection ends after a batch was written', fault: { drop: 'after' } },
  { title: 'the connection ends before a batch is written', fault: { drop: 'before' } },
  { title: 'the connection ends in the middle of an answer', fault: { drop: 'inside' } },
  { title: 'an answer comes byte by byte', fault: { drip: true } },
  { title: 'an answer says that it is two gigabytes long', fault: { frameBytes: 0x7fffffff } },
  { title: 'an answer has a negative length', fault: { frameBytes: -1 } },
  { title: 'an answer has the number of another one', fault: { correlation: 'wrong' } },
  { title: 'a connection goes silent in both directions, and new ones work', fault: { stall: true } },
  { title: 'an answer leaves out a batch that is written', fault: { omitted: true, written: true }, match: { partition: 1 } },
  { title: 'an answer leaves out a batch that is not written', fault: { omitted: true, written: false }, match: { partition: 1 } }
]

const underLoadScenarios = cases.map(({ title, fault, match, times = 2 }): Scenario => ({
  title,
  async run (t, make) {
    const stage = await setStage(t, make)
    await underLoad(stage, async () => {
      await stage.double.script({ api: 'Produce', ...match, times }, fault).played(times)
    })
    await assertAllWritten(t, stage)
  }
}))

/** While a sink gets to know the cluster. */
const beginnings: readonly Case[] = [
  { title: 'the first answer about versions never comes', fault: { silent: 'before' }, match: { api: 'ApiVersions' }, times: 1 },
  { title: 'the first answer about versions is cut', fault: { drop: 'inside' }, match: { api: 'ApiVersions' } },
  { title: 'the first look-ups are answered with an error', fault: { error: 5 }, match: { api: 'Metadata', topic: 'orders' } },
  { title: 'the first look-up is never answered', fault: { silent: 'after' }, match: { api: 'Metadata', topic: 'orders' }, times: 1 },
  { title: 'the first look-ups are cut', fault: { drop: 'inside' }, match: { api: 'Metadata', topic: 'orders' } },
  { title: 'no producer id is given at first', fault: { error: 15 }, match: { api: 'InitProducerId' } },
  { title: 'a producer id gets lost on its way', fault: { drop: 'after' }, match: { api: 'InitProducerId' } },
  { title: 'a producer id never comes', fault: { silent: 'after' }, match: { api: 'InitProducerId' }, times: 1 }
]

const beginningScenarios = beginnings.map(({ title, fault, match, times = 2 }): Scenario => ({
  title,
  async run (t, make) {
    const stage = await setStage(t, make, { before: double => { double.script({ ...match, times }, fault) } })
    for (let i = 0; i < 50; i++) stage.recorder.send({ key: `key-${i}`, deadlineInMs: 25_000 })
    await stage.recorder.settled()
    const asked = stage.double.requests.filter(({ api }) => api === match?.api)
    t.ok(asked.length > times, `it was asked ${asked.length} times`)
    await assertAllWritten(t, stage)
  }
}))

export const answerScenarios: readonly Scenario[] = [...underLoadScenarios, ...beginningScenarios]
