// How long a connection may take for what it does, and how many signs of life it may give: what it ends for in time.

import type { WebsocketConfig } from './config.ts'
import { closings } from './reply.ts'

export interface Ending { readonly code: number, readonly reason: string }

/** Frames that came, of kinds of which a connection may send few. */
export interface FrameCounts { readonly controlCount: number, readonly fragmentCount: number }

/** How a connection stands when the door looks at it. */
export interface Standing {
  /** True while it has not proved who it is; not while that is being found out. */
  readonly isUnproven: boolean
  readonly expiresAtMs: number | undefined
  /** What has come of a message that is not whole. */
  readonly openBytes: number
  readonly isPaused: boolean
  /** True where events are in flight or wait. */
  readonly isBusy: boolean
  readonly frames: FrameCounts
  /** False where the node has no room for what it sends, or has others' events to refuse first. */
  readonly isServed: boolean
  /** When an event of it was last written. */
  readonly writtenMs: number
}

export const noRoom = 'this node has no room now; connect again later'

export class Patience {
  readonly #config: WebsocketConfig
  readonly #openedMs: number
  #messageMs: number
  #servedMs: number
  #stillSinceMs: number
  #messageCount = 0
  #sweptCount = 0
  #frames: FrameCounts = { controlCount: 0, fragmentCount: 0 }
  #framesSinceMs: number

  constructor (config: WebsocketConfig, nowMs: number) {
    this.#config = config
    this.#openedMs = this.#messageMs = this.#servedMs = this.#stillSinceMs = this.#framesSinceMs = nowMs
  }

  message (nowMs: number): void {
    this.#messageMs = nowMs
    this.#messageCount += 1
  }

  /** Why the connection is to end at once: too many frames of a kind in about a second, or too much of nobody known. */
  floodOf ({ controlCount, fragmentCount }: FrameCounts, unprovenBytes: number): Ending | undefined {
    const { controlFramesPerSecondMax, fragmentsPerSecondMax, authenticateBytesMax } = this.#config
    if (controlCount - this.#frames.controlCount > controlFramesPerSecondMax) {
      return { code: closings.policy, reason: `more than ${controlFramesPerSecondMax} pings a second; send fewer` }
    }
    if (fragmentCount - this.#frames.fragmentCount > fragmentsPerSecondMax) {
      return { code: closings.policy, reason: `more than ${fragmentsPerSecondMax} tiny fragments a second; send larger ones` }
    }
    if (unprovenBytes <= authenticateBytesMax) return undefined
    return { code: closings.policy, reason: 'too much was sent before it was known who sends' }
  }

  /** Why the connection is to end now. */
  judge (nowMs: number, standing: Standing): Ending | undefined {
    if (nowMs - this.#framesSinceMs >= 1_000) {
      const { controlCount, fragmentCount } = standing.frames
      this.#framesSinceMs = nowMs
      this.#frames = { controlCount, fragmentCount }
    }
    return this.#judgeProof(nowMs, standing) ?? this.#judgeMessage(nowMs, standing) ?? this.#judgeRest(nowMs, standing)
  }

  #judgeProof (nowMs: number, { isUnproven, expiresAtMs }: Standing): Ending | undefined {
    const { authenticateTimeoutMs } = this.#config
    if (isUnproven && nowMs - this.#openedMs > authenticateTimeoutMs) {
      return { code: closings.unauthenticated, reason: `authenticate within ${authenticateTimeoutMs} ms` }
    }
    if (expiresAtMs === undefined || Date.now() < expiresAtMs) return undefined
    return { code: closings.unauthenticated, reason: 'the credential has expired; connect with a fresh one' }
  }

  #judgeMessage (nowMs: number, { openBytes, isPaused }: Standing): Ending | undefined {
    const isStill = openBytes > 0 && !isPaused && this.#messageCount === this.#sweptCount
    this.#sweptCount = this.#messageCount
    if (!isStill) this.#stillSinceMs = nowMs
    const { messageTimeoutMs } = this.#config
    if (nowMs - this.#stillSinceMs <= messageTimeoutMs) return undefined
    return { code: closings.policy, reason: `a message was not complete after ${messageTimeoutMs} ms` }
  }

  #judgeRest (nowMs: number, { isBusy, isServed, writtenMs }: Standing): Ending | undefined {
    const { idleTimeoutMs, overloadTimeoutMs } = this.#config
    this.#servedMs = isServed ? nowMs : Math.max(this.#servedMs, writtenMs)
    if (nowMs - this.#servedMs > overloadTimeoutMs) return { code: closings.overloaded, reason: noRoom }
    if (isBusy || nowMs - this.#messageMs <= idleTimeoutMs) return undefined
    return { code: closings.idle, reason: `no message came for ${idleTimeoutMs} ms` }
  }
}
