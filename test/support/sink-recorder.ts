// Sends records to a sink, writes down what each ticket was told, and compares that with what Kafka holds.

import { randomUUID } from 'node:crypto'
import type { Outcome, Settler } from '../../src/contract/outcome.ts'
import type { Sink, SinkRecord } from '../../src/contract/sink.ts'
import { checkHistory, digestOf } from './history.ts'
import type { HistoryReport, SentEvent, Told } from './history.ts'
import type { StoredRecord } from './kafka-client.ts'

/** What a test says of a record; the rest is made up. */
export interface RecordOptions {
  readonly key?: string | Buffer | null
  readonly value?: string | Buffer | null
  readonly headers?: readonly (string | Buffer)[]
  /** 8 s unless told; 0 is no deadline. */
  readonly deadlineInMs?: number
}

interface Sent { readonly record: SinkRecord, readonly stream: string, outcome: Outcome | undefined }

interface Waiting { readonly ticket: number, readonly resolve: (outcome: Outcome) => void }

/** Made per sink and topic. A second settling of a ticket is kept in `faults`, which every test has to find empty. */
export class SinkRecorder implements Settler {
  readonly #sink: Sink
  readonly #topic: string
  readonly #sent: Sent[] = []
  #waiting: Waiting[] = []
  readonly faults: string[] = []

  constructor (sink: Sink, topic: string) {
    this.#sink = sink
    this.#topic = topic
  }

  get sentCount (): number { return this.#sent.length }
  get openCount (): number { return this.#sent.filter((each) => each.outcome === undefined).length }

  settle (ticket: number, outcome: Outcome): void {
    const sent = this.#sent[ticket]
    if (sent === undefined) this.faults.push(`ticket ${ticket} was never given out`)
    else if (sent.outcome !== undefined) this.faults.push(`ticket ${ticket} was settled twice`)
    else sent.outcome = outcome
    const here = this.#waiting.filter((each) => each.ticket === ticket)
    this.#waiting = this.#waiting.filter((each) => each.ticket !== ticket)
    for (const each of here) each.resolve(outcome)
  }

  /** Delivers one record; gives its ticket. */
  send (options: RecordOptions = {}): number {
    const { key = null, value = 'value', headers = [], deadlineInMs = 8_000 } = options
    const id = randomUUID()
    const record: SinkRecord = {
      topic: this.#topic,
      key: typeof key === 'string' ? Buffer.from(key) : key,
      value: typeof value === 'string' ? Buffer.from(value) : value,
      headers: ['ce_id', id, ...headers],
      timestampMs: Date.now(), id, source: '/test'
    }
    const ticket = this.#sent.push({ record, stream: String(key), outcome: undefined }) - 1
    this.#sink.deliver(record, this, ticket, deadlineInMs === 0 ? 0 : performance.now() + deadlineInMs)
    return ticket
  }

  outcomeOf (ticket: number): Promise<Outcome> {
    const outcome = this.#sent[ticket]?.outcome
    if (outcome !== undefined) return Promise.resolve(outcome)
    return new Promise((resolve) => { this.#waiting.push({ ticket, resolve }) })
  }

  /** Sends one and waits for what it is told. */
  ask (options: RecordOptions = {}): Promise<Outcome> {
    return this.outcomeOf(this.send(options))
  }

  /** Resolves when every ticket given out so far is settled. */
  async settled (): Promise<readonly Outcome[]> {
    return Promise.all(this.#sent.map((_, ticket) => this.outcomeOf(ticket)))
  }

  /** How many were told what, by outcome and code. */
  tally (): Readonly<Record<string, number>> {
    const counts: Record<string, number> = {}
    for (const { outcome } of this.#sent) {
      const name = outcome === undefined ? 'open' : 'code' in outcome ? outcome.code : 'written'
      counts[name] = (counts[name] ?? 0) + 1
    }
    return counts
  }

  /** The verdict over everything sent, given all that the topic holds. */
  check (stored: readonly StoredRecord[]): HistoryReport {
    const sent = this.#sent.map(({ record, stream, outcome }, order): SentEvent => ({
      id: record.id, stream, order, digest: digestOf(record.value ?? ''), told: told(outcome),
      ...(outcome?.outcome === 'written' ? { partition: outcome.partition, offset: outcome.offset } : {})
    }))
    return checkHistory(sent, stored.map((one) => ({
      id: one.headers['ce_id'] ?? '', digest: digestOf(one.value ?? ''), partition: one.partition, order: one.offset
    })))
  }
}

function told (outcome: Outcome | undefined): Told {
  if (outcome === undefined || outcome.outcome === 'received') return 'none'
  return outcome.outcome
}
