// Question: do many devices come back after a restart without starving those that are in?
// By hand: npm run mqtt:return [-- --devices 10000 --publishers 20]. What it does: loadtest/README.md.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { sharedKafka, skipWithoutKafka } from '../test/support/kafka-shared.ts'
import { heldCount } from './bench/program.ts'
import { wrongIn } from './reconnect/judgement.ts'
import { runStorms } from './reconnect/storm.ts'
import type { StormSetup } from './reconnect/storm.ts'
import { partitionCount } from './scenarios.ts'

const devicesMax = 25_000
const publishersMax = 1_000
/** The door's own defaults. */
const limits = { connectsPerSecondMax: 1_000, connectsWaitingMax: 5_000, connectWaitMs: 5_000 }
/** As libraries for devices do: a second, doubled, at most half a minute. */
const pauses = { pauseMs: 1_000, pauseMsMax: 30_000 }
const backMs = 90_000
const waitMs = 5_000

const { values } = parseArgs({
  options: { devices: { type: 'string', default: '10000' }, publishers: { type: 'string', default: '20' } }
})
const countOf = (text: string, most: number): number => Math.min(Math.max(1, Math.floor(Number(text)) || 1), most)
const devices = countOf(values.devices, devicesMax)
const publishers = countOf(values.publishers, publishersMax)

async function main (): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-return-'))
  const kafka = await sharedKafka()
  const topic = `return-${process.pid}-${Date.now()}`
  await kafka.createTopic(topic, { partitions: partitionCount })
  const setup: StormSetup = {
    folder, brokers: kafka.brokers, topic, devices, publishers, ...limits, ...pauses, backMs,
    tell: line => { console.log(line) }
  }
  try {
    const report = await runStorms(setup)
    const wrong = wrongIn(report, setup, { waitMs, heldCount: await heldCount({ brokers: kafka.brokers, topic }) })
    console.log(wrong.length === 0 ? `nothing is wrong; ${report.ackedCount} events acknowledged, all in Kafka` : wrong.join('\n'))
    return wrong.length === 0
  } finally {
    await kafka.deleteTopic(topic)
    await kafka.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

const filesMax = Number(execFileSync('sh', ['-c', 'ulimit -n']).toString())
if (filesMax < devices + 1_000) throw new Error(`${filesMax} files may be open: raise it (ulimit -n) or ask for fewer devices`)
const reason = await skipWithoutKafka()
if (reason !== false) throw new Error(reason)
process.exitCode = await main() ? 0 : 1
