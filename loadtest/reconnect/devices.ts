// Starts the process of silent devices, tells it what to do, and knows how its devices fare.

import { until } from '../../test/support/until.ts'
import { endChild, startChild } from '../bench/child.ts'
import type { Admissions, DevicesSetup, DevicesState, FromDevices, ToDevices } from './devices-child.ts'

const nothing: DevicesState = {
  kind: 'state', connectedCount: 0, admittedCount: 0, attemptCount: 0, busyCount: 0, endings: {}
}
const answerMs = 30_000

export class Devices {
  state = nothing
  #admissions: Admissions[] = []
  #error: unknown
  readonly #child = startChild({ file: new URL('./devices-child.ts', import.meta.url), core: undefined })

  constructor () {
    this.#child.on('message', (message: FromDevices) => {
      if (message.kind === 'state') this.state = message
      else this.#admissions.push(message)
    })
    // Whoever waits for an answer is told.
    this.#child.on('error', error => { this.#error = error })
  }

  #say (message: ToDevices): void { this.#child.send(message) }

  async #answer (isThere: () => boolean): Promise<void> {
    await until(isThere, { timeoutMs: answerMs, what: () => `an answer of the devices: ${String(this.#error)}` })
  }

  start (setup: DevicesSetup): void { this.#say({ kind: 'start', setup }) }
  hold (): void { this.#say({ kind: 'hold' }) }
  return (): void { this.#say({ kind: 'return' }) }

  /** What it has counted so far does not count. */
  async countAnew (): Promise<void> {
    this.#say({ kind: 'count-anew' })
    await this.#answer(() => this.state.attemptCount === 0)
  }

  /** When each was let in. */
  async admittedAtMs (): Promise<readonly number[]> {
    this.#admissions = []
    this.#say({ kind: 'admissions' })
    await this.#answer(() => this.#admissions.length > 0)
    return this.#admissions[0]?.atMs ?? []
  }

  end (): Promise<void> { return endChild(this.#child) }
}
