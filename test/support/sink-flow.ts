// A steady load on a sink, of clients who do not wait for each other, and waits for what becomes of it.

import { setTimeout as pause } from 'node:timers/promises'
import type { Test } from 'tap'
import { until } from './kafka-wire.ts'
import type { SinkRecorder } from './sink-recorder.ts'

/** Keys of a flow: `key-0` and so on. */
export const flowKeysCount = 20
/** So many records at a time. */
const turnCount = 5
const turnMsStandard = 10
const waitMs = 30_000

/** Sends a few keyed records each turn until it is stopped, or its test ends. The n-th has the value `value n`. */
export class Flow {
  readonly #recorder: SinkRecorder
  readonly #deadlineInMs: number
  readonly #turnMs: number
  readonly #ended: Promise<void>
  #stopped = false

  constructor (t: Test, recorder: SinkRecorder, deadlineInMs: number, turnMs = turnMsStandard) {
    this.#recorder = recorder
    this.#deadlineInMs = deadlineInMs
    this.#turnMs = turnMs
    this.#ended = this.#run()
    t.teardown(() => { this.#stopped = true })
  }

  async #run (): Promise<void> {
    for (let i = 0; !this.#stopped; i++) {
      this.#recorder.send({ key: `key-${i % flowKeysCount}`, value: `value ${i}`, deadlineInMs: this.#deadlineInMs })
      if (i % turnCount === 0) await pause(this.#turnMs)
    }
  }

  /** Resolves when everything sent is settled. */
  async stop (): Promise<void> {
    this.#stopped = true
    await this.#ended
    await this.#recorder.settled()
  }
}

/** Waits until so many more records than now were told `what`. */
export async function moreTold (recorder: SinkRecorder, what: string, count: number): Promise<void> {
  const aim = (recorder.tally()[what] ?? 0) + count
  await until({
    what: `${count} more records to be told ${what}`, timeoutMs: waitMs,
    explain: async () => ` (${JSON.stringify(recorder.tally())})`
  }, async () => (recorder.tally()[what] ?? 0) >= aim ? true : undefined)
}
