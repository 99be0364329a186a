// Some hundred devices come at once to a door that lets in few in a second: the short run of `npm run mqtt:return`.

import t from 'tap'
import { sharedKafka, skipWithoutKafka } from '../../test/support/kafka-shared.ts'
import { heldCount } from '../bench/program.ts'
import { wrongIn } from './judgement.ts'
import { overflowsOf } from './overflows.ts'
import { runStorms } from './storm.ts'
import type { Storm, StormReport, StormSetup } from './storm.ts'

const setup: StormSetup = {
  folder: t.testdir(), brokers: [], topic: `return-${process.pid}-${Date.now()}`, devices: 300, publishers: 20,
  // Each worker takes six seconds for its half, and at any time has room for less than that.
  connectsPerSecondMax: 25, connectsWaitingMax: 60, connectWaitMs: 2_000, pauseMs: 250, pauseMsMax: 4_000,
  backMs: 60_000,
  tell: line => { t.comment(line) }
}

t.test('devices return without starving those that are in', { skip: await skipWithoutKafka(), timeout: 280_000 }, async t => {
  const kafka = await sharedKafka()
  t.teardown(() => kafka.stop())
  const { topic } = setup
  const { brokers } = kafka
  await kafka.createTopic(topic, { partitions: 3 })
  const report = await runStorms({ ...setup, brokers })
  const held = await heldCount({ brokers, topic })
  t.same(wrongIn(report, setup, { waitMs: 4_000, heldCount: held }), [])
  for (const { name, busyCount } of report.storms) t.ok(busyCount > 0, `${name}: ${busyCount} were told to come later`)
})

t.test('what is wrong is said', async t => {
  const waits = { stayedCount: 20, ackedCount: 100, medianMs: 5, mostMs: 50 }
  const good: Storm = {
    name: 'restart', comingCount: 300, attemptCount: 320, busyCount: 20, endings: { 'CONNACK 0x3': 20 },
    halfMs: 1_500, allMs: 4_000, aheadMost: 4, calm: waits, waits, residentMiB: 100, cpuMs: 300,
    overflowCount: 0
  }
  const wrongOf = (storm: Partial<Storm>, more: Partial<StormReport> = {}): string[] => wrongIn(
    { storms: [{ ...good, ...storm }], ackedCount: 100, drainedInTime: true, ...more }, setup,
    { waitMs: 1_000, heldCount: 100 })
  t.same(wrongOf({}), [])
  t.same(wrongOf({ comingCount: 299, attemptCount: 319 }), ['restart: 299 devices came, 300 should'])
  t.same(wrongOf({ waits: { ...waits, stayedCount: 19 } }), ['restart: 19 publishers stayed, 20 should'])
  t.same(wrongOf({ waits: { ...waits, ackedCount: 0 } }), ['restart: no event of publishers was acknowledged'])
  t.same(wrongOf({ waits: { ...waits, mostMs: 1_001 } }), ['restart: an event of a publisher waited for 1001 ms'])
  t.same(wrongOf({ aheadMost: 9 }), ['restart: 9 devices were let in ahead of the rate, 5 may be'])
  t.same(wrongOf({ endings: { 'no CONNACK': 1 } }), ['restart: 1 devices had no answer: {"no CONNACK":1}'])
  t.same(wrongOf({ endings: { 'no CONNACK': 1 }, overflowCount: 1 }), [], 'it was the system that gave none')
  t.same(wrongOf({ name: 'worker', endings: { 'no CONNACK': 1 } }), [], 'a worker that dies answers nobody')
  t.same(wrongOf({ busyCount: 19, endings: { 'CONNACK 0x5': 1 } }), ['restart: not told to come later: {"CONNACK 0x5":1}'])
  t.same(wrongOf({}, { drainedInTime: false }), ['the gateway did not stop in time'])
  t.same(wrongOf({}, { ackedCount: 101 }), ['Kafka holds 100 of 101 acknowledged events'])
})

t.test('what the system dropped is read by its name', async t => {
  t.equal(overflowsOf('TcpExt: SyncookiesSent ListenOverflows ListenDrops\nTcpExt: 1 22 333\nIpExt: A\nIpExt: 5\n'), 22)
  t.equal(overflowsOf('nothing'), 0)
})
