// A limit of 10,000 events per second over two workers: never more than it promises, and nothing refused without need.

import t from 'tap'
import type { Test } from 'tap'
import { createHash, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { setEnvironmentData } from 'node:worker_threads'
import { loadConfig } from '../../src/config/load.ts'
import { startGateway } from '../../src/gateway.ts'
import type { Gateway } from '../../src/gateway.ts'
import { schema, settingChecks } from '../../src/settings.ts'
import { recordName, recordNumbers } from '../support/decision-recorder.ts'
import type { Record } from '../support/decision-recorder.ts'
import { offer } from '../support/limit-load.ts'
import type { LoadOptions, LoadReport } from '../support/limit-load.ts'
import { deniedUnits, excessUnits } from '../support/limit-trace.ts'
import type { Decision } from '../support/limit-trace.ts'
import { metricOf } from '../support/metrics.ts'
import { readyz } from '../support/readyz.ts'
import { until } from '../support/until.ts'
import type { BreakMessage } from '../support/worker-breaker.ts'

const eventsCount = Math.floor(Number(process.env.SLUICE_FAULT_EVENTS ?? 120_000))
const promised = { unitsPerSecondMax: 10_000, burstUnits: 2_000 }
const apiKey = randomBytes(24).toString('base64url')
const connectionsMax = 40
/**
 * Units by which a trace may seem to be off. Threads know the distance of their clocks to 1 us, and a count of time is
 * in whole ticks: together far less than the 50 us in which half a unit comes back.
 */
const clockUnits = 0.5

const mix: LoadOptions['mix'] = [
  { connectionsCount: 6, eventsEach: 1_000, fresh: false },
  { connectionsCount: 2, eventsEach: 500, fresh: true },
  { connectionsCount: 4, eventsEach: 1, fresh: false },
  { connectionsCount: 2, eventsEach: 1, fresh: true }
]

const config = `
listeners:
  - { protocol: http, port: 0 }
  - { protocol: health, port: 0 }
workers: 2
sink: journal
log: { level: silent }
principals: [ { name: shop, credentials: [ apiKey: "sha256:${createHash('sha256').update(apiKey).digest('hex')}" ] } ]
authentication: [ auth-api-key ]
policies: [ connection-limit: { connectionsMax: ${connectionsMax} } ]
routes:
  - name: limited
    channel: limited
    topic: limited
    policies:
      - in-flight-limit: { eventsMax: 1000000 }
      - rate-limit: { eventsPerSecondMax: ${promised.unitsPerSecondMax}, burstEventsMax: ${promised.burstUnits} }
`

interface Rig {
  readonly gateway: Gateway
  readonly port: number
  readonly healthPort: number
  readonly trace: () => Trace
}
interface Trace { readonly decisions: readonly Decision[], readonly lostCount: number }

async function startRig (folder: string, decisionsMax: number): Promise<Rig> {
  const record: Record = {
    count: new SharedArrayBuffer(4), numbers: new SharedArrayBuffer(decisionsMax * recordNumbers * 8)
  }
  setEnvironmentData(recordName, record)
  const path = join(folder, 'sluice.yaml')
  const readFile = (): string => { throw new Error('this config names no file') }
  const loaded = loadConfig({ text: config, path, env: {}, readFile, schema, checks: settingChecks })
  if ('mistakes' in loaded) throw new Error(JSON.stringify(loaded.mistakes, undefined, 1))
  const modules = ['worker-breaker', 'decision-recorder'].map(name => new URL(`../support/${name}.ts`, import.meta.url).href)
  const gateway = await startGateway({
    document: loaded.document, baseDir: folder, version: '0.0.0-test',
    workerExecArgv: modules.flatMap(module => ['--import', module])
  })
  const portOf = (protocol: string): number => gateway.listening.find(one => one.protocol === protocol)?.port ?? 0
  return {
    gateway, port: portOf('http'), healthPort: portOf('health'),
    trace () {
      const numbers = new Float64Array(record.numbers)
      const count = new Int32Array(record.count)[0] ?? 0
      const decisions = Array.from({ length: Math.min(count, decisionsMax) }, (_, at) => {
        const [beforeMs = 0, afterMs = 0, askedUnits = 0, grantedUnits = 0] =
          numbers.subarray(at * recordNumbers, (at + 1) * recordNumbers)
        return { beforeMs, afterMs, askedUnits, grantedUnits }
      })
      return { decisions, lostCount: count - decisions.length }
    }
  }
}

const sumOf = (decisions: readonly Decision[], of: 'askedUnits' | 'grantedUnits'): number =>
  decisions.reduce((sum, one) => sum + one[of], 0)

function checkTraces (t: Test, report: LoadReport, { decisions, lostCount }: Trace): void {
  const seen = excessUnits(report.decisions, promised)
  const made = excessUnits(decisions, promised)
  const denied = deniedUnits(decisions, promised)
  t.comment(`${report.offeredCount} events in ${decisions.length} decisions, ${report.writtenCount} written, ` +
    `${report.refusedCount} refused, ${report.brokenCount} requests broken, others ${JSON.stringify([...report.others])}; ` +
    `most above the promise: ${seen.toFixed(2)} as seen by senders, ${made.toFixed(2)} as decided; ` +
    `most denied: ${denied.toFixed(2)}`)
  t.equal(lostCount, 0, 'every decision is in the trace')
  t.ok(report.refusedCount > report.writtenCount / 10, 'more was offered than the limit lets through')
  t.ok(seen <= clockUnits, `at no instant more than promised, by what senders saw: ${seen}`)
  t.ok(made <= clockUnits, `at no instant more than promised, by what was decided: ${made}`)
  t.ok(denied < 1 + clockUnits, `nothing was refused while there was room: ${denied}`)
  t.ok(sumOf(decisions, 'grantedUnits') >= report.writtenCount, 'no event was written without a decision')
}

/** Whatever is held is given back once nothing is on its way and nobody is connected. */
async function allGivenBack ({ gateway, healthPort }: Rig): Promise<void> {
  const left = (): Promise<number> => metricOf(healthPort, 'sluice_limit_keys')
  let leftCount = -1
  await until(async () => (leftCount = await left()) === 0, {
    timeoutMs: 20_000, what: () => `all limits at zero: ${leftCount} keys count something, of ${gateway.listening.length}`
  })
}

t.test('two workers', { timeout: 600_000 }, async t => {
  const rig = await startRig(t.testdir(), 2 * eventsCount)
  t.teardown(() => rig.gateway.stop())

  await t.test('let through what the limit promises, no event more, and refuse none without need', async t => {
    const keys: Promise<number>[] = []
    const report = await offer({
      port: rig.port, channel: 'limited', apiKey, mix, eventsCount: eventsCount / 2,
      onOffered (offeredCount) {
        if (offeredCount > keys.length * eventsCount / 20) keys.push(metricOf(rig.healthPort, 'sluice_limit_keys'))
      }
    })
    t.equal(Math.max(...await Promise.all(keys)), 3, 'all three limits count meanwhile')
    const trace = rig.trace()
    checkTraces(t, report, trace)
    t.same([...report.others], [], 'written or limited, nothing else')
    t.equal(report.brokenCount, 0)
    t.equal(sumOf(trace.decisions, 'grantedUnits'), report.writtenCount, 'what was granted is what was written')
    await allGivenBack(rig)
  })

  await t.test('of which one dies half-way neither forget nor lose what was counted', async t => {
    const before = rig.trace().decisions.length
    let isBroken = false
    const report = await offer({
      port: rig.port, channel: 'limited', apiKey, mix, eventsCount: eventsCount / 2,
      onOffered (offeredCount) {
        if (isBroken || offeredCount < eventsCount / 4) return
        isBroken = true
        const message: BreakMessage = { kind: 'break', how: 'throw' }
        rig.gateway.supervisor.threads[0]?.postMessage(message)
      }
    })
    await until(async () => (await readyz(rig.healthPort)).status === 'ok' && rig.gateway.supervisor.restartCount === 1, {
      timeoutMs: 60_000, what: () => `a second worker again, after ${rig.gateway.supervisor.restartCount} restarts`
    })
    const { decisions, lostCount } = rig.trace()
    checkTraces(t, report, { decisions: decisions.slice(before), lostCount })
    await allGivenBack(rig)
    const after = await offer({ port: rig.port, channel: 'limited', apiKey, mix, eventsCount: eventsCount / 4 })
    const all = rig.trace()
    checkTraces(t, after, { decisions: all.decisions.slice(decisions.length), lostCount: all.lostCount })
    t.ok(excessUnits(all.decisions, promised) <= clockUnits, 'over all of it')
    await allGivenBack(rig)
  })
})
