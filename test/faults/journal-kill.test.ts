// The journal under kill -9 of the whole gateway at random points under load: what was acknowledged stays.

import t from 'tap'
import type { Test } from 'tap'
import { join } from 'node:path'
import { startGatewayProcess } from '../support/gateway-process.ts'
import { checkHistory, countsOf } from '../support/history.ts'
import type { SentEvent } from '../support/history.ts'
import { journalContents } from '../support/journal-history.ts'
import { startSender } from '../support/sender.ts'

const roundCount = process.env.SLUICE_FAULT_ACKS === undefined ? 6 : 200
const acksPerRoundMax = 400
/** A machine with other things to do may not get to all rounds. */
const roundsMsMax = process.env.SLUICE_FAULT_ACKS === undefined ? 100_000 : Infinity
const roundCountMin = 3
/** From the start of the process to its first listening port. */
const readyMsMax = 3_000

const config = `
listeners:
  - { protocol: http, port: 0 }
  - { protocol: health, port: 0 }
workers: 2
sink: journal
journal: { segmentBytesMax: 1MiB }
routes:
  - { name: faults, channel: faults, topic: faults, key: { pointer: /key } }
`

async function nothingLost (t: Test, dir: string, sent: readonly SentEvent[]): Promise<void> {
  const { stored, damage } = await journalContents(dir)
  const report = checkHistory(sent, stored)
  t.comment(JSON.stringify(countsOf(report)))
  t.same(damage, [])
  t.same(report.lost, [], 'acknowledged but lost')
  t.same(report.corrupted, [], 'corrupted')
  t.same(report.phantom, [], 'refused but present')
  t.same(report.misplaced, [], 'not where the receipt says')
  t.same(report.duplicated, [], 'duplicated')
  t.same(report.reordered, [], 'reordered within a stream')
}

t.test(`kill -9 under load, ${roundCount} times`, { timeout: 60_000 + roundCount * 15_000 }, async t => {
  const folder = t.testdir()
  const sent: SentEvent[] = []
  const readyMs: number[] = []
  const endMs = performance.now() + roundsMsMax
  for (let round = 0; round < roundCount && (round < roundCountMin || performance.now() < endMs); round++) {
    const startMs = performance.now()
    const gateway = await startGatewayProcess(folder, config)
    readyMs.push(Math.round(performance.now() - startMs))
    const sender = startSender({
      port: gateway.port, channel: 'faults', connections: 12, batch: round % 3 === 0 ? 10 : 1, padBytes: 2_000
    })
    await sender.written(1 + Math.floor(Math.random() * acksPerRoundMax), 60_000)
    await gateway.kill()
    await sender.stop()
    sent.push(...sender.sent)
  }
  t.comment(`ready after ${readyMs.join(', ')} ms`)
  // The quickest start on a full journal, beside the first one, on an empty folder: the rest tells of the machine.
  const [empty = 0, ...later] = readyMs
  const readyMost = Math.max(readyMsMax, 2 * empty)
  t.ok(Math.min(...later) <= readyMost, `ready after ${Math.min(...later)} ms`)
  t.ok(sent.some(one => one.told === 'none'), 'events were in flight')
  await nothingLost(t, join(folder, 'data/journal'), sent)
})
