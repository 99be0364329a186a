// Keeps one connection to the cluster for looking up topics, tries for ever, and knows whether Kafka can be reached.

import type { SinkHealth } from '../../contract/sink.ts'
import { backoffMs } from '../backoff.ts'
import { problemOf } from '../classify.ts'
import type { OperatorLog } from '../operator-log.ts'
import type { AdminLink, Driver } from './driver.ts'

/** Least time between two connections, in milliseconds, however often somebody doubts the present one. */
const doubtMs = 1_000

/** There has been no connection yet. */
export class NotConnectedError extends Error {}

export class Connection {
  readonly #driver: Driver
  readonly #log: OperatorLog
  #link: AdminLink | undefined
  #reason = 'connecting to Kafka for the first time'
  #failureCount = 0
  #connecting = false
  #connectedAtMs = 0
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor (driver: Driver, log: OperatorLog) {
    this.#driver = driver
    this.#log = log
  }

  start (): void {
    void this.#connect()
  }

  health (): SinkHealth {
    return { ready: this.#reason === '', reason: this.#reason }
  }

  /** The leader of each partition of a topic. Rejects where Kafka cannot be reached or refuses the topic. */
  async leaders (topic: string): Promise<readonly number[]> {
    if (this.#link === undefined) throw new NotConnectedError(this.#reason)
    return this.#link.leaders(topic)
  }

  /** Told when a request failed for want of a connection: looks whether any broker still answers. */
  doubt (): void {
    if (this.#closed || this.#connecting || this.#timer !== undefined) return
    const waitMs = Math.max(0, this.#connectedAtMs + doubtMs - performance.now())
    this.#later(waitMs)
  }

  async close (): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#reason = 'this gateway is stopping'
    await this.#link?.close()
  }

  #later (waitMs: number): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      void this.#connect()
    }, waitMs)
  }

  /** Connects anew; the old link serves until the new one does. */
  async #connect (): Promise<void> {
    if (this.#connecting) return
    this.#connecting = true
    const before = this.#link
    const link: AdminLink = this.#driver.openAdmin(() => { if (this.#link === link) this.doubt() })
    try {
      await link.connect()
      this.#established(link)
    } catch (error) {
      this.#failed(error)
      await link.close()
    } finally {
      this.#connecting = false
    }
    if (this.#link !== before) await before?.close()
    if (this.#closed) await link.close()
    else if (this.#reason !== '') this.#later(backoffMs(this.#failureCount))
  }

  #established (link: AdminLink): void {
    if (this.#closed) return
    if (this.#reason !== '') this.#log.info({}, 'connected to Kafka')
    this.#link = link
    this.#reason = ''
    this.#failureCount = 0
    this.#connectedAtMs = performance.now()
  }

  #failed (error: unknown): void {
    if (this.#closed) return
    const problem = problemOf(error)
    this.#failureCount++
    this.#reason = problem.text
    this.#log.warn(problem.cause, { cause: problem.cause, reason: problem.text }, 'cannot connect to Kafka')
  }
}
