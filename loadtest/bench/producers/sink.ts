// This gateway's producer through its public Sink, driven as the pipeline does: distinct records, integer tickets.

import { writeFileSync } from 'node:fs'
import { Session } from 'node:inspector/promises'
import { join } from 'node:path'
import type { Outcome, Settler } from '../../../src/contract/outcome.ts'
import type { SinkRecord } from '../../../src/contract/sink.ts'
import { createKafkaSink } from '../../../src/kafka/sink.ts'
import { createBudget, createBudgetCells } from '../../../src/shared/budget.ts'
import { readProducerSetup, serveRuns, valueOf } from './producer-child.ts'

/** Tickets that are open at a time. */
const openMax = 10_000
/** Records delivered before the event loop may turn: what one read of a busy socket brings. */
const perTurnMax = 500

const { brokers, topic, driver, recordBytes, keyed, headers, profileFolder } = readProducerSetup()
const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: console.error }
const sink = createKafkaSink({
  config: {
    brokers: [...brokers], clientId: 'bench', driver, connectionTimeoutMs: 5_000,
    producer: {
      lingerMs: 5, batchBytesMax: 1_048_576, deliveryTimeoutMs: 30_000, compression: 'none', topicsMax: 100
    }
  },
  log: silent, requestTimeoutMs: 10_000, budget: createBudget(createBudgetCells(1), 0, 64 * 1_048_576),
  retryAfterMs: () => 1_000
})
await sink.start()

/** What one read of a socket brings: the values of a door's records are slices of it. */
const readBytes = 65_536
let read = Buffer.alloc(0)
let readAt = 0

function sliceOf (number: number): Buffer {
  if (readAt + recordBytes > read.length) {
    read = Buffer.alloc(Math.max(readBytes, recordBytes))
    readAt = 0
  }
  const value = read.subarray(readAt, readAt + recordBytes)
  value.set(valueOf(number, recordBytes))
  readAt += recordBytes
  return value
}

const noHeaders: readonly string[] = []
const threeHeaders = ['ce_id', '0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b', 'ce_source', '/bench', 'ce_type', 'bench.event']

function recordOf (number: number): SinkRecord {
  return {
    topic, key: keyed ? Buffer.from(`key-${number % 10_000}`) : null, value: sliceOf(number),
    headers: headers ? threeHeaders : noHeaders, timestampMs: Date.now(), id: `id-${number}`, source: '/bench'
  }
}

/** Made before the clock runs: what making records costs is the pipeline's. None is used again before it is settled. */
const records = Array.from({ length: 2 * openMax }, (_, at) => recordOf(at))

class Run implements Settler {
  readonly done: Promise<void>
  readonly #count: number
  #sentCount = 0
  #settledCount = 0
  #planned = false
  readonly #end: PromiseWithResolvers<undefined> = Promise.withResolvers()

  constructor (count: number) {
    this.#count = count
    this.done = this.#end.promise
    this.#fill()
  }

  settle (ticket: number, outcome: Outcome): void {
    if (outcome.outcome !== 'written') this.#end.reject(new Error(`ticket ${ticket}: ${JSON.stringify(outcome)}`))
    this.#settledCount++
    if (this.#settledCount === this.#count) this.#end.resolve(undefined)
    else this.#fillSoon()
  }

  #fillSoon (): void {
    if (this.#planned || this.#sentCount === this.#count) return
    this.#planned = true
    setImmediate(() => { this.#fill() })
  }

  #fill (): void {
    this.#planned = false
    const room = Math.min(perTurnMax, openMax - (this.#sentCount - this.#settledCount), this.#count - this.#sentCount)
    const deadlineMs = performance.now() + 30_000
    for (let i = 0; i < room; i++) {
      const number = this.#sentCount++
      const record = records[number % records.length]
      if (record !== undefined) sink.deliver(record, this, number, deadlineMs)
    }
    if (room === perTurnMax) this.#fillSoon()
  }
}

let session: Session | undefined
if (profileFolder !== undefined) {
  session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.setSamplingInterval', { interval: 200 })
}

async function run (recordsCount: number): Promise<void> {
  await session?.post('Profiler.start')
  await new Run(recordsCount).done
  if (session === undefined || profileFolder === undefined) return
  const { profile } = await session.post('Profiler.stop')
  writeFileSync(join(profileFolder, 'producer.cpuprofile'), JSON.stringify(profile))
}

serveRuns(run, () => sink.drain(5_000))
