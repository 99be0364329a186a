// A pause after a failure: longer from one failure to the next, until something succeeds.

import { backoffMs } from '../backoff.ts'
import type { Clock } from '../clock.ts'

export class Pause {
  readonly #clock: Clock
  readonly #over: () => void
  #failureCount = 0
  #cancel: (() => void) | undefined

  /** `over` is called when a pause has ended by itself. */
  constructor (clock: Clock, over: () => void) {
    this.#clock = clock
    this.#over = over
  }

  get on (): boolean { return this.#cancel !== undefined }
  get failureCount (): number { return this.#failureCount }

  /** Counts a failure. Those during a pause are the same one: it goes on as it is. */
  begin (): void {
    if (this.#cancel !== undefined) return
    this.#failureCount++
    this.#cancel = this.#clock.after(backoffMs(this.#failureCount, this.#clock.random), () => {
      this.#cancel = undefined
      this.#over()
    })
  }

  /** Ends the pause: there is news. */
  end (): void {
    this.#cancel?.()
    this.#cancel = undefined
  }

  /** The next pause is a short one again. */
  succeeded (): void {
    this.#failureCount = 0
  }
}
