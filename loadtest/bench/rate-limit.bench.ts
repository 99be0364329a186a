// Question: what does one decision of a shared-memory limit cost, alone and with a second thread on the same key?
// By hand: node loadtest/bench/rate-limit.bench.ts. Shows the quickest of many short rounds, which a busy machine
// disturbs least; the second thread takes from the same key as fast as it can all the while.

import { isMainThread, Worker, workerData } from 'node:worker_threads'
import { rateLimit } from '../../plugins/rate-limit/index.ts'
import { noAttributes, noExtensions } from '../../src/contract/envelope.ts'
import type { Envelope } from '../../src/contract/envelope.ts'
import type { Table, TableSettings } from '../../src/contract/table.ts'
import { createTableClock } from '../../src/shared/table-clock.ts'
import { createTable, createTableMemory } from '../../src/shared/table.ts'

interface Contender {
  readonly shared: SharedArrayBuffer
  readonly settings: TableSettings
  /** Counts its decisions. */
  readonly running: SharedArrayBuffer
}

const roundCount = 300
const callCount = 1_000
const hourMs = 3_600_000
let sink = 0

/** Nanoseconds per call in the quickest round. */
function nanoseconds (work: (at: number) => number): number {
  let least = Infinity
  for (let round = 0; round < roundCount; round++) {
    const startedMs = performance.now()
    for (let at = 0; at < callCount; at++) sink += work(at)
    least = Math.min(least, (performance.now() - startedMs) * 1e6 / callCount)
  }
  return least
}

function show (name: string, work: (at: number) => number): void {
  console.log(`${name.padEnd(56)} ${nanoseconds(work).toFixed(0).padStart(6)} ns`)
}

const settingsOf = {
  passing: { kind: 'bucket', unitsPerSecondMax: 10_000_000, burstUnits: 10_000_000, keysMax: 10_000 },
  refusing: { kind: 'bucket', unitsPerSecondMax: 1 / hourMs, burstUnits: 1, keysMax: 10_000 },
  level: { kind: 'level', levelMax: 1_000_000, keysMax: 10_000 },
  window: { kind: 'window', window: 'day', unitsMax: 2 ** 43, keysMax: 10_000 }
} as const satisfies Record<string, TableSettings>

function memoryOf (settings: TableSettings): SharedArrayBuffer {
  return createTableMemory(settings, { workerCount: 8, seed: { low: 3, high: 9 }, clock: createTableClock() })
}

function takeAndGive (table: Table, key: string): number {
  const taken = table.take(key, 1, true)
  if (table.settings.kind === 'level') table.give(key, taken)
  return taken
}

function showTables (memory: Readonly<Record<string, SharedArrayBuffer>>, beside: string): void {
  for (const [name, settings] of Object.entries(settingsOf)) {
    const table = createTable(memory[name] ?? memoryOf(settings), settings, { worker: 0 })
    show(`${name}, one key${beside}`, () => takeAndGive(table, 'factory-7'))
  }
}

function envelopeOf (name: string): Envelope {
  return {
    id: '1', source: '/a', type: 'a', subject: undefined, time: undefined, datacontenttype: undefined, dataschema: undefined,
    extensions: noExtensions, channel: 'orders/eu', wrapped: true, data: Buffer.alloc(200), dataChecked: true,
    principal: { name, groups: [], anonymous: false }, attributes: noAttributes,
    peer: { address: '127.0.0.1', port: 1, secure: false, connectionId: 1 }, receivedAtMs: 0,
    traceparent: undefined, tracestate: undefined, patient: false
  }
}

async function main (): Promise<void> {
  const memory = Object.fromEntries(Object.entries(settingsOf).map(([name, settings]) => [name, memoryOf(settings)]))
  showTables(memory, '')
  const clock = createTableClock()
  show('the clock alone', () => clock.steadyMs())
  const many = createTable(memoryOf(settingsOf.passing), settingsOf.passing, { worker: 0 })
  const names = Array.from({ length: 1_000 }, (_, at) => `factory-${at}`)
  show('passing, a thousand keys in turn', at => many.take(names[at] ?? '', 1, true))

  const config = { per: 'principal', across: 'node' as const, eventsPerSecondMax: 10_000_000, keysMax: 10_000 }
  const tables = [createTable(memoryOf(settingsOf.passing), settingsOf.passing, { worker: 0 })]
  const log = { debug () {}, info () {}, warn () {}, error () {} }
  const judge = rateLimit.create({ config, principals: [], tables, log })
  const context = { route: 'orders', topic: 'orders', ack: 'kafka' } as const
  const envelope = envelopeOf('factory-7')
  show('policy rate-limit, one event', () => judge.judge(envelope, context) === undefined ? 1 : 0)
  const batch = Array.from({ length: 100 }, () => envelope)
  show('policy rate-limit, a batch of 100', () => judge.judgeMany?.(batch, context) === undefined ? 0 : 1)

  for (const [name, settings] of Object.entries(settingsOf)) {
    const shared = memory[name] ?? memoryOf(settings)
    const running = new SharedArrayBuffer(4)
    const told: Contender = { shared, settings, running }
    const thread = new Worker(new URL(import.meta.url), { workerData: told })
    const counted = new Int32Array(running)
    while (Atomics.load(counted, 0) < 10_000) await new Promise(resolve => setImmediate(resolve))
    const table = createTable(shared, settings, { worker: 0 })
    const before = Atomics.load(counted, 0)
    show(`${name}, one key, a second thread on it`, () => takeAndGive(table, 'factory-7'))
    if (Atomics.load(counted, 0) === before) console.log('  (the second thread did not run)')
    await thread.terminate()
  }
  if (sink === 0) console.log('nothing was measured')
}

function contend ({ shared, settings, running }: Contender): void {
  const table = createTable(shared, settings, { worker: 1 })
  const counted = new Int32Array(running)
  for (;;) {
    takeAndGive(table, 'factory-7')
    Atomics.add(counted, 0, 1)
  }
}

if (isMainThread) await main()
else contend(workerData as Contender)
