// What the journal's tests share: a config, records, a settler that remembers.

import type { Log } from '../../src/contract/adapter.ts'
import type { Outcome, Settler } from '../../src/contract/outcome.ts'
import type { SinkRecord } from '../../src/contract/sink.ts'
import type { JournalConfig } from '../../src/journal/config.ts'

export const quiet: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

export function journalConfigOf (dir: string, changed: Partial<JournalConfig> = {}): JournalConfig {
  return {
    dir, bytesMax: 1 << 30, segmentBytesMax: 64 << 20, groupBytesMax: 1 << 20, bufferBytesMax: 32 << 20, retryMs: 20,
    ...changed
  }
}

export function recordOf (index: number, value: Buffer | null = Buffer.from(`value ${index}`)): SinkRecord {
  return {
    topic: 'orders', key: Buffer.from(`key ${index}`), value, headers: ['ce_id', `id-${index}`],
    timestampMs: 1_700_000_000_000 + index, id: `id-${index}`, source: '/test'
  }
}

export class Collector implements Settler {
  readonly #outcomes = new Map<number, Outcome>()
  #wanted = 0
  #reached: (() => void) | undefined

  settle (ticket: number, outcome: Outcome): void {
    if (this.#outcomes.has(ticket)) throw new Error(`ticket ${ticket} was settled twice`)
    this.#outcomes.set(ticket, outcome)
    if (this.#outcomes.size >= this.#wanted) this.#reached?.()
  }

  of (ticket: number): Outcome | undefined {
    return this.#outcomes.get(ticket)
  }

  get size (): number { return this.#outcomes.size }

  /** Resolves when so many tickets are settled. */
  async count (wanted: number): Promise<void> {
    this.#wanted = wanted
    if (this.#outcomes.size >= wanted) return
    await new Promise<void>(resolve => { this.#reached = resolve })
  }
}
