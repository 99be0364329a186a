// The operator's lines about Kafka: each cause at most once in ten seconds, with the number of those left out.

import type { Log } from '../contract/adapter.ts'

const quietMs = 10_000
/** Causes come from closed tables and topic names; a full table is emptied. */
const causesMax = 1_000

export class OperatorLog {
  readonly #log: Log
  readonly #now: () => number
  readonly #last = new Map<string, { atMs: number, leftOutCount: number }>()

  constructor (log: Log, now: () => number = () => performance.now()) {
    this.#log = log
    this.#now = now
  }

  warn (cause: string, fields: Record<string, unknown>, message: string): void {
    const nowMs = this.#now()
    const last = this.#last.get(cause)
    if (last !== undefined && nowMs - last.atMs < quietMs) {
      last.leftOutCount++
      return
    }
    if (this.#last.size >= causesMax) this.#last.clear()
    this.#last.set(cause, { atMs: nowMs, leftOutCount: 0 })
    const leftOutCount = last?.leftOutCount ?? 0
    this.#log.warn(leftOutCount === 0 ? fields : { ...fields, leftOutCount }, message)
  }

  info (fields: Record<string, unknown>, message: string): void {
    this.#log.info(fields, message)
  }
}
