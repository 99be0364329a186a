// Who may still come in: the byte budget, and the signal that tells doors to stop reading before it is used up.

import type { Signal } from '../contract/adapter.ts'
import { refuse } from '../contract/outcome.ts'
import type { Refusal } from '../contract/outcome.ts'

/** The face of the node's byte budget that admission needs. */
export interface ByteBudget {
  take (bytes: number): boolean
  give (bytes: number): void
  leasedBytes (): number
  readonly bytesMax: number
}

export interface Admission {
  reserve (bytes: number): Refusal | undefined
  release (bytes: number): void
  readonly pressure: Signal
  /** Looks at the node's level again: other workers change it too. Called a few times per second. */
  check (): void
}

/** A signal and the function that sets it. */
export function createSignal (): { signal: Signal, set: (on: boolean) => void } {
  const listeners = new Set<(on: boolean) => void>()
  let on = false
  return {
    signal: {
      get on () { return on },
      watch (listener) {
        listeners.add(listener)
        return () => { listeners.delete(listener) }
      }
    },
    set (value) {
      if (value === on) return
      on = value
      for (const listener of listeners) listener(value)
    }
  }
}

const highWatermark = 0.8
const lowWatermark = 0.6
const retryAfterMs = 1_000

/** Admission over a byte budget. The pressure signal goes on above 80% of it and off below 60%. */
export function createAdmission (budget: ByteBudget): Admission {
  const { signal, set } = createSignal()

  function check (): void {
    const level = budget.leasedBytes() / budget.bytesMax
    if (level > highWatermark) set(true)
    else if (level < lowWatermark) set(false)
  }

  return {
    pressure: signal,
    check,
    reserve (bytes) {
      if (budget.take(bytes)) return undefined
      check()
      if (bytes > budget.bytesMax) {
        return refuse('too-large', `${bytes} bytes are more than this gateway's whole buffer of ${budget.bytesMax}`)
      }
      return refuse('overloaded', 'the buffer of this gateway is full; send again later', {
        retryAfterMs: retryAfterMs + Math.floor(Math.random() * retryAfterMs)
      })
    },
    release (bytes) {
      budget.give(bytes)
      if (signal.on) check()
    }
  }
}
