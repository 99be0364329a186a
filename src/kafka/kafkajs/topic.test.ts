// A topic holds records until its partitions are known, then spreads them over lanes; what is gone is refused.

import t from 'tap'
import type { Outcome } from '../../contract/outcome.ts'
import { OperatorLog } from '../operator-log.ts'
import { Ledger } from './batch.ts'
import type { Entry } from './batch.ts'
import { Connection } from './connection.ts'
import type { Driver, ProducerLink } from './driver.ts'
import { Linger } from './linger.ts'
import { Topic } from './topic.ts'

type Found = readonly number[] | Error

class Stage {
  readonly ledger = new Ledger()
  readonly told: string[] = []
  readonly counts = { retries: 0, identitiesRetired: 0 }
  found: Found = new Error('not yet')
  askedCount = 0
  openedCount = 0
  closedCount = 0
  readonly topic: Topic

  constructor () {
    const driver: Driver = { openProducer: () => this.#link(), openAdmin: () => { throw new Error('not asked for') } }
    const log = new OperatorLog({ debug: () => {}, info: () => {}, warn: () => {}, error: () => {} })
    const connection = new Connection(driver, log)
    connection.leaders = async () => {
      this.askedCount++
      if (this.found instanceof Error) throw this.found
      return this.found
    }
    this.topic = new Topic('orders', {
      driver, connection, ledger: this.ledger, log, linger: new Linger(0), counts: this.counts,
      settings: {
        lingerMs: 0, batchBytesMax: 1_000, deliveryTimeoutMs: 30_000, compression: 'none', topicsMax: 1
      }
    })
  }

  #link (): ProducerLink {
    this.openedCount++
    return {
      spoiled: false,
      async send (_partition, _records, mayWrite) {
        mayWrite()
        return { kind: 'written', offset: 0 }
      },
      close: async () => { this.closedCount++ }
    }
  }

  deliver (ticket: number, key: string | null, deadlineMs = 0): void {
    const record = {
      topic: 'orders', key: key === null ? null : Buffer.from(key), value: null, headers: [], timestampMs: 1, id: 'i', source: 's'
    }
    const settler = {
      settle: (given: number, outcome: Outcome) => {
        this.told.push(`${given} ${'code' in outcome ? outcome.code : String(outcome.partition)}`)
      }
    }
    const entry: Entry = { record, settler, ticket, deadlineMs, bytes: 10, settled: false }
    this.ledger.take(entry)
    this.topic.deliver(entry)
  }

  async until (condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

const missing = Object.assign(new Error('no such topic'), { type: 'UNKNOWN_TOPIC_OR_PARTITION' })

t.test('records wait for the partitions, and a deadline takes back what waits too long', async (t) => {
  const stage = new Stage()
  stage.deliver(0, '21')
  stage.deliver(1, null, performance.now() + 10_000)
  await stage.until(() => stage.askedCount >= 2)
  stage.topic.sweep(performance.now() + 20_000)
  t.same(stage.told, ['1 sink-unavailable'])
  t.notOk(stage.topic.idle)
  stage.found = [1, 1, 1, 1, 1]
  await stage.until(() => stage.told.length === 2)
  t.equal(stage.told[1], '0 0', 'murmur2 of 21, positive, modulo 5')
  t.equal(stage.topic.laneCount, 1)
  await stage.until(() => stage.topic.idle)
  t.same([stage.ledger.heldBytes, stage.ledger.queuedCount, stage.ledger.openCount], [0, 0, 0])
  await stage.topic.close({ outcome: 'refused', code: 'shutting-down', detail: '', pointer: undefined, retryAfterMs: undefined })
  t.equal(stage.closedCount, stage.openedCount)
})

t.test('records without a key go only where there is a leader', async (t) => {
  const stage = new Stage()
  stage.found = [-1, 4, -1]
  for (let i = 0; i < 10; i++) stage.deliver(i, null)
  await stage.until(() => stage.told.length === 10)
  t.ok(stage.told.every((each) => each.endsWith(' 1')))
})

t.test('a missing topic is refused at once for a second, without asking for each record', async (t) => {
  const stage = new Stage()
  stage.found = missing
  stage.deliver(0, null)
  await stage.until(() => stage.told.length === 1)
  for (let i = 1; i < 100; i++) stage.deliver(i, null)
  t.equal(stage.told.length, 100)
  t.ok(stage.told.every((each) => each.endsWith('undeliverable')))
  t.equal(stage.askedCount, 1)
  t.ok(stage.topic.idle)
})

t.test('another number of partitions ends the identity, whose library does not know them', async (t) => {
  const stage = new Stage()
  stage.found = [1]
  stage.deliver(0, 'a')
  await stage.until(() => stage.told.length === 1)
  stage.found = [1, 1]
  stage.topic.usedAtMs = performance.now() + 70_000
  stage.topic.sweep(performance.now() + 70_000)
  await stage.until(() => stage.counts.identitiesRetired === 1)
  stage.deliver(1, 'a')
  await stage.until(() => stage.told.length === 2)
  t.equal(stage.openedCount, 2)
  t.equal(stage.closedCount, 1)
})
